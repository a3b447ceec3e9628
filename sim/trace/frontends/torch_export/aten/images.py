"""Convolutions, pooling and resampling."""

from __future__ import annotations

from typing import Any

from sim.trace.frontends.torch_export.aten.elementwise import _first, base
from sim.trace.frontends.torch_export.program import Call, Ref
from sim.trace.frontends.torch_export.writer import GraphWriter, NotTranslated, translations


def _listed(value: Any, rank: int, default: int) -> list[int]:
    """A list of ``rank`` numbers: as given, or one number for all dimensions."""
    values = [value] if isinstance(value, int) else list(value or [])
    return [int(one) for one in values] * rank if len(values) == 1 else [int(one) for one in values] or [default] * rank


@translations.register("aten.conv1d")
@translations.register("aten.conv2d")
@translations.register("aten.conv3d")
@translations.register("aten.convolution")
@translations.register("aten._convolution")
@translations.register("aten.conv_transpose1d")
@translations.register("aten.conv_transpose2d")
@translations.register("aten.conv_transpose3d")
def convolution(call: Call, graph: GraphWriter) -> None:
    """A convolution, or a transposed one."""
    a = call.arguments
    rank = len(graph.shape(a["weight"])) - 2
    attributes: dict[str, Any] = {
        "strides": _listed(a.get("stride"), rank, 1),
        "dilations": _listed(a.get("dilation"), rank, 1),
        "group": a.get("groups") or 1,
    }
    padding = a.get("padding")
    if isinstance(padding, str):
        attributes["auto_pad"] = "SAME_UPPER" if padding == "same" else "VALID"
    else:
        attributes["pads"] = _listed(padding, rank, 0) * 2
    inputs = [graph.name(a["input"]), graph.name(a["weight"])]
    if isinstance(a.get("bias"), Ref):
        inputs.append(graph.name(a["bias"]))
    transposed = bool(a.get("transposed")) or "conv_transpose" in call.target
    if transposed:
        attributes["output_padding"] = _listed(a.get("output_padding"), rank, 0)
    graph.emit("ConvTranspose" if transposed else "Conv", inputs, call, call.outputs[0], **attributes)


@translations.register("aten.max_pool1d")
@translations.register("aten.max_pool2d")
@translations.register("aten.max_pool3d")
@translations.register("aten.max_pool2d_with_indices")
@translations.register("aten.avg_pool1d")
@translations.register("aten.avg_pool2d")
@translations.register("aten.avg_pool3d")
def pool(call: Call, graph: GraphWriter) -> None:
    """Pooling with a window."""
    a, source = call.arguments, _first(call)
    rank = int(base(call).split("pool")[1][0])
    kernel = _listed(a["kernel_size"], rank, 1)
    attributes: dict[str, Any] = {
        "kernel_shape": kernel,
        "strides": _listed(a.get("stride"), rank, 0) if a.get("stride") else kernel,
        "pads": _listed(a.get("padding"), rank, 0) * 2,
        "ceil_mode": int(bool(a.get("ceil_mode"))),
    }
    if a.get("dilation"):
        attributes["dilations"] = _listed(a["dilation"], rank, 1)
    op = "MaxPool" if "max" in call.target else "AveragePool"
    graph.emit(op, [_batched(source, rank, graph)], call, call.outputs[0], **attributes)


def _batched(source: Ref, rank: int, graph: GraphWriter) -> str:
    if len(graph.shape(source)) != rank + 2:
        raise NotTranslated("without a batch dimension")
    return graph.name(source)


@translations.register("aten.adaptive_avg_pool1d")
@translations.register("aten.adaptive_avg_pool2d")
@translations.register("aten._adaptive_avg_pool2d")
@translations.register("aten.adaptive_max_pool2d")
def adaptive_pool(call: Call, graph: GraphWriter) -> None:
    """Pooling to a size: windows of input over output, which must divide."""
    source = _first(call)
    out, size = graph.shape(Ref(call.outputs[0]))[2:], graph.shape(source)[2:]
    if any(extent % wanted for extent, wanted in zip(size, out, strict=True)):
        raise NotTranslated(f"from {size} to {out}, which does not divide")
    kernel = [extent // wanted for extent, wanted in zip(size, out, strict=True)]
    op = "MaxPool" if "max" in call.target else "AveragePool"
    graph.emit(op, [graph.name(source)], call, call.outputs[0], kernel_shape=kernel, strides=kernel)


@translations.register("aten.upsample_nearest1d")
@translations.register("aten.upsample_nearest2d")
@translations.register("aten._upsample_nearest_exact2d")
@translations.register("aten.upsample_bilinear2d")
@translations.register("aten._upsample_bilinear2d_aa")
@translations.register("aten.upsample_bicubic2d")
@translations.register("aten._upsample_bicubic2d_aa")
def upsample(call: Call, graph: GraphWriter) -> None:
    """An image in another size."""
    mode = "nearest" if "nearest" in call.target else "cubic" if "bicubic" in call.target else "linear"
    sizes = graph.integers(graph.shape(Ref(call.outputs[0])))
    graph.emit("Resize", [graph.name(_first(call)), "", "", sizes], call, call.outputs[0], mode=mode)


@translations.register("aten.pixel_shuffle")
def pixel_shuffle(call: Call, graph: GraphWriter) -> None:
    """Channels to pixels."""
    block = call.arguments["upscale_factor"]
    graph.emit("DepthToSpace", [graph.name(_first(call))], call, call.outputs[0], blocksize=block)
