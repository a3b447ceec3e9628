"""Attention: projections, what is done to each head, cache, scores, softmax, values, output projection.

The variants are data of one description: which projections have a bias, how much of a head is rotated, a norm of each
head, a sliding window, and what is done to the scores before the softmax.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from sim.trace.affine import Extent, scaled
from sim.trace.builder import Uses, part
from sim.trace.frontends.huggingface.phases import Pass
from sim.trace.frontends.huggingface.writer import BlockWriter

#: Tensors side by side, each with its elements per token.
Columns = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Heads:
    """Attention heads: query heads, key/value heads they share, and their width.

    ``value_width``: width of a value where it is not that of a key.
    """

    query: int
    kv: int
    width: int
    value_width: int = 0

    @property
    def value(self) -> int:
        return self.value_width or self.width


@dataclass(frozen=True)
class ScoreStep:
    """What is done to every score before the softmax; ``bias``: the operator whose result is added, per head."""

    name: str
    function: str
    bias: str | None = None


#: Score + slope of the head * distance (Press et al., arXiv:2108.12409); slopes and distances cost no traffic.
ALIBI = ScoreStep("alibi", "scale_shift")
#: cap * tanh(score / cap) (Gemma 2, arXiv:2408.00118).
SOFT_CAP = ScoreStep("soft_cap", "softcap")


@dataclass(frozen=True)
class AttentionNames:
    """Names of the projections."""

    q: str = "q_proj"
    k: str = "k_proj"
    v: str = "v_proj"
    o: str = "o_proj"


@dataclass(frozen=True)
class Attention:
    """Attention over the tokens of the pass and, where it is ``cached``, those before it.

    ``bias``: which of q, k, v and o have one, as letters. ``fused``: q, k and v are one linear layer. ``rotary``: how
    many elements of each head are rotated. ``head_norm``: kind of the norm of each query and key head ("" for none).
    ``window``: the last tokens attended to. ``sinks``: one learned logit per head that only the softmax's sum sees.
    """

    hidden: int
    heads: Heads
    bias: str = ""
    fused: bool = False
    rotary: int = 0
    head_norm: str = ""
    window: int | None = None
    score_steps: tuple[ScoreStep, ...] = ()
    sinks: bool = False
    cached: bool = True
    names: AttentionNames = AttentionNames()

    @property
    def windows(self) -> tuple[int, ...]:
        """The sliding windows in it."""
        return () if self.window is None else (self.window,)

    def write(self, writer: BlockWriter, x: str) -> str:
        """Append the operators for all tokens of the pass; returns the result."""
        heads, span = self.heads, writer.run.windowed(self.window)
        tokens, row = writer.run.tokens, (heads.kv, heads.width)
        q, k, v = self._projections(writer, x)
        queries = take(self._turn(writer, "q", q, heads.query), tokens, tokens)
        sides = {"k": self._turn(writer, "k", k, heads.kv), "v": ((v, prod(row)),)}
        keys, values = (
            keep(writer, letter, side, row, span) if self.cached else take(side, span.context, tokens)
            for letter, side in sides.items()
        )
        attended = attend(writer, heads, queries, keys, values, span, steps=self.score_steps, sinks=self.sinks)
        width = heads.query * heads.width
        return writer.linear(self.names.o, attended, writer.run.tokens, width, self.hidden, "o" in self.bias)

    def _projections(self, writer: BlockWriter, x: str) -> tuple[str, ...]:
        rows, names = writer.run.tokens, self.names
        query, kv = self.heads.query * self.heads.width, self.heads.kv * self.heads.width
        if self.fused:
            return writer.linears("qkv_proj", x, rows, self.hidden, (query, kv, kv), "q" in self.bias)
        return tuple(
            writer.linear(name, x, rows, self.hidden, width, letter in self.bias)
            for letter, name, width in (("q", names.q, query), ("k", names.k, kv), ("v", names.v, kv))
        )

    def _turn(self, writer: BlockWriter, letter: str, x: str, heads: int) -> Columns:
        """Norm and rotation of every query (or key) head."""
        rows, width = writer.run.tokens * heads, self.heads.width
        if self.head_norm:
            x = writer.norm(self.head_norm, f"{letter}_norm", x, rows, width)
        return rotate(writer, f"rotary_{letter}", x, heads, width, self.rotary)


@dataclass(frozen=True)
class CrossAttention:
    """Attention of a decoder's tokens to the encoder's result, whose keys and values are computed once and cached."""

    hidden: int
    heads: Heads
    bias: str = ""
    windows: ClassVar[tuple[int, ...]] = ()

    def write(self, writer: BlockWriter, x: str) -> str:
        """Append the operators for all tokens of the pass; returns the result."""
        heads, span, rows = self.heads, writer.run.across(), writer.run.tokens
        width, row = heads.query * heads.width, (heads.kv, heads.width)
        q = writer.linear("cross_q_proj", x, rows, self.hidden, width, "q" in self.bias)
        k, v = (self._source(writer, letter, span, row) for letter in "kv")
        attended = attend(writer, heads, q, k, v, span, name="cross_attention")
        return writer.linear("cross_o_proj", attended, rows, width, self.hidden, "o" in self.bias)

    def _source(self, writer: BlockWriter, letter: str, span: Pass, row: tuple[int, int]) -> Uses:
        """Keys (or values) of the source tokens: computed and cached in the pass that runs the encoder, else read."""
        tokens, width = sum(span.sources), row[0] * row[1]
        if writer.encoded is None:
            return writer.cached(f"cross_{letter}", row, tokens)
        name = f"cross_{letter}_proj"
        x = writer.linear(name, writer.encoded, tokens, self.hidden, width, letter in self.bias)
        cache = writer.cached(f"cross_{letter}", row, tokens)
        writer.op(f"append_cross_{letter}", "copy", {"elements": tokens * width}, {"x": x}, cache)
        return x


def rotate(writer: BlockWriter, name: str, x: str, heads: int, width: int, rotary: int) -> Columns:
    """The first ``rotary`` elements of every head rotated, the others as they are."""
    if not rotary:
        return ((x, heads * width),)
    if rotary == width:
        return ((writer.rotary(name, x, heads, width), heads * width),)
    turned = writer.rotary(name, part(x, writer.run.tokens * heads * rotary), heads, rotary)
    return (turned, heads * rotary), (x, heads * (width - rotary))


def take(columns: Columns, rows: Extent, tokens: int) -> Uses:
    """``rows`` of the ``tokens`` rows of side-by-side columns."""
    if len(columns) == 1 and rows == tokens:
        return columns[0][0]
    return [part(tensor, scaled(rows, width)) for tensor, width in columns]


def keep(writer: BlockWriter, name: str, columns: Columns, row: tuple[int, ...], span: Pass) -> Uses:
    """Append to a layer's cache; what attention is to read: the cache in decode, else what was just computed."""
    tokens = writer.run.tokens
    cache = writer.cache(name, take(columns, span.appended, tokens), row, span)
    if span.reads_cache:
        return part(cache, scaled(span.context, prod(row)))
    return take(columns, span.context, tokens)


def attend(
    writer: BlockWriter, heads: Heads, q: Uses, k: Uses, v: Uses, span: Pass,
    name: str = "attention", steps: tuple[ScoreStep, ...] = (), sinks: bool = False,
) -> str:  # fmt: skip
    """Scores, softmax and weighted values of every request of ``span``; q, k and v hold all heads."""
    dims: dict[str, object] = {
        "heads": heads.query, "kv_heads": heads.kv, "head_dim": heads.width, "requests": span.requests,
    }  # fmt: skip
    shape = (heads.query, *span.scores)
    scores = writer.result(f"{name}_score", shape)
    writer.op(f"{name}_score", "attention_score", dims, {"a": q, "b": k}, scores)
    for step in steps:
        bias = writer.run.prefix + step.bias + ".out" if step.bias else None
        scores = writer.elementwise(f"{name}_{step.name}", step.function, scores, span.score_count, heads.query, bias)
    weights = writer.result(f"{name}_softmax", shape)
    softmax: dict[str, object] = {"heads": heads.query, "requests": span.requests}
    inputs: dict[str, Uses] = {"x": scores}
    if sinks:
        softmax["sinks"] = 1
        inputs["sinks"] = writer.vector("sinks", heads.query)
    writer.op(f"{name}_softmax", "attention_softmax", softmax, inputs, weights)
    out = writer.result(f"{name}_value", (writer.run.tokens, heads.query * heads.value))
    values = dims | {"head_dim": heads.value}
    writer.op(f"{name}_value", "attention_value", values, {"a": weights, "b": v}, out)
    return out
