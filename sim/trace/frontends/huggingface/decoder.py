"""Decoder-only language models: embedding, identical blocks, final norm, head; and their phases.

A block is norm, attention, residual, norm, feed-forward, residual. The head runs on the last token of each request
only. ``generate`` picks the next token with a ``top_k`` of 1 over the logits, which ties each step to the one before.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.trace.builder import TraceBuilder, part
from sim.trace.frontends.huggingface import phases
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.families import Family
from sim.trace.frontends.huggingface.feed_forward import FeedForward
from sim.trace.frontends.huggingface.phases import Pass
from sim.trace.frontends.huggingface.writer import INDEX_DTYPE, BlockWriter, Heads
from sim.trace.model import Trace
from sim.trace.options import LowerOptions

EMBEDDING = "embed_tokens.weight"
POSITIONS = "embed_positions.weight"


@dataclass(frozen=True)
class Decoder:
    """A decoder's graph in numbers. ``positions``: rows of a learned position table (0: none). ``trained_tokens``:
    the longest context it was made for. ``notes``: assumptions of the lowering worth a warning."""

    hidden: int
    layers: int
    heads: Heads
    vocabulary: int
    norm: str
    feed_forward: FeedForward
    trained_tokens: int
    rotary: bool = True
    fused_qkv: bool = False
    attention_bias: bool = False
    positions: int = 0
    tied: bool = False
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
        passes, longest = _passes(options, config)
        if decoder.positions and longest > decoder.positions:
            message = f"{longest} tokens are more than the model has positions"
            config.add(message, "n_positions", allowed=f"at most {decoder.positions}")
        config.problems.raise_if_any()
        return _Lowering(decoder, config, options).trace(passes, longest)


def _passes(options: LowerOptions, config: ModelConfig) -> tuple[tuple[Pass, ...], int]:
    """The passes of the phase, and the longest context in them."""
    steps = options.generate or 0
    if options.phase == "decode":
        contexts = phases.context_lengths(options, config.problems)
        return (phases.decode(contexts),), max(contexts)
    prompts = phases.prompt_lengths(options, config.problems)
    if options.phase == "prefill":
        return (phases.prefill(prompts),), max(prompts)
    return (phases.prefill(prompts, steps, "prefill."), phases.decode_steps(prompts, steps)), max(prompts) + steps


class _Lowering:
    def __init__(self, decoder: Decoder, config: ModelConfig, options: LowerOptions) -> None:
        self._decoder = decoder
        self._options = options
        self._builder = TraceBuilder(
            f"{config.name}_{options.phase}",
            description=f"{config.name}, {options.phase}; attention is counted without skipping its causal half",
            source=describe_source(config, options),
            dtype=options.dtype,
            weight_dtype=options.weight_dtype,
        )
        for note in decoder.notes:
            self._builder.note(note)

    def trace(self, passes: tuple[Pass, ...], longest: int) -> Trace:
        decoder, builder = self._decoder, self._builder
        if longest > decoder.trained_tokens:
            builder.note(f"a context of {longest} is more than the {decoder.trained_tokens} the model was made for")
        builder.weight(EMBEDDING, (decoder.vocabulary, decoder.hidden))
        if decoder.positions:
            builder.weight(POSITIONS, (decoder.positions, decoder.hidden))
        first = passes[0]
        tokens = builder.tensor(f"{first.prefix}token_ids", (first.tokens,), "index", INDEX_DTYPE)
        logits = self._pass(first, tokens)
        if len(passes) == 1:
            return builder.build([logits])
        token = self._sample(first, logits)
        steps = self._options.generate or 0
        with builder.repeat(phases.STEP, steps, "steps", {token: f"{passes[1].prefix}next_token"}):
            self._sample(passes[1], self._pass(passes[1], token))
        return builder.build([token])

    def _pass(self, run: Pass, tokens: str) -> str:
        """All operators of one pass; returns the logits of each request's last token."""
        decoder, builder = self._decoder, self._builder
        writer = BlockWriter(builder, run)
        hidden = writer.embedding("embed_tokens", EMBEDDING, decoder.vocabulary, decoder.hidden, tokens, run.tokens)
        if decoder.positions:
            position = writer.embedding(
                "embed_positions", POSITIONS, decoder.positions, decoder.hidden, None, run.positions
            )
            hidden = writer.elementwise("embed", "add", hidden, run.tokens, decoder.hidden, y=position)
        with builder.repeat("layer", decoder.layers, "layers", {hidden: f"{run.prefix}layers.mlp_residual.out"}):
            self._block(writer, hidden)
        normed = writer.norm(decoder.norm, "norm", hidden, run.tokens, decoder.hidden)
        return self._head(writer, normed)

    def _block(self, writer: BlockWriter, hidden: str) -> None:
        decoder, rows = self._decoder, writer.run.tokens
        normed = writer.norm(decoder.norm, "layers.input_norm", hidden, rows, decoder.hidden)
        attended = self._attention(writer, normed)
        middle = writer.elementwise("layers.attention_residual", "add", hidden, rows, decoder.hidden, y=attended)
        normed = writer.norm(decoder.norm, "layers.mlp_norm", middle, rows, decoder.hidden)
        out = decoder.feed_forward.write(writer, normed)
        writer.elementwise("layers.mlp_residual", "add", middle, rows, decoder.hidden, y=out)

    def _attention(self, writer: BlockWriter, x: str) -> str:
        decoder, heads, rows = self._decoder, self._decoder.heads, writer.run.tokens
        q, k, v = self._projections(writer, x)
        if decoder.rotary:
            q = writer.rotary("layers.rotary_q", q, heads.query, heads.width)
            k = writer.rotary("layers.rotary_k", k, heads.kv, heads.width)
        keys = writer.cache("k", heads, k, self._options.kv_dtype)
        values = writer.cache("v", heads, v, self._options.kv_dtype)
        attended = writer.attention(heads, q, keys, values)
        return writer.linear(
            "layers.o_proj", attended, rows, heads.query * heads.width, decoder.hidden, decoder.attention_bias
        )

    def _projections(self, writer: BlockWriter, x: str) -> tuple[str, ...]:
        decoder, rows = self._decoder, writer.run.tokens
        query, kv = decoder.heads.query * decoder.heads.width, decoder.heads.kv * decoder.heads.width
        if decoder.fused_qkv:
            return writer.linears("layers.qkv_proj", x, rows, decoder.hidden, (query, kv, kv), decoder.attention_bias)
        widths = {"q": query, "k": kv, "v": kv}
        return tuple(
            writer.linear(f"layers.{name}_proj", x, rows, decoder.hidden, width, decoder.attention_bias)
            for name, width in widths.items()
        )

    def _head(self, writer: BlockWriter, normed: str) -> str:
        decoder, requests = self._decoder, len(writer.run.requests)
        last = part(normed, requests * decoder.hidden) if writer.run.tokens > requests else normed
        weight = EMBEDDING if decoder.tied else writer.weight("lm_head.weight", (decoder.vocabulary, decoder.hidden))
        logits = writer.builder.activation(f"{writer.run.prefix}logits", (requests, decoder.vocabulary))
        dims: dict[str, object] = {"m": requests, "n": decoder.vocabulary, "k": decoder.hidden}
        writer.op("lm_head", "gemm", dims, {"a": last, "b": weight}, logits)
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
