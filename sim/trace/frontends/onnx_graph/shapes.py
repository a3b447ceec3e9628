"""Fixed shapes: of the graph's inputs (batch and named dimensions resolved) and of what each node makes.

A trace has no unknown sizes, so the inputs are fixed first; every node's outputs then follow from its inputs' shapes
and the constants known by then, one node at a time, with the shape rules of the onnx package.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sim.core.errors import Place, Problems
from sim.trace.frontends.onnx_graph.document import Document, Node
from sim.trace.frontends.onnx_graph.values import FLOAT_TYPES, STORED_TYPES

_BATCH_NAME = re.compile(r"^(n|b|bs|batch|batch_?size|.*_?batch(_?size)?)$", re.IGNORECASE)


class UnknownShape(Exception):
    """The shape of a node's output does not follow from what is known; the message says why."""


def input_shapes(
    document: Document, batch: int | None, shapes: Mapping[str, int], notes: list[str]
) -> dict[str, tuple[tuple[int, ...], int]]:
    """Input name -> (shape, ONNX element type), batch and named dimensions put in.

    ``shapes`` maps a symbolic dimension's name, or ``input[axis]``, to its size. ``batch`` replaces the first dimension
    of the first input and whatever equals it (by name, or by size from rank 2 on) in the others. A symbolic first
    dimension without ``batch`` is 1. Raises InputError with every dimension that stays unknown.
    """
    problems, found, used = Problems(), {}, set[str]()
    first = _first_dimension(document)
    for value in document.inputs:
        kind = value.type.WhichOneof("value")
        if kind != "tensor_type" or not value.type.tensor_type.HasField("shape"):
            what = "has no shape" if kind == "tensor_type" else f"is a {str(kind).removesuffix('_type')}, not a tensor"
            problems.add(f"input {value.name!r} {what}", document.place)
            continue
        element_type = value.type.tensor_type.elem_type
        if element_type not in FLOAT_TYPES and element_type not in STORED_TYPES:
            problems.add(f"input {value.name!r}: element type cannot be stored", document.place, found=element_type)
        entries = value.type.tensor_type.shape.dim
        shape = []
        for axis, entry in enumerate(entries):
            is_batch = axis == 0 and _is_batch(entry, first, len(entries))
            extent = _extent(entry, f"{value.name}[{axis}]", batch if is_batch else None, shapes, used)
            if extent is None and axis == 0 and (is_batch or _BATCH_NAME.match(entry.dim_param)):
                extent = batch or 1
                notes.append(f"input {value.name!r}: batch {entry.dim_param or 'dimension'} taken as {extent}")
            shape.append(_checked(extent, entry, f"{value.name}[{axis}]", document.place, problems))
        found[value.name] = (tuple(shape), element_type)
    _check_names(document, shapes, used, problems)
    if batch is not None and batch < 1:
        problems.add("batch must be at least 1", document.place, found=batch)
    problems.raise_if_any()
    return found


def first_batch(document: Document) -> int | None:
    """The batch that the graph was written for: the fixed first dimension of its first input."""
    entry = _first_dimension(document)
    return entry.dim_value if entry is not None and entry.HasField("dim_value") else None


def _first_dimension(document: Document) -> Any:
    for value in document.inputs:
        entries = value.type.tensor_type.shape.dim
        if entries:
            return entries[0]
    return None


def _is_batch(entry: Any, first: Any, rank: int) -> bool:
    if first is None:
        return False
    if first.dim_param or entry.dim_param:
        return bool(entry.dim_param == first.dim_param)
    if not first.HasField("dim_value"):
        return not entry.HasField("dim_value")
    return rank >= 2 and bool(entry.dim_value == first.dim_value)


def _extent(entry: Any, where: str, batch: int | None, shapes: Mapping[str, int], used: set[str]) -> int | None:
    for name in (where, entry.dim_param):
        if name and name in shapes:
            used.add(name)
            return shapes[name]
    if batch is not None:
        return batch
    return entry.dim_value if entry.HasField("dim_value") else None


def _checked(extent: int | None, entry: Any, where: str, place: Place, problems: Problems) -> int:
    name = entry.dim_param or where
    if extent is None:
        problems.add(f"dimension {where} is not fixed: give it with --shape '{name}=N'", place, found=name)
        return 1
    if extent < 1:
        problems.add(f"dimension {where} must be at least 1: give it with --shape '{where}=N'", place, found=extent)
        return 1
    return extent


def _check_names(document: Document, shapes: Mapping[str, int], used: set[str], problems: Problems) -> None:
    names = {entry.dim_param for value in document.inputs for entry in value.type.tensor_type.shape.dim}
    places = {
        f"{value.name}[{axis}]" for value in document.inputs for axis in range(len(value.type.tensor_type.shape.dim))
    }
    for name in sorted(set(shapes) - used):
        allowed = (names | places) - {""}
        problems.add("--shape names no dimension of the inputs", document.place, found=name, allowed=allowed,
                     suggest_for=name)  # fmt: skip


class NodeShapes:
    """Shapes and types of node outputs, by the shape rules of the onnx package for the graph's operator sets."""

    def __init__(self, document: Document) -> None:
        from onnx import checker, defs, helper, shape_inference

        self._defs, self._helper, self._inference = defs, helper, shape_inference
        self._refusals = (shape_inference.InferenceError, checker.ValidationError, RuntimeError, ValueError, TypeError)
        self._opsets = [helper.make_opsetid(domain, version) for domain, version in sorted(document.opsets.items())]
        self._schemas: dict[str, Any] = {}

    def known(self, node: Node) -> bool:
        """Is this an operator of the standard set that the onnx package describes?"""
        return self._schema(node) is not None

    def output(
        self, node: Node, position: int, inputs: list[tuple[str, tuple[int, ...], int, Any]]
    ) -> tuple[tuple[int, ...], int]:
        """(shape, element type) of an output of ``node``; inputs are (name, shape, element type, data or None).

        Raises :class:`UnknownShape` when it does not follow.
        """
        schema = self._schema(node)
        if schema is None:
            raise UnknownShape("there are no shape rules for it")
        types = {name: self._helper.make_tensor_type_proto(kind, shape) for name, shape, kind, _ in inputs}
        data = {name: self._tensor(array, name) for name, _, _, array in inputs if array is not None}
        try:
            found = self._inference.infer_node_outputs(schema, node.proto, types, data, opset_imports=self._opsets)
        except self._refusals as error:
            raise UnknownShape(str(error).strip().splitlines()[-1][:200]) from error
        return self._resolved(found.get(node.outputs[position]))

    def _resolved(self, kind: Any) -> tuple[tuple[int, ...], int]:
        if kind is None or not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
            raise UnknownShape("the shape of its result depends on the data")
        entries = kind.tensor_type.shape.dim
        if any(not entry.HasField("dim_value") for entry in entries):
            raise UnknownShape("the shape of its result depends on the data")
        return tuple(entry.dim_value for entry in entries), kind.tensor_type.elem_type

    def _tensor(self, array: Any, name: str) -> Any:
        from onnx import numpy_helper

        return numpy_helper.from_array(array, name)

    def _schema(self, node: Node) -> Any:
        if node.op not in self._schemas:
            domain, _, kind = node.op.rpartition(".")
            try:
                self._schemas[node.op] = self._defs.get_schema(kind, node.opset, domain)
            except self._defs.SchemaError:
                self._schemas[node.op] = None
        return self._schemas[node.op]
