"""Normalizations: batch (inference), layer, group, instance, RMS, local response."""

from __future__ import annotations

from math import prod

from sim.trace.frontends.onnx_graph.affine_folding import fold_batch_norm
from sim.trace.frontends.onnx_graph.document import Node
from sim.trace.frontends.onnx_graph.lowering import Lowering, Unsupported, lowerings


@lowerings.register("BatchNormalization")
def batch_norm(node: Node, lowering: Lowering) -> None:
    """Folds into the convolution in front of it, else one multiply-accumulate per element (scale and shift merged)."""
    if node.attribute("training_mode", 0):
        raise Unsupported("in training mode")
    if fold_batch_norm(node, lowering):
        return
    source, scale, shift = (lowering.value(node, position) for position in range(3))
    dims = {"elements": source.elements}
    ports = [("x", source.uses), ("y", scale.uses), ("z", shift.uses)]
    lowering.make(node, "elementwise", dims, ports, function="scale_shift")


def _norm(node: Node, lowering: Lowering, kind: str, rows: int, parameters: int) -> None:
    source = lowering.whole(node, 0)
    weights = [lowering.optional(node, position) for position in range(1, 1 + parameters)]
    uses = tuple(use for weight in weights if weight is not None for use in weight.uses)
    ports = [("x", source.uses)] + ([("weight", uses)] if uses else [])
    dims = {"rows": rows, "width": source.elements // rows}
    output = lowering.tensor(node.outputs[0], source.shape, source.element_type)
    lowering.emit(node, kind, dims, ports, output)


@lowerings.register("LayerNormalization")
def layer_norm(node: Node, lowering: Lowering) -> None:
    """LayerNormalization over the dimensions from its axis on."""
    shape = lowering.value(node, 0).shape
    _norm(node, lowering, "layer_norm", prod(shape[: node.attribute("axis", -1) % len(shape)]), 2)


@lowerings.register("RMSNormalization")
def rms_norm(node: Node, lowering: Lowering) -> None:
    """RMSNormalization over the dimensions from its axis on."""
    shape = lowering.value(node, 0).shape
    _norm(node, lowering, "rms_norm", prod(shape[: node.attribute("axis", -1) % len(shape)]), 1)


@lowerings.register("InstanceNormalization")
def instance_norm(node: Node, lowering: Lowering) -> None:
    """Layer normalization of every channel of every image."""
    _norm(node, lowering, "layer_norm", prod(lowering.value(node, 0).shape[:2]), 2)


@lowerings.register("GroupNormalization")
def group_norm(node: Node, lowering: Lowering) -> None:
    """Layer normalization of every group of channels of every image."""
    _norm(node, lowering, "layer_norm", lowering.value(node, 0).shape[0] * node.attributes["num_groups"], 2)


@lowerings.register("MeanVarianceNormalization")
def mean_variance_norm(node: Node, lowering: Lowering) -> None:
    """Normalization over the axes given (batch and image by default), without weights."""
    shape = lowering.value(node, 0).shape
    axes = {axis % len(shape) for axis in node.attribute("axes", (0, 2, 3))}
    _norm(node, lowering, "layer_norm", prod(extent for axis, extent in enumerate(shape) if axis not in axes), 0)


@lowerings.register("LpNormalization")
def lp_norm(node: Node, lowering: Lowering) -> None:
    """Division by the norm along one axis: the sums and products of an RMS norm."""
    shape = lowering.value(node, 0).shape
    _norm(node, lowering, "rms_norm", prod(shape) // shape[node.attribute("axis", -1)], 0)


@lowerings.register("LRN")
def local_response_norm(node: Node, lowering: Lowering) -> None:
    """LRN across channels: a row is the channels of one pixel."""
    source = lowering.whole(node, 0)
    dims = {"rows": source.elements // source.shape[1], "width": source.shape[1], "window": node.attributes["size"]}
    lowering.make(node, "local_response_norm", dims, [("x", source.uses)])
