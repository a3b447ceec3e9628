"""Quantized operators: products of integers, and the conversions around them.

Scales and zero points are numbers in the instruction (per channel: not charged). A quantized product accumulates in
32 bits; its requantization, where the operator includes it, is one scale-and-shift per result.
"""

from __future__ import annotations

from sim.trace.frontends.onnx_graph.document import Node
from sim.trace.frontends.onnx_graph.lowering import Lowering, lowerings
from sim.trace.frontends.onnx_graph.operators.convolution import lower_convolution
from sim.trace.frontends.onnx_graph.operators.elementwise import emit_elementwise, result_value
from sim.trace.frontends.onnx_graph.operators.matrix import emit_matrix, matmul_dims

INT32 = 6


@lowerings.register("QuantizeLinear")
@lowerings.register("DequantizeLinear")
def convert(node: Node, lowering: Lowering) -> None:
    """One scale and shift per element."""
    emit_elementwise(node, lowering, "scale_shift", [lowering.value(node, 0)], result_value(node, lowering))


@lowerings.register("DynamicQuantizeLinear")
def dynamic_quantize(node: Node, lowering: Lowering) -> None:
    """The range of the data (largest and smallest), then a scale and shift per element."""
    x = lowering.whole(node, 0)
    bounds = [lowering.tensor(f"{node.outputs[0]}.{part}", (1,), x.element_type) for part in ("high", "low")]
    for bound, part in zip(bounds, ("high", "low"), strict=True):
        dims = {"rows": 1, "width": x.elements}
        lowering.emit(node, "reduce", dims, [("x", x.uses)], bound, part=part, function="max")
    emit_elementwise(node, lowering, "scale_shift", [x, *bounds], result_value(node, lowering))
    for position, bound in enumerate(bounds, start=1):
        if position < len(node.outputs) and node.outputs[position]:
            shape, element_type = lowering.result(node, position)
            lowering.alias(node, bound.viewed(bound.name, shape).typed(element_type), position)


@lowerings.register("MatMulInteger")
def matmul_integer(node: Node, lowering: Lowering) -> None:
    """A product of integers; the zero points are not charged."""
    a, b = lowering.value(node, 0), lowering.value(node, 1)
    emit_matrix(node, lowering, a, b, matmul_dims(a.shape, b.shape), result_value(node, lowering))


@lowerings.register("QLinearMatMul")
def qlinear_matmul(node: Node, lowering: Lowering) -> None:
    """A product of integers, accumulated in 32 bits and requantized."""
    a, b, output = lowering.value(node, 0), lowering.value(node, 3), result_value(node, lowering)
    total = lowering.tensor(f"{output.name}.accumulated", output.shape, INT32)
    emit_matrix(node, lowering, a, b, matmul_dims(a.shape, b.shape), total)
    emit_elementwise(node, lowering, "scale_shift", [total], output, "requantize")


@lowerings.register("ConvInteger")
def conv_integer(node: Node, lowering: Lowering) -> None:
    """A convolution of integers; the zero points are not charged."""
    lower_convolution(node, lowering, lowering.whole(node, 0), lowering.value(node, 1), None)


@lowerings.register("QLinearConv")
def qlinear_conv(node: Node, lowering: Lowering) -> None:
    """A convolution of integers, accumulated in 32 bits and requantized."""
    output = result_value(node, lowering)
    total = lowering.tensor(f"{output.name}.accumulated", output.shape, INT32)
    image, filters, bias = lowering.whole(node, 0), lowering.value(node, 3), lowering.optional(node, 8)
    lower_convolution(node, lowering, image, filters, bias, total)
    emit_elementwise(node, lowering, "scale_shift", [total], output, "requantize")
