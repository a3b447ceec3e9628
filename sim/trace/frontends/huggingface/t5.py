"""T5 and Flan-T5: encoder and decoder with relative position biases and no other biases (arXiv:1910.10683).

``--prompt`` is the length of the source. The prefill runs the encoder and the decoder's first token; ``--context``
counts the decoder's tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.trace.builder import TraceBuilder
from sim.trace.frontends.huggingface import phases
from sim.trace.frontends.huggingface.attention import Attention, CrossAttention, Heads, ScoreStep
from sim.trace.frontends.huggingface.blocks import Block, Part, Sequential, Sublayer, pre_norm, write_stack
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import EMBEDDING, Decoder, DecoderFamily, RelativeBias
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.feed_forward import ACTIVATIONS, GATED_ACTIVATIONS, Gated, Plain
from sim.trace.frontends.huggingface.writer import INDEX_DTYPE, BlockWriter
from sim.trace.options import LowerOptions

GATED = "gated-"


@dataclass(frozen=True)
class T5Encoder:
    """The encoder, which shares the decoder's embedding table."""

    hidden: int
    layers: tuple[Block, ...]
    vocabulary: int
    relative_bias: RelativeBias

    def sources(self, requests: int, options: LowerOptions, config: ModelConfig) -> tuple[int, ...]:
        """``--prompt`` of each request."""
        return phases.source_lengths(requests, options, config.problems)

    def write(self, builder: TraceBuilder, prefix: str, sources: tuple[int, ...]) -> str:
        """Append the encoder; returns its result."""
        writer = BlockWriter(builder, phases.whole(sources, prefix))
        rows, hidden = writer.run.tokens, self.hidden
        tokens = builder.tensor(f"{prefix}source_ids", (rows,), "index", INDEX_DTYPE)
        x = writer.embedding("encoder.embed_tokens", EMBEDDING, self.vocabulary, hidden, tokens, rows)
        self.relative_bias.write(writer)
        x = write_stack(writer, self.layers, x, "encoder.layers")
        return writer.norm("rms_norm", "encoder.norm", x, rows, hidden)


@families.register("t5")
class T5(DecoderFamily):
    """``model_type: t5``; ``feed_forward_proj`` is a function, or "gated-" and a function."""

    lengths = {
        "prefill": frozenset({"prompt"}),
        "decode": frozenset({"context", "prompt"}),
        "generate": frozenset({"prompt", "generate"}),
    }

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden, vocabulary = config.count("d_model"), config.count("vocab_size")
        query = config.count("num_heads")
        heads = Heads(query, query, config.count("d_kv"))
        feed_forward = _feed_forward(config, hidden)
        buckets = config.count("relative_attention_num_buckets", 32)
        biases = {side: RelativeBias(f"{side}.position_bias", buckets, query) for side in ("encoder", "decoder")}
        attentions = {
            side: Attention(
                hidden, heads, score_steps=(ScoreStep("position_bias", "add", bias.name),), cached=side == "decoder"
            )
            for side, bias in biases.items()
        }
        layers = config.layers("num_layers")
        decoder_layers = config.layers("num_decoder_layers") if config.table.get("num_decoder_layers") else layers
        encoder_block = pre_norm(hidden, "rms_norm", attentions["encoder"], feed_forward)
        block = cross_block(hidden, "rms_norm", attentions["decoder"], CrossAttention(hidden, heads), feed_forward)
        return Decoder(
            hidden=hidden,
            layers=(block,) * decoder_layers,
            vocabulary=vocabulary,
            norm="rms_norm",
            tied=config.flag("tie_word_embeddings", True),
            encoder=T5Encoder(hidden, (encoder_block,) * layers, vocabulary, biases["encoder"]),
            relative_bias=biases["decoder"],
            scope="decoder.layers",
            final_norm="decoder.norm",
            prompts_alone=True,
        )


def cross_block(hidden: int, norm: str, attention: Part, cross: Part, feed_forward: Part) -> Sequential:
    """The block of a decoder that attends to an encoder's result."""
    own, last = pre_norm(hidden, norm, attention, feed_forward).sublayers
    middle = Sublayer(cross, "cross_norm", "cross_residual")
    return Sequential(hidden, norm, (own, middle, last))


def _feed_forward(config: ModelConfig, hidden: int) -> Plain | Gated:
    inner, word = config.count("d_ff"), config.table.get("feed_forward_proj", "relu")
    choices = {**ACTIVATIONS, **{GATED + name: function for name, function in GATED_ACTIVATIONS.items()}}
    function = config.choice("feed_forward_proj", choices, "relu")
    if str(word).startswith(GATED):
        return Gated(hidden, inner, function)
    return Plain(hidden, inner, function, bias=False)
