"""Operators that onnxruntime's optimizer fuses (com.microsoft), as the operators they stand for."""

from __future__ import annotations

from sim.trace.frontends.onnx_graph.document import Node
from sim.trace.frontends.onnx_graph.lowering import Lowering, Unsupported, lowerings
from sim.trace.frontends.onnx_graph.operators.matrix import emit_matrix, matmul_dims
from sim.trace.frontends.onnx_graph.values import Value


def _step(
    node: Node, lowering: Lowering, function: str, x: Value, y: Value | None, part: str, name: str | None = None
) -> Value:
    output = lowering.tensor(name or f"{node.outputs[0]}.{part}", x.shape, x.element_type)
    ports = [("x", x.uses)] + ([("y", y.uses)] if y is not None else [])
    return lowering.emit(node, "elementwise", {"elements": x.elements}, ports, output, part=part, function=function)


@lowerings.register("com.microsoft.BiasGelu")
@lowerings.register("com.microsoft.FastGelu")
def bias_gelu(node: Node, lowering: Lowering) -> None:
    """A bias, if there is one, and a GELU."""
    x, bias = lowering.value(node, 0), lowering.optional(node, 1)
    if bias is not None:
        x = _step(node, lowering, "add", x, bias, "bias")
    _step(node, lowering, "gelu", x, None, "", node.outputs[0])


@lowerings.register("com.microsoft.SkipLayerNormalization")
def skip_layer_norm(node: Node, lowering: Lowering) -> None:
    """A residual sum, a bias, and a layer normalization."""
    _skip_norm(node, lowering, "layer_norm", (2, 3), 4)


@lowerings.register("com.microsoft.SkipSimplifiedLayerNormalization")
def skip_rms_norm(node: Node, lowering: Lowering) -> None:
    """A residual sum, a bias, and an RMS normalization."""
    _skip_norm(node, lowering, "rms_norm", (2,), 3)


def _skip_norm(node: Node, lowering: Lowering, kind: str, weights: tuple[int, ...], bias_at: int) -> None:
    total = _step(node, lowering, "add", lowering.whole(node, 0), lowering.value(node, 1), "skip")
    bias = lowering.optional(node, bias_at)
    if bias is not None:
        total = _step(node, lowering, "add", total, bias, "bias")
    if len(node.outputs) > 3 and node.outputs[3]:
        lowering.alias(node, total, 3)
    _norm(node, lowering, kind, total, [lowering.optional(node, position) for position in weights])


@lowerings.register("SimplifiedLayerNormalization")
@lowerings.register("com.microsoft.SimplifiedLayerNormalization")
def simplified_layer_norm(node: Node, lowering: Lowering) -> None:
    """onnxruntime's name for an RMS normalization over the last dimension."""
    _norm(node, lowering, "rms_norm", lowering.whole(node, 0), [lowering.optional(node, 1)])


def _norm(node: Node, lowering: Lowering, kind: str, x: Value, weights: list[Value | None]) -> None:
    uses = tuple(use for weight in weights if weight is not None for use in weight.uses)
    dims = {"rows": x.elements // x.shape[-1], "width": x.shape[-1]}
    output = lowering.tensor(node.outputs[0], x.shape, x.element_type)
    lowering.emit(node, kind, dims, [("x", x.uses)] + ([("weight", uses)] if uses else []), output)


@lowerings.register("com.microsoft.EmbedLayerNormalization")
def embed_layer_norm(node: Node, lowering: Lowering) -> None:
    """Word, position and segment embeddings, their sums, and a layer normalization."""
    ids, total = lowering.value(node, 0), None
    for part, index, table_at in (("word", 0, 2), ("position", None, 3), ("segment", 1, 4)):
        table = lowering.optional(node, table_at)
        at = None if index is None else lowering.optional(node, index)
        if table is None or (index is not None and at is None):
            continue
        shape = (*ids.shape, table.shape[1])
        rows = ids.shape[-1] if index is None else ids.elements
        output = lowering.tensor(f"{node.outputs[0]}.{part}", (rows, shape[-1]) if index is None else shape, 1)
        read = table.part(table.name, (min(rows, table.shape[0]), table.shape[1]), 0)
        ports = [("table", read.uses)] + ([("index", at.uses)] if at is not None else [])
        lowering.emit(node, "embedding", {"rows": rows, "width": shape[-1]}, ports, output, part=part)
        total = output if total is None else _step(node, lowering, "add", total, output, f"add_{part}")
    if total is None:
        raise Unsupported("without a table of words")
    _norm(node, lowering, "layer_norm", total, [lowering.optional(node, 5), lowering.optional(node, 6)])


@lowerings.register("com.microsoft.FusedMatMul")
def fused_matmul(node: Node, lowering: Lowering) -> None:
    """MatMul with operands transposed by flags and a scale, which is charged unless an operand is constant."""
    a, b = lowering.value(node, 0), lowering.value(node, 1)
    if node.attribute("transBatchA", 0) or node.attribute("transBatchB", 0):
        raise Unsupported("with transposed batch dimensions")
    shapes = [
        (*value.shape[:-2], value.shape[-1], value.shape[-2]) if node.attribute(flag, 0) else value.shape
        for value, flag in ((a, "transA"), (b, "transB"))
    ]
    batch = max(shapes[0][:-2], shapes[1][:-2], key=len)
    output = lowering.tensor(node.outputs[0], (*batch, shapes[0][-2], shapes[1][-1]), a.element_type)
    scaled = node.attribute("alpha", 1.0) != 1.0 and not (a.constant or b.constant)
    target = lowering.tensor(f"{output.name}.product", output.shape, a.element_type) if scaled else output
    emit_matrix(node, lowering, a, b, matmul_dims(*shapes), target)
    if scaled:
        _step(node, lowering, "scale", target, None, "scale", output.name)


@lowerings.register("SwiGLU")
def swiglu(node: Node, lowering: Lowering) -> None:
    """SwiGLU of a joined gate and value -> one ``elementwise`` over its result."""
    x = lowering.whole(node, 0)
    shape, _ = lowering.result(node)
    elements = 1
    for extent in shape:
        elements *= extent
    lowering.make(node, "elementwise", {"elements": elements}, [("x", x.uses)], function="swiglu")
