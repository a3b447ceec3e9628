"""Traces of one attention layer's forward and backward pass, as two implementations execute it.

``standard_training``: kernel by kernel as PyTorch runs it (Dao et al., FlashAttention, NeurIPS 2022, Algorithm 0 with an
additive mask and dropout): every kernel reads its operands and writes its result; the dropout mask is a byte an element;
the backward pass of adding a mask is no kernel. ``flash_training``: nothing of the size of the scores is kept, the backward
pass makes scores and probabilities again; mask and dropout are computed in place and move nothing.
"""

from __future__ import annotations

from sim.trace.builder import TraceBuilder
from sim.trace.model import Trace


class _Layer:
    def __init__(self, name: str, batch: int, heads: int, length: int, head_dim: int) -> None:
        self.build = TraceBuilder(name, dtype="fp16")
        self.rows = batch * heads * length
        self.scores = self.rows * length
        self.requests = {"heads": heads, "requests": ((length, length),) * batch}
        self.dims = self.requests | {"kv_heads": heads, "head_dim": head_dim}
        self.head_dim, self.length = head_dim, length
        self.q, self.k, self.v, self.do = (self.rows_of(name) for name in ("q", "k", "v", "do"))

    def rows_of(self, name: str) -> str:
        return self.build.activation(name, (self.rows, self.head_dim))

    def square(self, name: str, dtype: str | None = None) -> str:
        return self.build.activation(name, (self.rows, self.length), dtype)

    def product(self, name: str, kind: str, a: str, b: str, out: str) -> str:
        self.build.op(name, kind, self.dims, {"a": [a], "b": [b]}, [out])
        return out

    def each(self, name: str, function: str, inputs: dict[str, list[str]], outputs: list[str]) -> None:
        self.build.op(name, "elementwise", {"elements": self.scores}, inputs, outputs, {"function": function})


def standard_training(batch: int, heads: int, length: int, head_dim: int) -> Trace:
    """18 passes over a score matrix, one of them in two halves of a byte, and 12 over rows of head_dim."""
    layer = _Layer("attention_standard", batch, heads, length, head_dim)
    build, square = layer.build, layer.square
    mask = build.activation("mask", (length, length))
    s = layer.product("scores", "attention_score", layer.q, layer.k, square("s"))
    layer.each("add_mask", "add", {"x": [s], "y": [mask]}, [square("masked")])
    build.op("softmax", "attention_softmax", layer.requests, {"x": ["masked"]}, [square("p")])
    kept = square("kept", "bool")
    layer.each("draw", "compare", {"x": [build.activation("seed", (1,))]}, [kept])
    layer.each("dropout", "mul", {"x": ["p"], "y": [kept]}, [square("dropped")])
    layer.product("values", "attention_value", "dropped", layer.v, layer.rows_of("out"))
    layer.product("grad_v", "attention_grad_keys", "dropped", layer.do, layer.rows_of("dv"))
    layer.product("grad_dropped", "attention_score", layer.do, layer.v, square("ddropped"))
    layer.each("grad_dropout", "mul", {"x": ["ddropped"], "y": [kept]}, [square("dp")])
    build.op("grad_softmax", "attention_grad_softmax", layer.requests, {"x": ["p"], "y": ["dp"]}, [square("ds")])
    layer.product("grad_q", "attention_value", "ds", layer.k, layer.rows_of("dq"))
    layer.product("grad_k", "attention_grad_keys", "ds", layer.q, layer.rows_of("dk"))
    return build.build(outputs=("out", "dq", "dk", "dv"))


def flash_training(batch: int, heads: int, length: int, head_dim: int) -> Trace:
    """What ``policy.fusion: attention`` joins into one forward and one backward region."""
    layer = _Layer("attention_flash", batch, heads, length, head_dim)
    build, square = layer.build, layer.square
    lse = build.activation("lse", (layer.rows,), "fp32")
    s = layer.product("scores", "attention_score", layer.q, layer.k, square("s"))
    build.op("softmax", "attention_softmax", layer.requests, {"x": [s]}, [square("p")])
    out = layer.product("values", "attention_value", "p", layer.v, layer.rows_of("out"))
    layer.product("scores_again", "attention_score", layer.q, layer.k, square("s2"))
    build.op("probabilities", "attention_probabilities", layer.requests, {"x": ["s2"], "lse": [lse]}, [square("p2")])
    layer.product("grad_v", "attention_grad_keys", "p2", layer.do, layer.rows_of("dv"))
    layer.product("grad_p", "attention_score", layer.do, layer.v, square("dp"))
    build.op("grad_softmax", "attention_grad_softmax", layer.requests | {"head_dim": head_dim},
             {"x": ["p2"], "y": ["dp"], "o": [out], "do": [layer.do]}, [square("ds")])  # fmt: skip
    layer.product("grad_q", "attention_value", "ds", layer.k, layer.rows_of("dq"))
    layer.product("grad_k", "attention_grad_keys", "ds", layer.q, layer.rows_of("dk"))
    return build.build(outputs=("out", "dq", "dk", "dv"))
