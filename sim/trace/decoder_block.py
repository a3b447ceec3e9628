"""The decoder block that NPU and PIM are compared on: one token of each of several requests with contexts of their own.

Norm, projections of query, key and value, attention over the cached keys and values, output projection, residual, norm,
two linear layers with a GELU between, residual. A device of tensor parallelism has ``heads`` of the heads and the same
part of the inner layers. The new keys and values are taken to be in the caches already, as in the NeuPIMs simulator.
"""

from __future__ import annotations

from collections.abc import Sequence

from sim.trace.builder import TraceBuilder, part
from sim.trace.model import Trace

Requests = Sequence[int]
DTYPE = "fp16"


def decoder_block(
    name: str, hidden: int, heads: int, head_dim: int, inner: int, contexts: Requests, blocks: int = 1
) -> Trace:
    """``blocks`` blocks for requests of these contexts; ``inner``: width of the first linear layer on this device."""
    b = TraceBuilder(name, dtype=DTYPE)
    x = b.activation("x", (len(contexts), hidden))
    for number in range(blocks):
        x = _block(b, f"block{number}", x, hidden, (heads, head_dim), inner, contexts)
    return b.build(outputs=[x])


def _block(
    b: TraceBuilder, name: str, x: str, hidden: int, shape: tuple[int, int], inner: int, contexts: Requests
) -> str:
    rows, (heads, head_dim) = len(contexts), shape
    width = heads * head_dim
    normed = _rows(b, f"{name}.attn_norm", "layer_norm", x, rows, hidden)
    qkv = _linear(b, f"{name}.qkv", normed, rows, hidden, 3 * width)
    attended = _attention(b, name, qkv, heads, head_dim, contexts)
    x = _add(b, f"{name}.attn_residual", _linear(b, f"{name}.proj", attended, rows, width, hidden), x, rows * hidden)
    normed = _rows(b, f"{name}.ffn_norm", "layer_norm", x, rows, hidden)
    up = _linear(b, f"{name}.fc1", normed, rows, hidden, inner)
    activated = b.activation(f"{name}.gelu.out", (rows, inner))
    b.op(f"{name}.gelu", "elementwise", {"elements": rows * inner}, {"x": up}, activated, {"function": "gelu"})
    return _add(b, f"{name}.ffn_residual", _linear(b, f"{name}.fc2", activated, rows, inner, hidden), x, rows * hidden)


def _attention(b: TraceBuilder, name: str, qkv: str, heads: int, head_dim: int, contexts: Requests) -> str:
    requests = tuple((1, context) for context in contexts)
    tokens, width = sum(contexts), heads * head_dim
    caches = {letter: b.tensor(f"{name}.{letter}_cache", (tokens, width), "kv_cache") for letter in "kv"}
    dims = {"heads": heads, "kv_heads": heads, "head_dim": head_dim, "requests": requests}
    scores = b.activation(f"{name}.score.out", (heads, tokens))
    weights = b.activation(f"{name}.softmax.out", (heads, tokens))
    out = b.activation(f"{name}.value.out", (len(contexts), width))
    query = part(qkv, len(contexts) * width)
    b.op(f"{name}.score", "attention_score", dims, {"a": query, "b": caches["k"]}, scores)
    b.op(f"{name}.softmax", "attention_softmax", {"heads": heads, "requests": requests}, {"x": scores}, weights)
    b.op(f"{name}.value", "attention_value", dims, {"a": weights, "b": caches["v"]}, out)
    return out


def _linear(b: TraceBuilder, name: str, x: str, rows: int, inputs: int, outputs: int) -> str:
    weight = b.weight(f"{name}.weight", (inputs, outputs))
    out = b.activation(f"{name}.out", (rows, outputs))
    b.op(name, "gemm", {"m": rows, "n": outputs, "k": inputs}, {"a": x, "b": weight}, out)
    return out


def _rows(b: TraceBuilder, name: str, kind: str, x: str, rows: int, width: int) -> str:
    out = b.activation(f"{name}.out", (rows, width))
    b.op(name, kind, {"rows": rows, "width": width}, {"x": x}, out)
    return out


def _add(b: TraceBuilder, name: str, x: str, y: str, elements: int) -> str:
    out = b.activation(f"{name}.out", (elements,))
    b.op(name, "elementwise", {"elements": elements}, {"x": x, "y": y}, out, {"function": "add"})
    return out
