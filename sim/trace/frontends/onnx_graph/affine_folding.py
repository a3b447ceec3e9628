"""Folds a scale or shift per channel into the operator in front of it, as inference compilers do.

y = s * conv(x, w) + t is conv(x, s * w) + t: same weights, one bias. It holds when nobody else reads the convolution's
result, the weights are constant and the factor is constant along everything but the channels. Behind a product of two
activations only the shift folds.
"""

from __future__ import annotations

from dataclasses import replace

from sim.trace.frontends.onnx_graph.document import Node
from sim.trace.frontends.onnx_graph.lowering import Lowering
from sim.trace.frontends.onnx_graph.values import Value
from sim.trace.model import Operator


def fold_affine(node: Node, lowering: Lowering, *, shift: bool) -> bool:
    """Fold an Add (``shift``) or Mul of a constant; says whether it did."""
    one, two = lowering.value(node, 0), lowering.value(node, 1)
    source, constant = (two, one) if one.constant else (one, two)
    if not constant.constant or source.constant:
        return False
    position = foldable(node, lowering, source)
    if position is None or not _per_channel(lowering.operators[position], constant, source, shift):
        return False
    if len(constant.shape) > len(source.shape):
        return False
    producer = lowering.operators[position]
    if not shift and not _scales(lowering, producer):
        return False
    if shift:
        _shift(lowering, position, constant)
    lowering.folded[f"{node.op} of a constant per channel folded into the operator in front of it"] += 1
    lowering.alias(node, source.viewed(source.name, source.shape))
    return True


def fold_batch_norm(node: Node, lowering: Lowering) -> bool:
    """Fold a BatchNormalization (inference) into the convolution or standalone scale-and-shift in front of it."""
    source = lowering.value(node, 0)
    position = foldable(node, lowering, source)
    if position is None or (lowering.operators[position].kind == "gemm" and len(source.shape) != 2):
        return False
    if not all(lowering.value(node, i).constant for i in range(1, 5)) or not _scales(
        lowering, lowering.operators[position]
    ):
        return False
    _shift(lowering, position, lowering.value(node, 2))
    lowering.folded["BatchNormalization folded into the operator in front of it"] += 1
    lowering.alias(node, source.viewed(source.name, source.shape))
    return True


def foldable(node: Node, lowering: Lowering, source: Value) -> int | None:
    """The position of the operator that makes ``source`` for ``node`` alone, if an affine step folds into it."""
    if len(source.pieces) != 1 or source.pieces[0].elements != source.pieces[0].whole or source.broadcast:
        return None
    name = next(name for name in node.inputs if name and lowering.values[name] is source)
    if lowering.only_reader(name) is not node or node.inputs.count(name) != 1:
        return None
    position = lowering.producer.get(source.pieces[0].tensor)
    if position is None:
        return None
    producer = lowering.operators[position]
    if producer.kind in ("conv", "gemm") and lowering.tensors[source.pieces[0].tensor].shape == source.shape:
        return position
    is_scale_shift = producer.attributes.get("function") == "scale_shift" and len(producer.inputs) == 3
    return position if is_scale_shift else None


def _per_channel(producer: Operator, constant: Value, source: Value, shift: bool) -> bool:
    """Is it one number per channel (axis 1 of an image, the last of a matrix product)? A factor may be one number."""
    axis = len(source.shape) - 1 if producer.kind == "gemm" else 1
    padded = (1,) * (len(source.shape) - len(constant.shape)) + constant.shape
    others = [extent for position, extent in enumerate(padded) if position != axis]
    if any(extent != 1 for extent in others) or axis >= len(padded):
        return False
    if producer.kind == "gemm" and producer.dims["n"] != source.shape[-1]:
        return False
    return padded[axis] == source.shape[axis] or (not shift and padded[axis] == 1)


def _scales(lowering: Lowering, producer: Operator) -> bool:
    """Can a factor be folded? Into constant weights that no other operator reads."""
    ports = ("y", "z") if producer.kind == "elementwise" else ("b",)
    weights = [use.tensor for port, uses in producer.inputs if port in ports for use in uses]
    if any(lowering.tensors[name].role != "weight" for name in weights):
        return False
    return all(len(lowering.readers.get(name, [])) <= 1 for name in weights)


def _shift(lowering: Lowering, position: int, constant: Value) -> None:
    """Give the operator a bias, unless it has one; a scale-and-shift has its shift already."""
    producer = lowering.operators[position]
    if producer.kind == "elementwise" or "bias" in dict(producer.inputs):
        return
    lowering.operators[position] = replace(producer, inputs=(*producer.inputs, ("bias", constant.uses)))
