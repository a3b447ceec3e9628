"""Convolutions: 2-D and 3-D as they are, 1-D with height 1, transposed ones as their GEMM and the sum that follows it,
deformable ones as the sampling in front of their GEMM."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from sim.trace.frontends.onnx_graph.document import Node
from sim.trace.frontends.onnx_graph.lowering import Lowering, Unsupported, lowerings
from sim.trace.frontends.onnx_graph.values import Value

Triple = tuple[int, int, int]


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
    if rank not in (1, 2, 3):
        raise Unsupported(f"{rank}-dimensional convolution; 1, 2 and 3 dimensions are")
    shape, element_type = lowering.result(node)
    size, out, kernel = (
        _triple(one.shape[2:] if isinstance(one, Value) else one[2:]) for one in (image, shape, filters)
    )
    stride = _triple(node.attribute("strides", [1] * rank))
    dilation = _triple(node.attribute("dilations", [1] * rank))
    front, top, left = _padding(node, size, out, kernel, stride, dilation)
    extra_top, extra_left, extra_bottom, extra_right = image.padding
    dims = {
        "images": image.shape[0], "groups": node.attribute("group", 1),
        "in_channels": image.shape[1], "out_channels": shape[1],
        "in_h": size[1] - extra_top - extra_bottom, "in_w": size[2] - extra_left - extra_right,
        "out_h": out[1], "out_w": out[2], "kernel_h": kernel[1], "kernel_w": kernel[2],
        "stride_h": stride[1], "stride_w": stride[2], "dilation_h": dilation[1], "dilation_w": dilation[2],
        "pad_top": top + extra_top, "pad_left": left + extra_left,
    }  # fmt: skip
    if rank == 3:
        depth = (size[0], out[0], kernel[0], stride[0], dilation[0], front)
        names = ("in_d", "out_d", "kernel_d", "stride_d", "dilation_d", "pad_front")
        dims.update(zip(names, depth, strict=True))
    ports = [("a", image.uses), ("b", filters.uses)]
    if bias is not None:
        ports.append(("bias", bias.uses))
    lowering.emit(node, "conv", dims, ports, output or lowering.tensor(node.outputs[0], shape, element_type))


def _triple(extents: Sequence[int]) -> Triple:
    """(depth, height, width); one dimension is a width, two are height and width."""
    depth, height, width = (1,) * (3 - len(extents)) + tuple(int(extent) for extent in extents)
    return depth, height, width


def _padding(node: Node, size: Triple, out: Triple, kernel: Triple, stride: Triple, dilation: Triple) -> Triple:
    """(front, top, left) padding, from ``pads`` or from the rule that ``auto_pad`` names."""
    automatic = node.attribute("auto_pad", "NOTSET")
    if automatic == "VALID":
        return 0, 0, 0
    if automatic in ("SAME_UPPER", "SAME_LOWER"):
        total = [max((out[i] - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1 - size[i], 0) for i in range(3)]
        front, top, left = [(extent if automatic == "SAME_UPPER" else extent + 1) // 2 for extent in total]
        return front, top, left
    pads = node.attribute("pads", None)
    if pads is None:
        return 0, 0, 0
    if min(pads) < 0:
        raise Unsupported("negative padding")
    low = [0] * (3 - len(pads) // 2) + [int(extent) for extent in pads[: len(pads) // 2]]
    return low[0], low[1], low[2]


@lowerings.register("ConvTranspose")
def conv_transpose(node: Node, lowering: Lowering) -> None:
    """ConvTranspose -> ``gemm`` to columns (input pixels x filters * kernel), then their sum into the image.

    An output adds as many columns as fall on one on average, rounded up. With stride = kernel the columns do not
    overlap: they are the output in another order, and are copied.
    """
    image, filters = lowering.whole(node, 0), lowering.value(node, 1)
    if len(image.shape) not in (3, 4, 5):
        raise Unsupported(f"{len(image.shape) - 2}-dimensional transposed convolution; 1, 2 and 3 dimensions are")
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


@lowerings.register("DeformConv")
def deformable_conv(node: Node, lowering: Lowering) -> None:
    """DeformConv -> every element of the im2col matrix interpolated from 4 pixels (times its mask), then a ``gemm``."""
    image, filters, offset = lowering.whole(node, 0), lowering.value(node, 1), lowering.whole(node, 2)
    bias, mask = lowering.optional(node, 3), lowering.optional(node, 4)
    shape, element_type = lowering.result(node)
    groups, pixels = node.attribute("group", 1), shape[0] * prod(shape[2:])
    k = image.shape[1] // groups * prod(filters.shape[2:])
    columns = lowering.tensor(f"{node.outputs[0]}.columns", (pixels, groups * k), element_type)
    dims = {"outputs": columns.elements, "taps": 4}
    lowering.emit(node, "interpolate", dims, [("x", image.uses + offset.uses)], columns, part="sample")
    if mask is not None:
        masked = lowering.tensor(f"{node.outputs[0]}.masked", columns.shape, element_type)
        ports = [("x", columns.uses), ("y", mask.uses)]
        dims = {"elements": columns.elements}
        columns = lowering.emit(node, "elementwise", dims, ports, masked, part="mask", function="mul")
    ports = [("a", columns.uses), ("b", filters.uses)] + ([("bias", bias.uses)] if bias is not None else [])
    dims = {"batch": groups, "m": pixels, "n": shape[1] // groups, "k": k}
    lowering.emit(node, "gemm", dims, ports, lowering.tensor(node.outputs[0], shape, element_type))
