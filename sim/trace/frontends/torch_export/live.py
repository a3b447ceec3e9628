"""Reads a live ``torch.export.ExportedProgram`` by its documented interface; torch itself is not imported.

Used: ``graph.nodes`` (each with ``op``, ``target``, ``args``, ``kwargs``, ``meta["val"]``), the operator's ``_schema`` (the
names of its arguments), and ``graph_signature.input_specs`` / ``output_specs`` (``kind``, ``arg.name``, ``target``).
"""

from __future__ import annotations

from typing import Any

from sim.trace.frontends.torch_export.program import ELEMENT_TYPES, Call, Meta, Program, Ref, Size


def is_exported_program(model: object) -> bool:
    """Does it look like an ExportedProgram?"""
    return hasattr(model, "graph_signature") and hasattr(getattr(model, "graph", None), "nodes")


def read_program(exported: Any) -> Program:
    """The program of an ``ExportedProgram``."""
    metas: dict[str, Meta] = {}
    hints: dict[str, int] = {}
    names: dict[str, str] = {}  # what operator.getitem takes from a call is that output of the call
    calls = []
    for node in exported.graph.nodes:
        value = node.meta.get("val")
        if node.op == "call_function" and getattr(node.target, "__name__", "") == "getitem":
            names[node.name] = f"{node.args[0].name}#{node.args[1]}"
            continue
        values = list(value) if isinstance(value, (tuple, list)) else [value]
        outputs = [node.name] if len(values) == 1 and values[0] is value else [
            f"{node.name}#{position}" for position in range(len(values))]  # fmt: skip
        for name, one in zip(outputs, values, strict=True):
            if hasattr(one, "shape"):
                metas[name] = Meta(tuple(_size(extent, hints) for extent in one.shape), _element_type(one.dtype))
        if node.op == "call_function":
            known = tuple(name if name in metas else "" for name in outputs)
            calls.append(Call(_target(node.target), _name(node), _arguments(node, names), known))
    kinds = [
        (spec.kind.name, getattr(spec.arg, "name", ""), spec.target) for spec in exported.graph_signature.input_specs
    ]
    inputs = tuple(name for kind, name, _ in kinds if kind == "USER_INPUT" and name in metas)
    weights = {name: target for kind, name, target in kinds if kind in ("PARAMETER", "BUFFER", "CONSTANT_TENSOR")}
    outputs = [
        names.get(spec.arg.name, spec.arg.name)
        for spec in exported.graph_signature.output_specs
        if spec.kind.name == "USER_OUTPUT" and getattr(spec.arg, "name", None)
    ]
    return Program(inputs, weights, tuple(calls), tuple(name for name in outputs if name in metas), metas, hints)


def _size(extent: Any, hints: dict[str, int]) -> Size:
    if isinstance(extent, int):
        return int(extent)
    text = str(extent)
    hint = getattr(getattr(extent, "node", None), "hint", None)
    if text.isidentifier() and isinstance(hint, int):
        hints.setdefault(text, hint)
    return text


def _element_type(dtype: Any) -> int:
    return ELEMENT_TYPES.get(str(dtype).removeprefix("torch."), 0)


def _target(target: Any) -> str:
    """``aten.conv2d.default`` of an operator overload; other callables by their name."""
    text = str(target)
    return text if text.count(".") == 2 else getattr(target, "__name__", text)


def _name(node: Any) -> str:
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path = stack[-1][0] if stack else ""
    return f"{path}.{node.name}" if path else str(node.name)


def _arguments(node: Any, names: dict[str, str]) -> dict[str, Any]:
    schema = getattr(node.target, "_schema", None)
    formal = [argument.name for argument in schema.arguments] if schema is not None else []
    given = dict(zip(formal, node.args, strict=False)) | dict(node.kwargs)
    return {name: _plain(value, names) for name, value in given.items()}


def _plain(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(one, names) for one in value]
    if hasattr(value, "op") and hasattr(value, "name"):
        number = value.meta.get("val")
        if hasattr(number, "shape") or isinstance(number, (tuple, list)):
            return Ref(names.get(value.name, value.name))
        return number if isinstance(number, int) else str(number)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    text = str(value)
    return text.removeprefix("torch.") if text.startswith("torch.") else text
