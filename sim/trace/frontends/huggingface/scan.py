"""Mamba mixers: a projection, a short convolution over time, a selective scan, a gate, a projection.

What a layer keeps of each sequence does not grow with it: the last inputs of the convolution and the state of the scan,
both held in the type of the KV cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim.trace.builder import Uses, part
from sim.trace.frontends.huggingface.writer import BlockWriter


@dataclass(frozen=True)
class Mamba:
    """The mixer of Mamba (arXiv:2312.00752): step sizes by a projection of low ``rank``, a decay per channel and
    state element."""

    hidden: int
    inner: int
    state: int
    kernel: int
    rank: int
    bias: bool = False
    conv_bias: bool = True
    windows: ClassVar[tuple[int, ...]] = ()

    def write(self, writer: BlockWriter, x: str) -> str:
        """Append the operators for all tokens of the pass; returns the result."""
        rows, inner = writer.run.tokens, self.inner
        main, gate = writer.linears("in_proj", x, rows, self.hidden, (inner, inner), self.bias)
        main = _convolve(writer, main, inner, self.kernel, self.conv_bias)
        widths = (self.rank, self.state, self.state)
        low, b, c = writer.linears("x_proj", main, rows, inner, widths, bias=False)
        delta = writer.linear("dt_proj", low, rows, self.rank, inner, bias=True)
        delta = writer.elementwise("delta", "softplus", delta, rows, inner)
        decays = writer.weight("a", (inner, self.state), writer.builder.dtype)
        dims = {"channels": inner, "state": self.state, "heads": inner, "decays": inner * self.state}
        sides: dict[str, Uses] = {"x": main, "delta": delta, "a": decays, "b": b, "c": c}
        scanned = _scan(writer, dims, sides | {"d": writer.vector("d", inner)})
        gated = writer.elementwise("gate", "swiglu", gate, rows, inner, y=scanned)
        return writer.linear("out_proj", gated, rows, inner, self.hidden, self.bias)


@dataclass(frozen=True)
class Mamba2:
    """The mixer of Mamba-2 (arXiv:2405.21060): one projection for all; a step size and a decay per head; B and C shared
    by groups of heads; ``norm``: the gated result is normed."""

    hidden: int
    inner: int
    state: int
    kernel: int
    heads: int
    groups: int
    norm: bool = True
    bias: bool = False
    conv_bias: bool = True
    windows: ClassVar[tuple[int, ...]] = ()

    def write(self, writer: BlockWriter, x: str) -> str:
        """Append the operators for all tokens of the pass; returns the result."""
        rows, inner, shared = writer.run.tokens, self.inner, self.groups * self.state
        widths = (inner, inner + 2 * shared, self.heads)
        gate, main, delta = writer.linears("in_proj", x, rows, self.hidden, widths, self.bias)
        main = _convolve(writer, main, inner + 2 * shared, self.kernel, self.conv_bias)
        offset = writer.vector("dt_bias", self.heads)
        delta = writer.elementwise("delta_offset", "add", delta, rows, self.heads, y=offset)
        delta = writer.elementwise("delta", "softplus", delta, rows, self.heads)
        dims = {
            "channels": inner, "state": self.state, "heads": self.heads, "decays": self.heads, "groups": self.groups,
        }  # fmt: skip
        sides: dict[str, Uses] = {"x": part(main, rows * inner), "delta": delta, "a": writer.vector("a", self.heads)}
        sides |= {"b": part(main, rows * shared), "c": part(main, rows * shared)}
        scanned = _scan(writer, dims, sides | {"d": writer.vector("d", self.heads)})
        gated = writer.elementwise("gate", "swiglu", gate, rows, inner, y=scanned)
        if self.norm:
            gated = writer.norm("rms_norm", "gate_norm", gated, rows, inner)
        return writer.linear("out_proj", gated, rows, inner, self.hidden, self.bias)


def _convolve(writer: BlockWriter, x: str, channels: int, kernel: int, bias: bool) -> str:
    """A causal convolution of every channel on its own, then silu. Sequences of a prefill lie end to end, each charged
    for its own outputs only; a decode step reads the last inputs from the cache, to which it has added its own."""
    run, sequences = writer.run, len(writer.run.requests)
    weight = writer.weight("conv.weight", (channels, kernel), writer.builder.dtype)
    inputs: dict[str, Uses] = {"a": x, "b": weight, "bias": [writer.vector("conv.bias", channels)] if bias else []}
    cache = writer.cached("conv", (kernel, channels), sequences)
    kept = sum(min(query, kernel) for query, _ in run.requests) * channels
    latest: Uses = x if kept == run.tokens * channels else part(x, kept)
    writer.op("append_conv", "copy", {"elements": kept}, {"x": latest}, part(cache, kept))
    across = {"images": 1, "in_w": run.tokens, "out_w": run.tokens, "pad_left": kernel - 1}
    if run.reads_cache:
        across = {"images": sequences, "in_w": kernel, "out_w": 1, "pad_left": 0}
        inputs["a"] = cache
    dims: dict[str, object] = {
        "groups": channels, "in_channels": channels, "out_channels": channels, "in_h": 1, "out_h": 1, "kernel_h": 1,
        "kernel_w": kernel, **across,
    }  # fmt: skip
    out = writer.result("conv", (run.tokens, channels))
    writer.op("conv", "conv", dims, inputs, out)
    return writer.elementwise("conv_activation", "silu", out, run.tokens, channels)


def _scan(writer: BlockWriter, dims: dict[str, int], inputs: dict[str, Uses]) -> str:
    """The scan of every sequence, from and to the state in the cache; a prefill starts from zero."""
    run, channels = writer.run, dims["channels"]
    cache = writer.cached("scan", (channels, dims["state"]), len(run.requests))
    out = writer.result("scan", (run.tokens, channels))
    lengths = tuple(query for query, _ in run.requests)
    if run.reads_cache:
        inputs = inputs | {"state": cache}
    writer.op("scan", "selective_scan", {**dims, "lengths": lengths}, inputs, [out, cache])
    return out
