"""Qwen2 and Qwen2.5: Llama's block with biases on query, key and value (arXiv:2407.10671, 2412.15115)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sim.trace.frontends.huggingface.attention import Attention
from sim.trace.frontends.huggingface.blocks import Part, pre_norm
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder, DecoderFamily
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.llama import read_gated, read_heads
from sim.trace.options import LowerOptions

FULL, SLIDING = "full_attention", "sliding_attention"


@families.register("qwen2")
class Qwen2(DecoderFamily):
    """``model_type: qwen2``."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden = config.count("hidden_size")
        parts = (read_gated(config, hidden),) * config.layers()
        return qwen_decoder(config, hidden, qwen2_attention(config, hidden), parts)


def qwen2_attention(config: ModelConfig, hidden: int) -> Attention:
    """Attention over the whole context."""
    heads = read_heads(config, hidden)
    return Attention(hidden, heads, "qkv", rotary=heads.width)


def qwen_decoder(config: ModelConfig, hidden: int, attention: Attention, feed_forwards: Sequence[Part]) -> Decoder:
    """The decoder with these feed-forwards, one per layer."""
    attentions = per_layer(config, attention, len(feed_forwards))
    pairs = zip(attentions, feed_forwards, strict=True)
    return Decoder(
        hidden=hidden,
        layers=tuple(pre_norm(hidden, "rms_norm", attended, part) for attended, part in pairs),
        vocabulary=config.count("vocab_size"),
        norm="rms_norm",
        trained_tokens=config.count("max_position_embeddings"),
        tied=config.flag("tie_word_embeddings", False),
    )


def per_layer(config: ModelConfig, attention: Attention, layers: int) -> tuple[Attention, ...]:
    """Attention of each layer: with ``use_sliding_window``, layers from ``max_window_layers`` on have the window."""
    if not config.flag("use_sliding_window", False):
        return (attention,) * layers
    first = config.count("max_window_layers", 28, smallest=0)
    types = config.layer_types(layers, (FULL, SLIDING), lambda layer: SLIDING if layer >= first else FULL)
    kinds = {FULL: attention, SLIDING: replace(attention, window=config.window())}
    return tuple(kinds.get(name, attention) for name in types)
