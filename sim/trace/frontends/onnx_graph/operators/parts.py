"""Putting values together and taking them apart: views where the parts are contiguous, copies where they are not."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

from sim.trace.frontends.onnx_graph.document import Node
from sim.trace.frontends.onnx_graph.folding import slices_of
from sim.trace.frontends.onnx_graph.lowering import Lowering, Unsupported, lowerings
from sim.trace.frontends.onnx_graph.operators.views import copied
from sim.trace.frontends.onnx_graph.values import Value, joined


@lowerings.register("Concat")
def concat(node: Node, lowering: Lowering) -> None:
    """Concat: several uses at one port when all dimensions before the axis are 1, else a ``copy``."""
    sources = [lowering.values[name] for name in node.inputs if name]
    sources = [source for source in sources if source.elements]
    shape, _ = lowering.result(node)
    axis = node.attribute("axis", 1) % len(shape)
    if prod(shape[:axis]) == 1 and not any(source.broadcast for source in sources):
        lowering.alias(node, joined(node.outputs[0], shape, sources))
    else:
        copied(node, lowering, *sources)


@lowerings.register("Split")
def split(node: Node, lowering: Lowering) -> None:
    """Split -> partial uses when all dimensions before the axis are 1, else one ``copy`` per part."""
    source, start = lowering.value(node, 0), 0
    for position, name in enumerate(node.outputs):
        shape, _ = lowering.result(node, position)
        axis = node.attribute("axis", 0) % len(shape)
        window = tuple((start, start + shape[i]) if i == axis else (0, shape[i]) for i in range(len(shape)))
        start += shape[axis]
        if name:
            _window(node, lowering, source, window, position)


@lowerings.register("Slice")
def slice_(node: Node, lowering: Lowering) -> None:
    """Slice -> a partial use when the elements taken are consecutive, else a ``copy`` of them."""
    source = lowering.value(node, 0)
    arrays = [lowering.data(node, position) for position in range(len(node.inputs))]
    try:
        slices = slices_of(node, arrays, source.shape)
    except (ValueError, IndexError) as error:
        raise Unsupported(f"its bounds do not fit or depend on the data ({error})") from error
    counts = tuple(len(range(extent)[one]) for one, extent in zip(slices, source.shape, strict=True))
    if any(one.step != 1 for one, count in zip(slices, counts, strict=True) if count > 1):
        _copy_part(node, lowering, source, counts, 0)
        return
    window = tuple((one.start, one.start + count) for one, count in zip(slices, counts, strict=True))
    _window(node, lowering, source, window, 0)


def _window(node: Node, lowering: Lowering, source: Value, window: tuple[tuple[int, int], ...], position: int) -> None:
    """Make an output the box ``window`` (start, end per axis) of ``source``."""
    shape = tuple(end - start for start, end in window)
    if prod(shape) == 0:
        lowering.alias(node, Value(node.outputs[position], shape, source.element_type, ()), position)
        return
    if source.broadcast:
        lowering.alias(node, replace(source, shape=shape, data=None), position)
        return
    cut = [axis for axis, extent in enumerate(source.shape) if shape[axis] != extent]
    if cut and prod(shape[: cut[-1]]) != 1:
        _copy_part(node, lowering, source, shape, position)
        return
    start = 0
    for (low, _), extent in zip(window, source.shape, strict=True):
        start = start * extent + low
    lowering.alias(node, source.part(source.name, shape, start), position)


def _copy_part(node: Node, lowering: Lowering, source: Value, shape: tuple[int, ...], position: int) -> None:
    """Copy ``prod(shape)`` elements of ``source`` out; no more than those are read."""
    output = lowering.tensor(node.outputs[position], shape, source.element_type)
    read = source if source.broadcast else source.part(source.name, shape, 0)
    part = str(position) if len(node.outputs) > 1 else ""
    lowering.emit(node, "copy", {"elements": output.elements}, [("x", read.uses)], output, part=part)


@lowerings.register("Pad")
def pad(node: Node, lowering: Lowering) -> None:
    """Pad -> nothing when its zeros go into convolutions alone (they pad for free), else a ``copy``."""
    source, (shape, _) = lowering.value(node, 0), lowering.result(node)
    amounts: Any = node.attributes.get("pads", node.attributes.get("paddings", lowering.data(node, 1)))
    if shape == source.shape:
        lowering.alias(node, source)
        return
    fill = node.attribute("value", 0.0) if len(node.inputs) < 3 or not node.inputs[2] else lowering.data(node, 2)
    zeros = node.attribute("mode", "constant") == "constant" and fill is not None and float(fill) == 0.0
    folds = zeros and amounts is not None and len(node.inputs) < 4 and _only_images(node, lowering, source, amounts)
    if not folds:
        copied(node, lowering, source)
        return
    rank = len(shape)
    pads = [int(amount) for amount in amounts]
    top, bottom = (pads[2], pads[rank + 2]) if rank == 4 else (0, 0)
    lowering.folded["Pad folded into the convolutions that read it"] += 1
    lowering.alias(node, replace(source, shape=shape, data=None, padding=(top, pads[rank - 1], bottom, pads[-1])))


def _only_images(node: Node, lowering: Lowering, source: Value, amounts: Any) -> bool:
    """Does the padding touch the image dimensions only, and do convolutions alone read it, as their image?"""
    rank, name = len(source.shape), node.outputs[0]
    outside = [int(amounts[i]) for i in (0, 1, rank, rank + 1)] if rank in (3, 4) else [1]
    readers = lowering.readers.get(name, [])
    images = all(reader.op == "Conv" and list(reader.inputs).index(name) == 0 for reader in readers)
    explicit = all(reader.attribute("auto_pad", "NOTSET") in ("NOTSET", "VALID") for reader in readers)
    plain = not any(source.padding) and min(int(amount) for amount in amounts) >= 0
    return not any(outside) and images and explicit and plain and name not in lowering.document.outputs
