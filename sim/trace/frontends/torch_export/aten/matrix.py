"""Matrix products and attention."""

from __future__ import annotations

from sim.trace.frontends.torch_export.aten.elementwise import base
from sim.trace.frontends.torch_export.program import Call, Ref
from sim.trace.frontends.torch_export.writer import GraphWriter, translations


@translations.register("aten.linear")
def linear(call: Call, graph: GraphWriter) -> None:
    """x W^T + b."""
    a = call.arguments
    rank = len(graph.shape(a["weight"]))
    order = list(range(rank))[::-1]
    weight = graph.emit("Transpose", [graph.name(a["weight"])], call, perm=order)
    _product(call, graph, graph.name(a["input"]), weight, a.get("bias"))


def _product(call: Call, graph: GraphWriter, a: str, b: str, bias: Ref | None) -> None:
    if isinstance(bias, Ref):
        product = graph.emit("MatMul", [a, b], call)
        graph.emit("Add", [product, graph.name(bias)], call, call.outputs[0])
    else:
        graph.emit("MatMul", [a, b], call, call.outputs[0])


@translations.register("aten.mm")
@translations.register("aten.bmm")
@translations.register("aten.matmul")
@translations.register("aten.mv")
@translations.register("aten.dot")
def matmul(call: Call, graph: GraphWriter) -> None:
    """A product of two operands."""
    a = call.arguments
    one = a.get("self", a.get("input"))
    two = next(a[name] for name in ("mat2", "other", "vec", "tensor") if name in a)
    graph.emit("MatMul", [graph.name(one), graph.repeated.get(two.name, graph.name(two))], call, call.outputs[0])


@translations.register("aten.addmm")
@translations.register("aten.baddbmm")
@translations.register("aten.addbmm")
def addmm(call: Call, graph: GraphWriter) -> None:
    """bias + a b; the scales alpha and beta are constants and charged to nobody."""
    a = call.arguments
    one, two = (a["mat1"], a["mat2"]) if base(call) == "addmm" else (a["batch1"], a["batch2"])
    _product(call, graph, graph.name(one), graph.name(two), a["self"] if a.get("beta", 1) != 0 else None)


@translations.register("aten.einsum")
def einsum(call: Call, graph: GraphWriter) -> None:
    """A contraction by its equation."""
    operands = [graph.name(ref) for ref in call.arguments["tensors"]]
    graph.emit("Einsum", operands, call, call.outputs[0], equation=call.arguments["equation"])


@translations.register("aten.scaled_dot_product_attention")
@translations.register("aten._scaled_dot_product_flash_attention")
@translations.register("aten._scaled_dot_product_flash_attention_for_cpu")
@translations.register("aten._scaled_dot_product_efficient_attention")
@translations.register("aten._scaled_dot_product_cudnn_attention")
def attention(call: Call, graph: GraphWriter) -> None:
    """Scores, softmax and values; a causal mask skips nothing, grouped heads share keys and values."""
    a = call.arguments
    mask = a.get("attn_mask", a.get("attn_bias"))
    inputs = [graph.name(a[name]) for name in ("query", "key", "value")]
    if isinstance(mask, Ref):
        inputs.append(graph.name(mask))
    graph.emit("Attention", inputs, call, call.outputs[0])
