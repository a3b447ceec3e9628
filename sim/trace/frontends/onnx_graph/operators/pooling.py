"""Pooling, and resampling of images."""

from __future__ import annotations

from math import prod

from sim.trace.frontends.onnx_graph.document import Node
from sim.trace.frontends.onnx_graph.lowering import Lowering, lowerings
from sim.trace.frontends.onnx_graph.operators.elementwise import emit_elementwise, result_value


@lowerings.register("MaxPool")
def max_pool(node: Node, lowering: Lowering) -> None:
    """MaxPool -> ``pool``, one comparison per window place; the indices come with the values, by a conversion each."""
    _pool(node, lowering, prod(node.attributes["kernel_shape"]), "max")
    if len(node.outputs) > 1 and node.outputs[1]:
        emit_elementwise(node, lowering, "cast", [lowering.values[node.outputs[0]]], result_value(node, lowering, 1),
                         part="indices")  # fmt: skip


@lowerings.register("AveragePool")
def average_pool(node: Node, lowering: Lowering) -> None:
    """AveragePool -> ``pool``; places in the padding are charged like any other."""
    _pool(node, lowering, prod(node.attributes["kernel_shape"]), "average")


@lowerings.register("GlobalMaxPool")
def global_max_pool(node: Node, lowering: Lowering) -> None:
    """GlobalMaxPool -> ``pool`` over the whole image."""
    _pool(node, lowering, prod(lowering.value(node, 0).shape[2:]), "max")


@lowerings.register("GlobalAveragePool")
def global_average_pool(node: Node, lowering: Lowering) -> None:
    """GlobalAveragePool -> ``pool`` over the whole image."""
    _pool(node, lowering, prod(lowering.value(node, 0).shape[2:]), "average")


def _pool(node: Node, lowering: Lowering, window: int, function: str) -> None:
    shape, _ = lowering.result(node)
    dims = {"outputs": prod(shape), "window": window}
    lowering.make(node, "pool", dims, [("x", lowering.value(node, 0).uses)], function=function)


@lowerings.register("Resize")
@lowerings.register("Upsample")
def resize(node: Node, lowering: Lowering) -> None:
    """Resize -> a ``copy`` (nearest), or ``interpolate`` with 2 (linear) or 4 (cubic) taps per resized dimension."""
    source, (shape, _) = lowering.value(node, 0), lowering.result(node)
    mode = node.attribute("mode", "nearest")
    resized = sum(one != two for one, two in zip(source.shape, shape, strict=True))
    if resized == 0:
        lowering.alias(node, source)
    elif mode == "nearest":
        lowering.make(node, "copy", {"elements": prod(shape)}, [("x", source.uses)])
    else:
        taps = (4 if mode == "cubic" else 2) ** resized
        lowering.make(node, "interpolate", {"outputs": prod(shape), "taps": taps}, [("x", source.uses)])
