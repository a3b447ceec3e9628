"""Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, section 2.1): keys and values from one small latent.

A token caches its latent (``latent`` elements) and one rotated key that all heads share (``rotary`` elements). Two
forms give the same result, and each phase is lowered to the one that is cheaper there, as servers of these models do:

* prefill, *naive*: keys (``nope`` + ``rotary`` per head) and values are expanded from the latents of the new tokens,
  and attention is that of ordinary heads;
* decode, *absorbed*: the key half of the expansion is applied to the query and the value half to the result, so that
  attention runs over the cached latents themselves, as one key/value head of latent + rotary elements.

The scale of the softmax and the norm of the latent are as published; the caches of libraries that keep expanded keys
and values are not modelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim.trace.affine import scaled
from sim.trace.builder import Uses, part
from sim.trace.frontends.huggingface.attention import Heads, attend, take
from sim.trace.frontends.huggingface.writer import BlockWriter


@dataclass(frozen=True)
class LatentAttention:
    """``query_latent``: width of the queries' own latent (0: queries are projected directly)."""

    hidden: int
    heads: int
    nope: int
    rotary: int
    value: int
    latent: int
    query_latent: int = 0
    bias: bool = False
    windows: ClassVar[tuple[int, ...]] = ()

    def write(self, writer: BlockWriter, x: str) -> str:
        """Append the operators for all tokens of the pass; returns the result."""
        tokens, heads = writer.run.tokens, self.heads
        q = self._queries(writer, x)
        q_rotary = writer.rotary("rotary_q", part(q, tokens * heads * self.rotary), heads, self.rotary)
        widths = (self.latent, self.rotary)
        latent, k_rotary = writer.linears("kv_a_proj", x, tokens, self.hidden, widths, self.bias)
        latent = writer.norm("rms_norm", "kv_a_norm", latent, tokens, self.latent)
        k_rotary = writer.rotary("rotary_k", k_rotary, 1, self.rotary)
        columns = ((latent, self.latent), (k_rotary, self.rotary))
        cache = writer.cache("latent", take(columns, tokens, tokens), (self.latent + self.rotary,), writer.run)
        expansion = writer.weight("kv_b_proj.weight", (heads * (self.nope + self.value), self.latent))
        if writer.run.reads_cache:
            attended = self._absorbed(writer, q, q_rotary, cache, expansion)
        else:
            attended = self._naive(writer, q, q_rotary, latent, k_rotary, expansion)
        return writer.linear("o_proj", attended, tokens, heads * self.value, self.hidden, self.bias)

    def _queries(self, writer: BlockWriter, x: str) -> str:
        tokens, width = writer.run.tokens, self.heads * (self.nope + self.rotary)
        if not self.query_latent:
            return writer.linear("q_proj", x, tokens, self.hidden, width)
        low = writer.linear("q_a_proj", x, tokens, self.hidden, self.query_latent, self.bias)
        low = writer.norm("rms_norm", "q_a_norm", low, tokens, self.query_latent)
        return writer.linear("q_b_proj", low, tokens, self.query_latent, width)

    def _naive(self, writer: BlockWriter, q: str, q_rotary: str, latent: str, k_rotary: str, expansion: str) -> str:
        """Ordinary heads over expanded keys and values; the shared rotated key is copied to every head."""
        tokens, heads = writer.run.tokens, self.heads
        keys, values = (writer.result(f"kv_b_proj.{name}", (tokens, heads * width))
                        for name, width in (("k", self.nope), ("v", self.value)))  # fmt: skip
        dims: dict[str, object] = {"m": tokens, "n": heads * (self.nope + self.value), "k": self.latent}
        writer.op("kv_b_proj", "gemm", dims, {"a": latent, "b": expansion}, [keys, values])
        width = self.nope + self.rotary
        whole = writer.result("expand_k", (tokens, heads * width))
        writer.op("expand_k", "copy", {"elements": tokens * heads * width}, {"x": [keys, k_rotary]}, whole)
        queries: Uses = [part(q, tokens * heads * self.nope), q_rotary]
        return attend(writer, Heads(heads, heads, width, self.value), queries, whole, values, writer.run)

    def _absorbed(self, writer: BlockWriter, q: str, q_rotary: str, cache: str, expansion: str) -> str:
        """One key/value head: the latents, in the cache as they are."""
        span, heads = writer.run, self.heads
        q_nope = part(q, span.tokens * heads * self.nope)
        absorbed = self._per_head(writer, "absorb_q", q_nope, expansion, self.nope, self.latent)
        shared = Heads(heads, 1, self.latent + self.rotary, self.latent)
        keys = part(cache, scaled(span.context, shared.width))
        values = part(cache, scaled(span.context, self.latent))
        attended = attend(writer, shared, [absorbed, q_rotary], keys, values, span)
        return self._per_head(writer, "absorb_v", attended, expansion, self.latent, self.value)

    def _per_head(self, writer: BlockWriter, name: str, x: Uses, expansion: str, k: int, n: int) -> str:
        """Every head's rows times that head's part of the expansion."""
        tokens, heads = writer.run.tokens, self.heads
        out = writer.result(name, (tokens, heads * n))
        dims: dict[str, object] = {"batch": heads, "m": tokens, "n": n, "k": k}
        writer.op(name, "gemm", dims, {"a": x, "b": part(expansion, heads * n * k)}, out)
        return out
