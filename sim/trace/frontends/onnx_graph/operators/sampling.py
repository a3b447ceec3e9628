"""Sampling of images at places that the data gives, and the rest of the pooling family."""

from __future__ import annotations

from math import prod

from sim.trace.frontends.onnx_graph.document import Node
from sim.trace.frontends.onnx_graph.lowering import Lowering, Unsupported, lowerings
from sim.trace.frontends.onnx_graph.operators.elementwise import emit_elementwise, result_value
from sim.trace.frontends.onnx_graph.operators.views import copied

#: Inputs that one output of GridSample mixes, per image dimension.
TAPS = {"linear": 2, "bilinear": 2, "cubic": 4, "bicubic": 4, "nearest": 1}
INT64 = 7


@lowerings.register("GridSample")
def grid_sample(node: Node, lowering: Lowering) -> None:
    """GridSample -> ``interpolate``: 2 (linear) or 4 (cubic) taps per image dimension, 1 for the nearest pixel."""
    image, grid = lowering.whole(node, 0), lowering.whole(node, 1)
    shape, _ = lowering.result(node)
    taps = TAPS[node.attribute("mode", "linear")] ** (len(image.shape) - 2)
    lowering.make(node, "interpolate", {"outputs": prod(shape), "taps": taps}, [("x", image.uses + grid.uses)])


@lowerings.register("AffineGrid")
def affine_grid(node: Node, lowering: Lowering) -> None:
    """AffineGrid -> ``gemm``: every place (with a one) times the matrix of its image; the places are tabulated."""
    theta, (shape, element_type) = lowering.whole(node, 0), lowering.result(node)
    places, width = prod(shape[1:-1]), theta.shape[2]
    base = lowering.tensor(f"{node.outputs[0]}.places", (shape[0], places, width), element_type, "constant")
    dims = {"batch": shape[0], "m": places, "n": theta.shape[1], "k": width}
    lowering.make(node, "gemm", dims, [("a", base.uses), ("b", theta.uses)])


@lowerings.register("RoiAlign")
def roi_align(node: Node, lowering: Lowering) -> None:
    """RoiAlign -> ``interpolate``: 4 taps per sample; as many samples per bin side as ``sampling_ratio`` (0: taken as 2)."""
    image, regions = lowering.whole(node, 0), lowering.value(node, 1)
    samples = node.attribute("sampling_ratio", 0) or 2
    shape, _ = lowering.result(node)
    uses = image.uses + regions.uses
    lowering.make(node, "interpolate", {"outputs": prod(shape), "taps": 4 * samples * samples}, [("x", uses)])


@lowerings.register("LpPool")
@lowerings.register("GlobalLpPool")
def lp_pool(node: Node, lowering: Lowering) -> None:
    """LpPool -> squares (p = 2) or absolute values, their ``pool`` sum, and the root."""
    source, output = lowering.whole(node, 0), result_value(node, lowering)
    window = prod(node.attributes["kernel_shape"]) if node.op == "LpPool" else prod(source.shape[2:])
    square = node.attribute("p", 2) == 2
    powers = lowering.tensor(f"{output.name}.powers", source.shape, source.element_type)
    emit_elementwise(node, lowering, "square" if square else "abs", [source], powers, part="powers")
    sums = lowering.tensor(f"{output.name}.sums", output.shape, source.element_type) if square else output
    dims = {"outputs": output.elements, "window": window}
    lowering.emit(node, "pool", dims, [("x", powers.uses)], sums, part="sum", function="sum")
    if square:
        emit_elementwise(node, lowering, "sqrt", [sums], output, part="root")


@lowerings.register("MaxUnpool")
def max_unpool(node: Node, lowering: Lowering) -> None:
    """MaxUnpool -> ``copy`` of the whole result, the values put in at their indices."""
    copied(node, lowering, lowering.value(node, 0), lowering.value(node, 1))


@lowerings.register("CenterCropPad")
def center_crop_pad(node: Node, lowering: Lowering) -> None:
    """CenterCropPad -> ``copy`` of the result; no more of the source is read than that."""
    source, (shape, _) = lowering.value(node, 0), lowering.result(node)
    read = source.part(source.name, (min(source.elements, prod(shape)),), 0) if not source.broadcast else source
    lowering.make(node, "copy", {"elements": prod(shape)}, [("x", read.uses)])


@lowerings.register("Col2Im")
def columns_to_image(node: Node, lowering: Lowering) -> None:
    """Col2Im -> ``pool`` sum: as many columns as fall on a pixel on average, rounded up."""
    source, (shape, _) = lowering.whole(node, 0), lowering.result(node)
    dims = {"outputs": prod(shape), "window": -(-source.elements // prod(shape))}
    lowering.make(node, "pool", dims, [("x", source.uses)], function="sum")


@lowerings.register("Hardmax")
def hardmax(node: Node, lowering: Lowering) -> None:
    """Hardmax -> the place of the largest (``top_k`` of 1), then one comparison per element."""
    source, output = lowering.whole(node, 0), result_value(node, lowering)
    axis = node.attribute("axis", -1 if node.opset >= 13 else 1) % len(source.shape)
    width = source.shape[axis] if node.opset >= 13 else prod(source.shape[axis:])
    best = lowering.tensor(f"{output.name}.best", (source.elements // width,), INT64, "activation")
    dims = {"rows": best.elements, "width": width, "k": 1}
    lowering.emit(node, "top_k", dims, [("x", source.uses)], best, part="best")
    emit_elementwise(node, lowering, "compare", [best], output)


@lowerings.register("NonMaxSuppression")
def non_max_suppression(node: Node, lowering: Lowering) -> None:
    """NonMaxSuppression at its bound: every class of every image keeps ``max_output_boxes_per_class`` boxes.

    Per kept box: the best score (one comparison per box), then the overlap of all boxes with it (4 comparisons, 4 sums, 2
    products and a division), and one more comparison.
    """
    boxes, scores, kept = lowering.whole(node, 0), lowering.whole(node, 1), lowering.data(node, 2)
    if kept is None:
        raise Unsupported("without a constant max_output_boxes_per_class")
    images, classes, count = scores.shape
    most = min(int(kept.reshape(-1)[0]), count)
    if most < 1:
        raise Unsupported("that keeps no boxes")
    order = lowering.tensor(f"{node.outputs[0]}.order", (images, classes, most), INT64)
    dims = {"rows": images * classes, "width": count, "k": most}
    lowering.emit(node, "top_k", dims, [("x", scores.uses)], order, part="order")
    overlaps = lowering.tensor(f"{node.outputs[0]}.overlaps", (images * classes, most, count), boxes.element_type)
    value = boxes
    for function, times in (("max", 5), ("sub", 4), ("mul", 2), ("div", 1)):
        for number in range(times):
            step = overlaps if function == "div" else lowering.tensor(
                f"{overlaps.name}.{function}{number}", overlaps.shape, boxes.element_type)  # fmt: skip
            operands = [value, order] if value is boxes else [value]
            value = emit_elementwise(node, lowering, function, operands, step, part=f"{function}{number}")
    result = lowering.tensor(node.outputs[0], (images * classes * most, 3), INT64)
    lowering.emit(node, "copy", {"elements": result.elements}, [("x", order.uses + overlaps.uses)], result, part="keep")
    lowering.folded["NonMaxSuppression charged for as many boxes as it may keep"] += 1


@lowerings.register("RandomNormalLike")
@lowerings.register("RandomUniformLike")
@lowerings.register("RandomNormal")
@lowerings.register("RandomUniform")
@lowerings.register("Bernoulli")
def random_numbers(node: Node, lowering: Lowering) -> None:
    """Random numbers -> one multiply-accumulate per element (a step of a congruential generator)."""
    output = result_value(node, lowering)
    ports = [("x", lowering.value(node, 0).uses)] if node.inputs and node.inputs[0] else []
    if not ports:
        seed = lowering.tensor(f"{output.name}.seed", (1,), INT64, "constant")
        ports = [("x", seed.uses)]
    lowering.emit(node, "elementwise", {"elements": output.elements}, ports, output, function="scale_shift")


@lowerings.register("EyeLike")
def eye_like(node: Node, lowering: Lowering) -> None:
    """EyeLike: a constant of the shape of its input."""
    from dataclasses import replace

    shape, element_type = lowering.result(node)
    value = lowering.tensor(node.outputs[0], shape, element_type, "constant")
    lowering.alias(node, replace(value, constant=True))
