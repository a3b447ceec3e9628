"""Operators that only change how elements are named: no work, their output is their input."""

from __future__ import annotations

from math import prod
from typing import Any

from sim.trace.frontends.onnx_graph.document import Node
from sim.trace.frontends.onnx_graph.lowering import Lowering, Unsupported, lowerings
from sim.trace.frontends.onnx_graph.values import Value


@lowerings.register("Identity")
@lowerings.register("Dropout")
@lowerings.register("Flatten")
@lowerings.register("Squeeze")
@lowerings.register("Unsqueeze")
def view(node: Node, lowering: Lowering) -> None:
    """The input under the shape that the standard gives; dropout does nothing in inference."""
    source = lowering.value(node, 0)
    reshaped(node, lowering, source, lowering.result(node)[0])


def reshaped(node: Node, lowering: Lowering, source: Value, shape: tuple[int, ...]) -> None:
    """Make the node's output a view of ``source``, which must hold as many elements."""
    if prod(shape) != source.elements:
        raise Unsupported(f"shape {shape} for {source.elements} elements")
    if shape != source.shape:
        source = lowering.materialised(node, source)
    lowering.alias(node, source.viewed(source.name, shape))


@lowerings.register("Reshape")
def reshape(node: Node, lowering: Lowering) -> None:
    """Reshape; a target written for another batch is read for the batch asked for, with a note."""
    source = lowering.value(node, 0)
    target = node.attributes.get("shape", lowering.data(node, 1))
    if target is None:
        raise Unsupported("its target shape depends on the data")
    extents = [int(extent) for extent in target]
    was, now = lowering.batch_change
    constant = node.inputs[1:2] and node.inputs[1] in lowering.fixed
    if now and extents and extents[0] == was != now and (constant or "shape" in node.attributes):
        extents[0] = now
        lowering.folded[f"Reshape written for batch {was} read for batch {now}"] += 1
    if not node.attribute("allowzero", 0):
        extents = [source.shape[i] if extent == 0 else extent for i, extent in enumerate(extents)]
    reshaped(node, lowering, source, _completed(extents, source))


def _completed(extents: list[int], source: Value) -> tuple[int, ...]:
    known = prod(extent for extent in extents if extent != -1)
    if extents.count(-1) > 1 or min(extents, default=1) < -1 or known == 0:
        raise Unsupported(f"target shape {extents}")
    return tuple(source.elements // known if extent == -1 else extent for extent in extents)


@lowerings.register("Transpose")
def transpose(node: Node, lowering: Lowering) -> None:
    """Transpose -> ``copy``. Free when only dimensions of size 1 move, or when only matrix products read the result.

    A product reads an operand transposed as easily as straight (Gemm says so with a flag); that is noted.
    """
    source, (shape, _) = lowering.value(node, 0), lowering.result(node)
    order = list(node.attribute("perm", range(len(source.shape))[::-1]))
    moved = [axis for axis in order if source.shape[axis] != 1]
    if moved == sorted(moved):
        reshaped(node, lowering, source, shape)
    elif _only_products(node, lowering):
        lowering.folded["Transpose read in place by matrix products"] += 1
        lowering.alias(node, lowering.materialised(node, source).viewed(source.name, shape))
    else:
        copied(node, lowering, source)


def _only_products(node: Node, lowering: Lowering) -> bool:
    """Do matrix products alone read the node's output, directly or through further transposes?"""
    name = node.outputs[0]
    return name not in lowering.document.outputs and all(
        reader.op in ("MatMul", "Gemm") or (reader.op == "Transpose" and _only_products(reader, lowering))
        for reader in lowering.readers.get(name, [])
    )


def copied(node: Node, lowering: Lowering, *sources: Value) -> Value:
    """Emit a ``copy`` of ``sources`` into the node's first output."""
    shape, _ = lowering.result(node)
    uses = tuple(use for source in sources for use in source.uses)
    return lowering.make(node, "copy", {"elements": prod(shape)}, [("x", uses)])


@lowerings.register("Expand")
def expand(node: Node, lowering: Lowering) -> None:
    """Expand: a view that is read again and again; a matrix product gets it written out."""
    source, (shape, _) = lowering.value(node, 0), lowering.result(node)
    repeated(node, lowering, source, shape)


def repeated(node: Node, lowering: Lowering, source: Value, shape: tuple[int, ...]) -> None:
    """Make the node's output a view that repeats ``source``."""
    from dataclasses import replace

    grown = prod(shape) != source.elements
    lowering.alias(node, replace(source, shape=shape, data=None, broadcast=source.broadcast or grown))


@lowerings.register("Tile")
def tile(node: Node, lowering: Lowering) -> None:
    """Tile -> ``copy``, or a view when it repeats a dimension of size 1 or nothing at all."""
    source, (shape, _) = lowering.value(node, 0), lowering.result(node)
    if all(one in (1, two) for one, two in zip(source.shape, shape, strict=True)):
        repeated(node, lowering, source, shape)
    else:
        copied(node, lowering, source)


@lowerings.register("DepthToSpace")
@lowerings.register("SpaceToDepth")
@lowerings.register("ReverseSequence")
@lowerings.register("GatherElements")
@lowerings.register("GatherND")
@lowerings.register("Trilu")
def rearranged(node: Node, lowering: Lowering) -> None:
    """Operators that put elements in other places: a ``copy`` of the result's size, reading any index."""
    sources: list[Any] = [lowering.value(node, 0)]
    if node.op.startswith("Gather"):
        sources.append(lowering.value(node, 1))
    shape, element_type = lowering.result(node)
    elements = prod(shape)
    first = sources[0] if sources[0].elements <= elements or sources[0].broadcast else sources[0].part("", shape, 0)
    uses = first.uses + tuple(use for source in sources[1:] for use in source.uses)
    output = lowering.tensor(node.outputs[0], shape, element_type)
    lowering.emit(node, "copy", {"elements": elements}, [("x", uses)], output)


@lowerings.register("ScatterND")
@lowerings.register("ScatterElements")
@lowerings.register("Scatter")
@lowerings.register("TensorScatter")
def scatter(node: Node, lowering: Lowering) -> None:
    """Scatter -> ``copy`` of the whole tensor with the updates put in; a reduction combines each update first."""
    target, *rest = (lowering.value(node, position) for position in range(min(3, len(node.inputs))))
    function = {"none": "", "add": "add", "mul": "mul", "max": "max", "min": "max"}[node.attribute("reduction", "none")]
    if function:
        updates = lowering.materialised(node, rest.pop())
        there = target if target.broadcast else target.part(target.name, (min(updates.elements, target.elements),), 0)
        combined = lowering.tensor(f"{node.outputs[0]}.combined", updates.shape, updates.element_type)
        ports = [("x", updates.uses), ("y", there.uses)]
        dims = {"elements": updates.elements}
        rest.append(lowering.emit(node, "elementwise", dims, ports, combined, part=function, function=function))
    copied(node, lowering, target, *rest)
