"""Attention as one node: the standard's, and the fused ones that onnxruntime's optimizer leaves (com.microsoft).

Each becomes the three kinds of :mod:`sim.trace.kinds.matrix`: scores, softmax, values. Masks are charged as one addition per
score; no product is skipped because of one. Appending to a past costs nothing: past and new keys are read side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.trace.frontends.onnx_graph.document import Node
from sim.trace.frontends.onnx_graph.lowering import Lowering, Unsupported, lowerings
from sim.trace.frontends.onnx_graph.values import Value, joined


@dataclass(frozen=True)
class Heads:
    """Geometry of one attention: ``query`` new tokens per request attend to ``context`` tokens."""

    batch: int
    heads: int
    kv_heads: int
    query: int
    context: int

    def dims(self, head_dim: int) -> dict[str, object]:
        """The dimensions of ``attention_score`` and ``attention_value``."""
        requests = ((self.query, self.context),) * self.batch
        return {"heads": self.heads, "kv_heads": self.kv_heads, "head_dim": head_dim, "requests": requests}


def emit_attention(
    node: Node, lowering: Lowering, q: Value, k: Value, v: Value, at: Heads, mask: Value | None, softcap: bool = False
) -> Value:
    """Emit scores, mask, softmax and values; the result is the node's first output. Returns the scores."""
    score_shape = (at.batch, at.heads, at.query, at.context)
    element_type, name = q.element_type, node.outputs[0]
    scores = lowering.tensor(f"{name}.scores", score_shape, element_type)
    width_k = k.elements // (at.batch * at.kv_heads * at.context)
    width_v = v.elements // (at.batch * at.kv_heads * at.context)
    lowering.emit(node, "attention_score", at.dims(width_k), [("a", q.uses), ("b", k.uses)], scores, part="scores")
    biased = scores
    for function, operand in (("softcap", None), ("add", mask)):
        if (function == "softcap" and softcap) or operand is not None:
            step = lowering.tensor(f"{name}.{function}", score_shape, element_type)
            ports = [("x", biased.uses)] + ([("y", operand.uses)] if operand is not None else [])
            dims = {"elements": scores.elements}
            biased = lowering.emit(node, "elementwise", dims, ports, step, part=function, function=function)
    weights = lowering.tensor(f"{name}.probabilities", score_shape, element_type)
    softmax = {"heads": at.heads, "requests": at.dims(width_k)["requests"]}
    lowering.emit(node, "attention_softmax", softmax, [("x", biased.uses)], weights, part="softmax")
    four = len(q.shape) == 4
    shape = (at.batch, at.heads, at.query, width_v) if four else (at.batch, at.query, at.heads * width_v)
    output = lowering.tensor(name, shape, element_type)
    lowering.emit(
        node, "attention_value", at.dims(width_v), [("a", weights.uses), ("b", v.uses)], output, part="values"
    )
    return scores


def _with_past(node: Node, lowering: Lowering, new: Value, past: Value | None, position: int) -> Value:
    """Past and new tokens of keys or values, one after the other; also the node's output of them, if it has one."""
    if past is None or past.elements == 0:
        whole = new
    else:
        axis = len(past.shape) - 2
        shape = tuple(n + new.elements * n // past.elements if i == axis else n for i, n in enumerate(past.shape))
        whole = joined(new.name, shape, [past, new])
    if position < len(node.outputs) and node.outputs[position]:
        lowering.alias(node, whole, position)
    return whole


@lowerings.register("Attention")
def attention(node: Node, lowering: Lowering) -> None:
    """The standard's Attention: operands of rank 4 (batch, heads, tokens, width) or 3 (batch, tokens, all heads)."""
    q, k, v = (lowering.whole(node, position) for position in range(3))
    past_k, past_v = lowering.optional(node, 4), lowering.optional(node, 5)
    four = len(q.shape) == 4
    heads = q.shape[1] if four else node.attributes["q_num_heads"]
    kv_heads = k.shape[1] if four else node.attributes["kv_num_heads"]
    past = past_k.shape[2] if past_k is not None else 0
    at = Heads(q.shape[0], heads, kv_heads, q.shape[-2], k.shape[-2] + past)
    k, v = _with_past(node, lowering, k, past_k, 1), _with_past(node, lowering, v, past_v, 2)
    scores = emit_attention(
        node, lowering, q, k, v, at, lowering.optional(node, 3), node.attribute("softcap", 0.0) != 0
    )
    if len(node.outputs) > 3 and node.outputs[3]:
        lowering.alias(node, scores, 3)


@lowerings.register("com.microsoft.MultiHeadAttention")
def multi_head_attention(node: Node, lowering: Lowering) -> None:
    """onnxruntime's MultiHeadAttention with separate query, key and value of rank 3; a bias is added to each."""
    if lowering.optional(node, 1) is None or lowering.optional(node, 2) is None:
        raise Unsupported("with packed query, key and value")
    q, k, v = (lowering.whole(node, position) for position in range(3))
    if any(len(value.shape) != 3 for value in (q, k, v)):
        raise Unsupported("with operands of another rank than 3")
    bias = lowering.optional(node, 3)
    if bias is not None:
        q, k, v = (_biased(node, lowering, value, bias, at) for at, value in zip("qkv", (q, k, v), strict=True))
    past_k, past_v = lowering.optional(node, 6), lowering.optional(node, 7)
    heads, past = node.attributes["num_heads"], past_k.shape[2] if past_k is not None else 0
    at = Heads(q.shape[0], heads, heads, q.shape[1], k.shape[1] + past)
    k, v = _with_past(node, lowering, k, past_k, 1), _with_past(node, lowering, v, past_v, 2)
    emit_attention(node, lowering, q, k, v, at, lowering.optional(node, 5))


def _biased(node: Node, lowering: Lowering, value: Value, bias: Value, part: str) -> Value:
    output = lowering.tensor(f"{node.outputs[0]}.{part}", value.shape, value.element_type)
    ports = [("x", value.uses), ("y", bias.part(bias.name, (value.shape[-1],), 0).uses)]
    return lowering.emit(node, "elementwise", {"elements": value.elements}, ports, output, part=part, function="add")


@lowerings.register("com.microsoft.Attention")
def fused_attention(node: Node, lowering: Lowering) -> None:
    """onnxruntime's Attention: one product for query, key and value, then attention; without a past."""
    x, weight, bias = lowering.whole(node, 0), lowering.value(node, 1), lowering.optional(node, 2)
    if lowering.optional(node, 4) is not None:
        raise Unsupported("with a past")
    batch, tokens, width = x.shape
    sizes = node.attribute("qkv_hidden_sizes", [weight.shape[1] // 3] * 3)
    qkv = lowering.tensor(f"{node.outputs[0]}.qkv", (batch, tokens, weight.shape[1]), x.element_type)
    ports = [("a", x.uses), ("b", weight.uses)] + ([("bias", bias.uses)] if bias is not None else [])
    dims = {"batch": 1, "m": batch * tokens, "n": weight.shape[1], "k": width}
    lowering.emit(node, "gemm", dims, ports, qkv, part="qkv")
    q, k, v = (qkv.part(qkv.name, (batch, tokens, size), 0) for size in sizes)
    heads = node.attributes["num_heads"]
    at = Heads(batch, heads, heads, tokens, tokens)
    emit_attention(node, lowering, q, k, v, at, lowering.optional(node, 5))


@lowerings.register("com.microsoft.GroupQueryAttention")
def group_query_attention(node: Node, lowering: Lowering) -> None:
    """onnxruntime's GroupQueryAttention with separate query, key and value, its rotary embedding included."""
    if lowering.optional(node, 1) is None or lowering.optional(node, 2) is None:
        raise Unsupported("with packed query, key and value")
    q, k, v = (lowering.whole(node, position) for position in range(3))
    past_k, past_v = lowering.optional(node, 3), lowering.optional(node, 4)
    heads, kv_heads = node.attributes["num_heads"], node.attributes["kv_num_heads"]
    if node.attribute("do_rotary", 0):
        q, k = (_rotated(node, lowering, x, n, part) for x, n, part in ((q, heads, "q"), (k, kv_heads, "k")))
    past = past_k.shape[2] if past_k is not None else 0
    at = Heads(q.shape[0], heads, kv_heads, q.shape[1], k.shape[1] + past)
    k, v = _with_past(node, lowering, k, past_k, 1), _with_past(node, lowering, v, past_v, 2)
    emit_attention(node, lowering, q, k, v, at, None, node.attribute("softcap", 0.0) != 0)


def _rotated(node: Node, lowering: Lowering, x: Value, heads: int, part: str) -> Value:
    width = x.shape[-1] // heads
    output = lowering.tensor(f"{node.outputs[0]}.rotary_{part}", x.shape, x.element_type)
    dims = {"rows": x.elements // width, "width": width}
    return lowering.emit(node, "rotary", dims, [("x", x.uses)], output, part=f"rotary_{part}")


@lowerings.register("RotaryEmbedding")
@lowerings.register("com.microsoft.RotaryEmbedding")
def rotary_embedding(node: Node, lowering: Lowering) -> None:
    """RotaryEmbedding -> ``rotary`` over rows of one head; sines and cosines are tabulated."""
    x = lowering.whole(node, 0)
    heads = node.attribute("num_heads", 0)
    width = x.shape[-1] // heads if len(x.shape) == 3 and heads else x.shape[-1]
    output = lowering.tensor(node.outputs[0], x.shape, x.element_type)
    lowering.emit(node, "rotary", {"rows": x.elements // width, "width": width}, [("x", x.uses)], output)
