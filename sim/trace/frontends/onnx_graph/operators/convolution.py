"""Convolutions: 2-D as they are, 1-D with height 1, transposed ones as their GEMM and the sum that follows it."""

from __future__ import annotations

from math import prod

from sim.trace.frontends.onnx_graph.document import Node
from sim.trace.frontends.onnx_graph.lowering import Lowering, Unsupported, lowerings
from sim.trace.frontends.onnx_graph.values import Value

Pair = tuple[int, int]


@lowerings.register("Conv")
def conv(node: Node, lowering: Lowering) -> None:
    """Conv -> ``conv``: groups, dilation, strides, explicit or automatic padding, optional bias."""
    image = lowering.whole(node, 0)
    filters, bias = lowering.value(node, 1), lowering.optional(node, 2)
    lower_convolution(node, lowering, image, filters, bias)


def lower_convolution(
    node: Node, lowering: Lowering, image: Value, filters: Value, bias: Value | None, output: Value | None = None
) -> None:
    """Emit one ``conv`` for the image and filters given, into ``output`` or else the node's output."""
    rank = len(image.shape) - 2
    if rank not in (1, 2):
        raise Unsupported(f"{rank}-dimensional convolution; 1 and 2 dimensions are")
    shape, element_type = lowering.result(node)
    in_h, in_w = _pair(image.shape[2:])
    out_h, out_w = _pair(shape[2:])
    kernel = _pair(filters.shape[2:])
    stride = _pair(node.attribute("strides", [1] * rank))
    dilation = _pair(node.attribute("dilations", [1] * rank))
    top, left = _padding(node, (in_h, in_w), (out_h, out_w), kernel, stride, dilation)
    extra_top, extra_left, extra_bottom, extra_right = image.padding
    dims = {
        "images": image.shape[0], "groups": node.attribute("group", 1),
        "in_channels": image.shape[1], "out_channels": shape[1],
        "in_h": in_h - extra_top - extra_bottom, "in_w": in_w - extra_left - extra_right,
        "out_h": out_h, "out_w": out_w, "kernel_h": kernel[0], "kernel_w": kernel[1],
        "stride_h": stride[0], "stride_w": stride[1], "dilation_h": dilation[0], "dilation_w": dilation[1],
        "pad_top": top + extra_top, "pad_left": left + extra_left,
    }  # fmt: skip
    ports = [("a", image.uses), ("b", filters.uses)]
    if bias is not None:
        ports.append(("bias", bias.uses))
    lowering.emit(node, "conv", dims, ports, output or lowering.tensor(node.outputs[0], shape, element_type))


def _pair(extents: list[int] | tuple[int, ...]) -> Pair:
    """(height, width); one dimension is a width."""
    return (1, int(extents[0])) if len(extents) == 1 else (int(extents[0]), int(extents[1]))


def _padding(node: Node, size: Pair, out: Pair, kernel: Pair, stride: Pair, dilation: Pair) -> Pair:
    """(top, left) padding, from ``pads`` or from the rule that ``auto_pad`` names."""
    automatic = node.attribute("auto_pad", "NOTSET")
    if automatic == "VALID":
        return 0, 0
    if automatic in ("SAME_UPPER", "SAME_LOWER"):
        total = [max((out[i] - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1 - size[i], 0) for i in range(2)]
        low = [(extent if automatic == "SAME_UPPER" else extent + 1) // 2 for extent in total]
        return low[0], low[1]
    pads = node.attribute("pads", None)
    if pads is None:
        return 0, 0
    top, left = (0, int(pads[0])) if len(pads) == 2 else (int(pads[0]), int(pads[1]))
    if min(pads) < 0:
        raise Unsupported("negative padding")
    return top, left


@lowerings.register("ConvTranspose")
def conv_transpose(node: Node, lowering: Lowering) -> None:
    """ConvTranspose -> ``gemm`` to columns (input pixels x filters * kernel), then their sum into the image.

    An output adds as many columns as fall on one on average, rounded up. With stride = kernel the columns do not
    overlap: they are the output in another order, and are copied.
    """
    image, filters = lowering.whole(node, 0), lowering.value(node, 1)
    if len(image.shape) not in (3, 4):
        raise Unsupported(f"{len(image.shape) - 2}-dimensional transposed convolution; 1 and 2 dimensions are")
    shape, element_type = lowering.result(node)
    groups, kernel = node.attribute("group", 1), tuple(filters.shape[2:])
    pixels = image.shape[0] * prod(image.shape[2:])
    columns = lowering.tensor(f"{node.outputs[0]}.columns", (pixels, shape[1] * prod(kernel)), element_type)
    dims = {"batch": groups, "m": pixels, "n": filters.shape[1] * prod(kernel), "k": image.shape[1] // groups}
    lowering.emit(node, "gemm", dims, [("a", image.uses), ("b", filters.uses)], columns, part="columns")
    output = lowering.tensor(node.outputs[0], shape, element_type)
    bias = lowering.optional(node, 2)
    target = output if bias is None else lowering.tensor(f"{output.name}.sum", shape, element_type)
    if tuple(node.attribute("strides", [1] * len(kernel))) == kernel and columns.elements == output.elements:
        lowering.emit(node, "copy", {"elements": output.elements}, [("x", columns.uses)], target, part="order")
    else:
        dims = {"outputs": output.elements, "window": -(-columns.elements // output.elements)}
        lowering.emit(node, "pool", dims, [("x", columns.uses)], target, part="sum", function="sum")
    if bias is not None:
        ports = [("x", target.uses), ("y", bias.uses)]
        lowering.emit(node, "elementwise", {"elements": output.elements}, ports, output, part="bias", function="add")
