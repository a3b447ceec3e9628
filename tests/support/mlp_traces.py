"""Traces of a feed-forward block, plain or gated."""

from __future__ import annotations

from sim.trace.builder import TraceBuilder
from sim.trace.model import Trace

ROWS, WIDTH, HIDDEN = 512, 512, 2048


def gemm(build: TraceBuilder, name: str, a: str, m: int, k: int, n: int) -> str:
    weight = build.weight(f"{name}.w", (k, n))
    out = build.activation(f"{name}.out", (m, n))
    build.op(name, "gemm", {"m": m, "k": k, "n": n}, {"a": [a], "b": [weight]}, [out])
    return out


def mlp(gated: bool) -> Trace:
    """[512, 512] -> 2048 -> 512, with a GELU or a gate between."""
    build = TraceBuilder("mlp")
    x = build.activation("x", (ROWS, WIDTH))
    up = gemm(build, "up", x, ROWS, WIDTH, HIDDEN)
    hidden = build.activation("hidden", (ROWS, HIDDEN))
    elements = {"elements": ROWS * HIDDEN}
    if gated:
        gate = gemm(build, "gate", x, ROWS, WIDTH, HIDDEN)
        build.op("act", "elementwise", elements, {"x": [gate], "y": [up]}, [hidden], {"function": "swiglu"})
    else:
        build.op("act", "elementwise", elements, {"x": [up]}, [hidden], {"function": "gelu"})
    return build.build(outputs=(gemm(build, "down", hidden, ROWS, HIDDEN, WIDTH),))
