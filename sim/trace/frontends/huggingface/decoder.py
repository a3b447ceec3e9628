"""Language models that generate: embedding, a stack of blocks, final norm, head; and their phases.

The head runs on the last token of each request only. ``generate`` picks the next token with a ``top_k`` of 1 over the
logits, which ties each step to the one before. Constant factors (of the embedding, the logits, a residual) that can be
folded into a weight are left out unless a family says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sim.trace.affine import scaled
from sim.trace.builder import TraceBuilder, part
from sim.trace.frontends.huggingface import phases
from sim.trace.frontends.huggingface.blocks import Block, write_stack
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.families import Family
from sim.trace.frontends.huggingface.phases import Pass
from sim.trace.frontends.huggingface.writer import INDEX_DTYPE, BlockWriter
from sim.trace.model import Trace
from sim.trace.options import LowerOptions

EMBEDDING = "embed_tokens.weight"
POSITIONS = "embed_positions.weight"
CAUSAL = "attention is counted without skipping its causal half"


@dataclass(frozen=True)
class Positions:
    """A learned position table. ``rows``: of the table; ``usable``: the most tokens it serves; ``key`` of the config."""

    rows: int
    usable: int
    key: str


class Encoder(Protocol):
    """What runs once over a request's source, before the decoder."""

    def sources(self, requests: int, options: LowerOptions, config: ModelConfig) -> tuple[int, ...]:
        """Tokens of each request that cross-attention sees."""

    def write(self, builder: TraceBuilder, prefix: str, sources: tuple[int, ...]) -> str:
        """Append the encoder; returns its result."""


@dataclass(frozen=True)
class RelativeBias:
    """A bias per head and distance bucket, looked up once per pass for all layers (T5, arXiv:1910.10683)."""

    name: str
    buckets: int
    heads: int

    def write(self, writer: BlockWriter) -> None:
        """Append the look-up for the longest request."""
        query = max(query for query, _ in writer.run.requests)
        rows = scaled(writer.run.longest, query)
        table = writer.weight(f"{self.name}.weight", (self.buckets, self.heads))
        out = writer.result(self.name, (rows, self.heads))
        writer.op(self.name, "embedding", {"rows": rows, "width": self.heads}, {"table": table}, out)


@dataclass(frozen=True)
class Decoder:
    """A decoder's graph in numbers. ``trained_tokens``: the longest context it was made for (None: any).

    ``embedding_norm``: kind of the norm of the embedded tokens. ``embedding_scale``: they are multiplied by a constant
    that a tied head must not see. ``scope``: what names of the stack begin with. ``final_norm``: name of the last norm.
    ``prompts_alone``: the decoder starts from one token, and ``--prompt`` is the source of the encoder. ``forms``:
    what the description is to say of how it is lowered; ``notes``: assumptions worth a warning.
    """

    hidden: int
    layers: tuple[Block, ...]
    vocabulary: int
    norm: str
    trained_tokens: int | None = None
    positions: Positions | None = None
    embedding_norm: str = ""
    embedding_scale: bool = False
    tied: bool = False
    head_bias: bool = False
    soft_cap: bool = False
    encoder: Encoder | None = None
    relative_bias: RelativeBias | None = None
    scope: str = "layers"
    final_norm: str = "norm"
    prompts_alone: bool = False
    forms: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class DecoderFamily(Family):
    """A family of decoders; a subclass reads its config."""

    phases = ("prefill", "decode", "generate")
    options = Family.options | {"kv", "prompt", "context", "generate"}

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        """The decoder a config describes; problems go to ``config.problems``."""
        raise NotImplementedError

    @classmethod
    def lower(cls, config: ModelConfig, options: LowerOptions) -> Trace:
        decoder = cls.read(config, options)
        first, steps, longest = _passes(decoder, options, config)
        positions = decoder.positions
        if positions and longest > positions.usable:
            message = f"{longest} tokens are more than the model has positions"
            config.add(message, positions.key, allowed=f"at most {positions.usable}")
        config.problems.raise_if_any()
        return _Lowering(decoder, config, options).trace(first, steps, longest)


def _passes(
    decoder: Decoder, options: LowerOptions, config: ModelConfig
) -> tuple[Pass, tuple[tuple[Pass, int], ...], int]:
    """The first pass, the passes of the decode steps after it with their counts, and the longest context."""
    steps, problems = options.generate or 0, config.problems
    decodes = options.phase == "decode"
    lengths = phases.context_lengths(options, problems) if decodes else phases.prompt_lengths(options, problems)
    sources = decoder.encoder.sources(len(lengths), options, config) if decoder.encoder else ()
    if decodes:
        return phases.decode(lengths, sources), (), max(lengths)
    prompts = (1,) * len(lengths) if decoder.prompts_alone else lengths
    if options.phase == "prefill":
        return phases.prefill(prompts, sources=sources), (), max(prompts)
    windows = sorted({window for layer in set(decoder.layers) for window in layer.windows})
    grown = phases.decode_steps(prompts, steps, windows, sources)
    return phases.prefill(prompts, steps, "prefill.", sources), grown, max(prompts) + steps


class _Lowering:
    def __init__(self, decoder: Decoder, config: ModelConfig, options: LowerOptions) -> None:
        self._decoder = decoder
        self._options = options
        self._builder = TraceBuilder(
            f"{config.name}_{options.phase}",
            description="; ".join([f"{config.name}, {options.phase}", CAUSAL, *decoder.forms]),
            source=describe_source(config, options),
            dtype=options.dtype,
            weight_dtype=options.weight_dtype,
        )
        for note in decoder.notes:
            self._builder.note(note)

    def trace(self, first: Pass, steps: tuple[tuple[Pass, int], ...], longest: int) -> Trace:
        decoder, builder = self._decoder, self._builder
        if decoder.trained_tokens and longest > decoder.trained_tokens:
            builder.note(f"a context of {longest} is more than the {decoder.trained_tokens} the model was made for")
        builder.weight(EMBEDDING, (decoder.vocabulary, decoder.hidden))
        if decoder.positions:
            builder.weight(POSITIONS, (decoder.positions.rows, decoder.hidden))
        tokens = builder.tensor(f"{first.prefix}token_ids", (first.tokens,), "index", INDEX_DTYPE)
        logits = self._pass(first, tokens)
        if not steps:
            return builder.build([logits])
        token = self._sample(first, logits)
        for run, count in steps:
            with builder.repeat(phases.STEP, count, "steps", {token: f"{run.prefix}next_token"}):
                self._sample(run, self._pass(run, token))
        return builder.build([token])

    def _pass(self, run: Pass, tokens: str) -> str:
        """All operators of one pass; returns the logits of each request's last token."""
        decoder, builder = self._decoder, self._builder
        encoded = None
        if decoder.encoder and not run.reads_cache:
            encoded = decoder.encoder.write(builder, run.prefix, run.sources)
        writer = BlockWriter(builder, run, self._options.kv_dtype, encoded)
        hidden = self._embed(writer, tokens)
        if decoder.relative_bias:
            decoder.relative_bias.write(writer)
        hidden = write_stack(writer, decoder.layers, hidden, decoder.scope)
        normed = writer.norm(decoder.norm, decoder.final_norm, hidden, run.tokens, decoder.hidden)
        return self._head(writer, normed)

    def _embed(self, writer: BlockWriter, tokens: str) -> str:
        decoder, run = self._decoder, writer.run
        hidden = writer.embedding("embed_tokens", EMBEDDING, decoder.vocabulary, decoder.hidden, tokens, run.tokens)
        if decoder.embedding_scale:
            hidden = writer.elementwise("embed_scale", "scale", hidden, run.tokens, decoder.hidden)
        if decoder.positions:
            rows = decoder.positions.rows
            position = writer.embedding("embed_positions", POSITIONS, rows, decoder.hidden, None, run.positions)
            hidden = writer.elementwise("embed", "add", hidden, run.tokens, decoder.hidden, y=position)
        if decoder.embedding_norm:
            hidden = writer.norm(decoder.embedding_norm, "embed_norm", hidden, run.tokens, decoder.hidden)
        return hidden

    def _head(self, writer: BlockWriter, normed: str) -> str:
        decoder, requests = self._decoder, len(writer.run.requests)
        last = part(normed, requests * decoder.hidden) if writer.run.tokens > requests else normed
        weight = EMBEDDING if decoder.tied else writer.weight("lm_head.weight", (decoder.vocabulary, decoder.hidden))
        bias = [writer.vector("lm_head.bias", decoder.vocabulary)] if decoder.head_bias else []
        logits = writer.builder.activation(f"{writer.run.prefix}logits", (requests, decoder.vocabulary))
        dims: dict[str, object] = {"m": requests, "n": decoder.vocabulary, "k": decoder.hidden}
        writer.op("lm_head", "gemm", dims, {"a": last, "b": weight, "bias": bias}, logits)
        if decoder.soft_cap:
            return writer.elementwise("logits_soft_cap", "softcap", logits, requests, decoder.vocabulary)
        return logits

    def _sample(self, run: Pass, logits: str) -> str:
        """The next token of each request: the largest logit."""
        requests = len(run.requests)
        token = self._builder.tensor(f"{run.prefix}next_token", (requests,), "index", INDEX_DTYPE)
        dims = {"rows": requests, "width": self._decoder.vocabulary, "k": 1}
        self._builder.op(f"{run.prefix}sample", "top_k", dims, {"x": logits}, token)
        return token


def describe_source(config: ModelConfig, options: LowerOptions) -> str:
    """What a trace was lowered from, without paths: the same on every machine."""
    said = [f"{name}={_shown(getattr(options, name))}" for name in options.given()]
    return " ".join([f"{config.name}/{config.path.name}", f"model_type={config.table['model_type']}", *said])


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return f"{len(value)} lengths of {min(value)} to {max(value)}"
    return str(value).rpartition("/")[2]
