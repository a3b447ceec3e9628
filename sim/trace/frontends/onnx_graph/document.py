"""From an ONNX file to plain nodes in execution order.

Reads the graph alone: external data is never opened, weights without data are fine. Everything wrong with the file as a
file (truncated, empty, cyclic, an operator set that nobody knows) is an :class:`~sim.core.errors.InputError` naming it.
Model-local functions are inlined.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim.core.errors import InputError, Place, Problem, Problems
from sim.trace.frontends.onnx_graph.well_formed import check_attributes, has_only_text

#: Operator-set domains that a graph may import. Ours cover the first two; the others only matter if a node uses them.
KNOWN_DOMAINS = ("", "com.microsoft", "ai.onnx.ml", "ai.onnx.preview.training", "ai.onnx.training")


@dataclass(frozen=True)
class Node:
    """One ONNX node. ``op`` is the operator type, prefixed with its domain unless that is the standard one."""

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    opset: int
    proto: Any = field(compare=False, repr=False)

    @property
    def label(self) -> str:
        """How messages call the node: its name, or the value that it makes."""
        return self.name or next((output for output in self.outputs if output), "?")

    def attribute(self, name: str, default: Any) -> Any:
        """The attribute's value, or ``default`` when it is absent."""
        return self.attributes.get(name, default)


@dataclass(frozen=True)
class Document:
    """A read ONNX graph: ``inputs`` and ``initializers`` are onnx messages, ``nodes`` are in execution order."""

    place: Place
    name: str
    producer: str
    inputs: tuple[Any, ...]
    outputs: tuple[str, ...]
    initializers: tuple[Any, ...]
    nodes: tuple[Node, ...]
    opsets: Mapping[str, int]
    model: Any = field(compare=False, repr=False)


def read_document(path: str | Path) -> Document:
    """Read an ``.onnx`` file without its external data. Raises :class:`InputError` with everything wrong with it."""
    place = Place(str(path))
    return document_of(_parse(Path(path), place), place)


def document_of(model: Any, place: Place) -> Document:
    """The document of an ``onnx.ModelProto`` in memory; problems are told at ``place``."""
    problems = Problems()
    opsets = {entry.domain if entry.domain != "ai.onnx" else "": entry.version for entry in model.opset_import}
    if model.functions:
        model = _inlined(model, place)
    graph = model.graph
    if not graph.node:
        problems.add("the graph has no nodes", place)
    if not graph.output:
        problems.add("the graph has no outputs", place)
    _check_opsets(model, opsets, place, problems)
    known = {tensor.name for tensor in graph.initializer} | {t.values.name for t in graph.sparse_initializer}
    inputs = tuple(value for value in graph.input if value.name not in known)
    check_attributes(graph.node, opsets, place, problems)
    problems.raise_if_any()
    nodes = tuple(_node(proto, opsets) for proto in graph.node)
    ordered = _in_order(nodes, known | {value.name for value in inputs}, place, problems)
    _check_outputs(graph, known, inputs, nodes, place, problems)
    problems.raise_if_any()
    return Document(
        place=place,
        name=graph.name,
        producer=f"{model.producer_name} {model.producer_version}".strip(),
        inputs=inputs,
        outputs=tuple(value.name for value in graph.output),
        initializers=(*graph.initializer, *(sparse for sparse in graph.sparse_initializer)),
        nodes=ordered,
        opsets=opsets,
        model=model,
    )


def _parse(path: Path, place: Place) -> Any:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path), load_external_data=False)
    except OSError as error:
        raise InputError([Problem(f"cannot be read: {error.strerror}", place)]) from error
    except (DecodeError, ValueError, RuntimeError) as error:
        raise InputError([Problem("is not an ONNX model (truncated or another format)", place)]) from error
    if not model.HasField("graph"):
        raise InputError([Problem("is not an ONNX model: it holds no graph", place)])
    if not has_only_text(model):
        raise InputError([Problem("is not an ONNX model: a name in it is not UTF-8 text", place)])
    return model


def _inlined(model: Any, place: Place) -> Any:
    from onnx import inliner

    try:
        return inliner.inline_local_functions(model)
    except RuntimeError as error:
        raise InputError([Problem(f"its local functions cannot be inlined: {error}", place)]) from error


def _check_opsets(model: Any, opsets: Mapping[str, int], place: Place, problems: Problems) -> None:
    from onnx import defs

    local = {function.domain for function in model.functions}
    used = Counter(node.domain if node.domain != "ai.onnx" else "" for node in model.graph.node)
    for domain in sorted(used):
        if domain not in KNOWN_DOMAINS and domain not in local:
            problems.add("unknown operator-set domain", place, found=domain, allowed=KNOWN_DOMAINS, suggest_for=domain)
        elif domain not in opsets:
            problems.add(f"uses operators of domain {domain!r} without importing an operator set for it", place)
    newest = defs.onnx_opset_version()
    if not 1 <= opsets.get("", 1) <= newest:
        problems.add("operator-set version is not known", place, found=opsets[""], allowed=f"1 to {newest}")


def _node(proto: Any, opsets: Mapping[str, int]) -> Node:
    from onnx.helper import get_attribute_value

    domain = "" if proto.domain == "ai.onnx" else proto.domain
    return Node(
        op=f"{domain}.{proto.op_type}" if domain else proto.op_type,
        name=proto.name,
        inputs=tuple(proto.input),
        outputs=tuple(proto.output),
        attributes={entry.name: _plain(get_attribute_value(entry)) for entry in proto.attribute},
        opset=opsets.get(domain, 1),
        proto=proto,
    )


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value


def _in_order(nodes: tuple[Node, ...], available: set[str], place: Place, problems: Problems) -> tuple[Node, ...]:
    """The nodes, producers first, otherwise as written; reports cycles, values made twice and values nobody makes."""
    maker: dict[str, int] = {}
    for position, node in enumerate(nodes):
        for output in filter(None, node.outputs):
            if output in maker or output in available:
                problems.add(f"value {output!r} is made twice", place, found=node.label)
            maker[output] = position
    waiting: list[int] = []
    consumers: dict[int, list[int]] = {}
    for position, node in enumerate(nodes):
        sources = {maker[name] for name in node.inputs if name in maker and name not in available}
        waiting.append(len(sources))
        for source in sources:
            consumers.setdefault(source, []).append(position)
        for name in filter(None, node.inputs):
            if name not in maker and name not in available:
                problems.add(f"node {node.label!r} reads {name!r}, which nothing makes", place)
    ready = [position for position, count in enumerate(waiting) if count == 0]
    heapq.heapify(ready)
    ordered: list[Node] = []
    while ready:
        position = heapq.heappop(ready)
        ordered.append(nodes[position])
        for consumer in consumers.get(position, ()):
            waiting[consumer] -= 1
            if waiting[consumer] == 0:
                heapq.heappush(ready, consumer)
    if len(ordered) < len(nodes):
        stuck = [nodes[position].label for position, count in enumerate(waiting) if count > 0]
        problems.add("the graph has a cycle", place, found=f"among {len(stuck)} nodes: {', '.join(stuck[:6])}")
    return tuple(ordered)


def _check_outputs(
    graph: Any, known: set[str], inputs: tuple[Any, ...], nodes: tuple[Node, ...], place: Place, problems: Problems
) -> None:
    made = known | {value.name for value in inputs} | {name for node in nodes for name in node.outputs}
    for value in graph.output:
        if value.name not in made:
            problems.add(f"graph output {value.name!r} is made by nothing", place)
