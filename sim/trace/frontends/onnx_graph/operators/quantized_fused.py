"""onnxruntime's quantized operators (com.microsoft): what its quantization tools and optimizer leave in a graph.

As in :mod:`~sim.trace.frontends.onnx_graph.operators.quantization`: scales and zero points are numbers in the
instruction, sums are 32 bits wide, and a requantization is one scale-and-shift per result.
"""

from __future__ import annotations

from math import prod
from typing import Any

from sim.trace.frontends.onnx_graph.document import Node
from sim.trace.frontends.onnx_graph.lowering import Lowering, Unsupported, lowerings
from sim.trace.frontends.onnx_graph.operators.attention import Heads, emit_attention
from sim.trace.frontends.onnx_graph.operators.convolution import lower_convolution
from sim.trace.frontends.onnx_graph.operators.elementwise import emit_elementwise
from sim.trace.frontends.onnx_graph.operators.matrix import emit_matrix, matmul_dims
from sim.trace.frontends.onnx_graph.values import Piece, Value, joined

FLOAT, INT32 = 1, 6
#: Operator -> (function, positions of the operands).
ELEMENTWISE = {
    "QLinearAdd": ("add", (0, 3)), "QLinearMul": ("mul", (0, 3)), "QLinearSigmoid": ("sigmoid", (0,)),
    "QLinearLeakyRelu": ("leaky_relu", (0,)),
}  # fmt: skip


def qlinear_elementwise(node: Node, lowering: Lowering) -> None:
    """The function between a scale-and-shift per operand and one for the result."""
    function, positions = ELEMENTWISE[node.op.rpartition(".")[2]]
    operands = [lowering.value(node, position) for position in positions]
    shape = _broadcast([operand.shape for operand in operands])
    scaled = []
    for position, operand in enumerate(operands):
        step = lowering.tensor(f"{node.outputs[0]}.real{position}", operand.shape, FLOAT)
        scaled.append(emit_elementwise(node, lowering, "scale_shift", [operand], step, part=f"real{position}"))
    total = lowering.tensor(f"{node.outputs[0]}.real", shape, FLOAT)
    emit_elementwise(node, lowering, function, scaled, total, part=function)
    _requantize(node, lowering, total, operands[0].element_type)


for _op in ELEMENTWISE:
    lowerings.register(f"com.microsoft.{_op}")(qlinear_elementwise)


def _broadcast(shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    import numpy as np

    return tuple(int(extent) for extent in np.broadcast_shapes(*shapes))


def _requantize(node: Node, lowering: Lowering, total: Value, element_type: int) -> None:
    output = lowering.tensor(node.outputs[0], total.shape, element_type)
    emit_elementwise(node, lowering, "scale_shift", [total], output, "requantize")


@lowerings.register("com.microsoft.QLinearGlobalAveragePool")
@lowerings.register("com.microsoft.QLinearAveragePool")
def qlinear_average_pool(node: Node, lowering: Lowering) -> None:
    """A ``pool`` sum in 32 bits, requantized."""
    source = lowering.whole(node, 0)
    last = node.attribute("channels_last", 0)
    image = source.shape[1:-1] if last else source.shape[2:]
    if node.op.endswith("GlobalAveragePool"):
        window, out = prod(image), (1,) * len(image)
    else:
        kernel = node.attributes["kernel_shape"]
        window, out = prod(kernel), _pooled(node, image, kernel)
    shape = (source.shape[0], *out, source.shape[-1]) if last else (*source.shape[:2], *out)
    total = lowering.tensor(f"{node.outputs[0]}.sum", shape, INT32)
    dims = {"outputs": total.elements, "window": window}
    lowering.emit(node, "pool", dims, [("x", source.uses)], total, part="sum", function="sum")
    _requantize(node, lowering, total, source.element_type)


def _pooled(node: Node, image: tuple[int, ...], kernel: list[int]) -> tuple[int, ...]:
    rank = len(image)
    strides, pads = node.attribute("strides", [1] * rank), node.attribute("pads", [0] * 2 * rank)
    if node.attribute("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise Unsupported("with automatic padding")
    up = 1 if node.attribute("ceil_mode", 0) else 0
    spans = (image[i] + pads[i] + pads[rank + i] - kernel[i] + up * (strides[i] - 1) for i in range(rank))
    return tuple(span // stride + 1 for span, stride in zip(spans, strides, strict=True))


@lowerings.register("com.microsoft.QLinearConcat")
def qlinear_concat(node: Node, lowering: Lowering) -> None:
    """Every operand requantized into its place of the result."""
    operands = [lowering.whole(node, position) for position in range(2, len(node.inputs), 3)]
    axis = node.attributes["axis"] % len(operands[0].shape)
    extents = list(operands[0].shape)
    extents[axis] = sum(operand.shape[axis] for operand in operands)
    parts = []
    for number, operand in enumerate(operands):
        part = lowering.tensor(f"{node.outputs[0]}.{number}", operand.shape, operand.element_type)
        parts.append(emit_elementwise(node, lowering, "scale_shift", [operand], part, part=str(number)))
    whole = joined(node.outputs[0], tuple(extents), parts)
    if prod(extents[:axis]) == 1:
        lowering.alias(node, whole)
    else:
        output = lowering.tensor(node.outputs[0], tuple(extents), operands[0].element_type)
        lowering.emit(node, "copy", {"elements": output.elements}, [("x", whole.uses)], output)


@lowerings.register("com.microsoft.QGemm")
def qgemm(node: Node, lowering: Lowering) -> None:
    """Gemm of integers, requantized unless the result is real."""
    a, b, bias = lowering.value(node, 0), lowering.value(node, 3), lowering.optional(node, 6)
    m, k = reversed(a.shape) if node.attribute("transA", 0) else a.shape
    n = b.shape[0] if node.attribute("transB", 0) else b.shape[1]
    total = lowering.tensor(f"{node.outputs[0]}.accumulated", (m, n), INT32)
    emit_matrix(node, lowering, a, b, {"batch": 1, "m": m, "n": n, "k": k}, total, bias)
    _requantize(node, lowering, total, a.element_type if lowering.optional(node, 7) is not None else FLOAT)


@lowerings.register("com.microsoft.MatMulIntegerToFloat")
@lowerings.register("com.microsoft.DynamicQuantizeMatMul")
def matmul_to_float(node: Node, lowering: Lowering) -> None:
    """A product of integers scaled to real numbers; DynamicQuantizeMatMul finds A's range and quantizes it first."""
    a, b = lowering.whole(node, 0), lowering.value(node, 1)
    bias = lowering.optional(node, 6 if node.op.endswith("ToFloat") else 4)
    if node.op.endswith("DynamicQuantizeMatMul"):
        bounds = lowering.tensor(f"{node.outputs[0]}.range", (2,), a.element_type)
        dims = {"rows": 2, "width": a.elements}
        lowering.emit(node, "reduce", dims, [("x", a.uses * 2)], bounds, part="range", function="max")
        quantized = lowering.tensor(f"{node.outputs[0]}.quantized", a.shape, b.element_type)
        a = emit_elementwise(node, lowering, "scale_shift", [a, bounds], quantized, "quantize")
    shape = (*_broadcast([a.shape[:-2], b.shape[:-2]]), a.shape[-2], b.shape[-1])
    total = lowering.tensor(f"{node.outputs[0]}.accumulated", shape, INT32)
    emit_matrix(node, lowering, a, b, matmul_dims(a.shape, b.shape), total)
    output = lowering.tensor(node.outputs[0], shape, FLOAT)
    emit_elementwise(node, lowering, "scale_shift", [total, *([bias] if bias else [])], output, "scale")


@lowerings.register("com.microsoft.MatMulNBits")
def matmul_n_bits(node: Node, lowering: Lowering) -> None:
    """A product with weights of few bits in groups: read packed, with their scales; unpacking is part of the array's feed.

    The weight becomes one tensor of N * K elements of the type ``intB_gSIZE``: B bits and a 16-bit scale per group.
    """
    a, k, n = lowering.whole(node, 0), node.attributes["K"], node.attributes["N"]
    bits, size = node.attribute("bits", 4), node.attributes["block_size"]
    from dataclasses import replace

    weight = f"{node.inputs[1]}.unpacked"
    known = lowering.tensor(weight, (n, k), FLOAT, "weight")
    lowering.tensors[weight] = replace(lowering.tensors[weight], dtype=f"int{bits}_g{size}")
    b = Value(known.name, (k, n), FLOAT, (Piece(weight, n * k, n * k),), constant=True)
    output = lowering.tensor(node.outputs[0], (*a.shape[:-1], n), a.element_type)
    bias = lowering.optional(node, 5)
    emit_matrix(node, lowering, a, b, {"batch": 1, "m": a.elements // k, "n": n, "k": k}, output, bias)


@lowerings.register("com.microsoft.FusedConv")
def fused_conv(node: Node, lowering: Lowering) -> None:
    """Conv with a residual (input 3) and an activation behind it."""
    from sim.trace.frontends.onnx_graph.document import Node as Plain
    from sim.trace.frontends.onnx_graph.operators.recurrent import ACTIVATIONS

    image, filters, bias = lowering.whole(node, 0), lowering.value(node, 1), lowering.optional(node, 2)
    plain = Plain("Conv", node.name, node.inputs[:3], node.outputs, _known(node, "activation"), 11, _conv_proto(node))
    shape, element_type = lowering.result(plain)
    value = lowering.tensor(f"{node.outputs[0]}.conv", shape, element_type)
    lower_convolution(plain, lowering, image, filters, bias, value)
    residual = lowering.optional(node, 3)
    if residual is not None:
        total = lowering.tensor(f"{node.outputs[0]}.sum", shape, element_type)
        value = emit_elementwise(node, lowering, "add", [value, residual], total, part="sum")
    name = str(node.attribute("activation", "")).lower()
    function = {**ACTIVATIONS, "clip": "clip", "hardswish": "hard_swish"}.get(name)
    if function is None:
        raise Unsupported(f"with activation {name!r}")
    output = lowering.tensor(node.outputs[0], shape, element_type)
    emit_elementwise(node, lowering, function, [value], output, part="activation")


def _known(node: Node, *left_out: str) -> dict[str, Any]:
    return {name: value for name, value in node.attributes.items() if not name.startswith(left_out)}


def _conv_proto(node: Node) -> Any:
    from onnx import helper

    return helper.make_node("Conv", node.inputs[:3], node.outputs[:1], **_known(node, "activation"))


@lowerings.register("com.microsoft.QAttention")
def quantized_attention(node: Node, lowering: Lowering) -> None:
    """QAttention: one product of integers for query, key and value, scaled to real numbers; then attention."""
    x, weight, bias = lowering.whole(node, 0), lowering.value(node, 1), lowering.optional(node, 2)
    if lowering.optional(node, 8) is not None:
        raise Unsupported("with a past")
    batch, tokens, width = x.shape
    total = lowering.tensor(f"{node.outputs[0]}.accumulated", (batch, tokens, weight.shape[1]), INT32)
    dims = {"batch": 1, "m": batch * tokens, "n": weight.shape[1], "k": width}
    lowering.emit(node, "gemm", dims, [("a", x.uses), ("b", weight.uses)], total, part="qkv")
    qkv = lowering.tensor(f"{node.outputs[0]}.qkv", total.shape, FLOAT)
    emit_elementwise(node, lowering, "scale_shift", [total, *([bias] if bias else [])], qkv, "scale")
    q, k, v = (qkv.part(qkv.name, (batch, tokens, weight.shape[1] // 3), 0) for _ in range(3))
    at = Heads(batch, node.attributes["num_heads"], node.attributes["num_heads"], tokens, tokens)
    emit_attention(node, lowering, q, k, v, at, None)
