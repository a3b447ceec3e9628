"""Llama: RMS norms, rotary embedding, grouped-query attention, gated feed-forward (arXiv:2302.13971, 2307.09288)."""

from __future__ import annotations

from sim.trace.frontends.huggingface.attention import Attention, Heads
from sim.trace.frontends.huggingface.blocks import pre_norm
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder, DecoderFamily
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.feed_forward import GATED_ACTIVATIONS, Gated
from sim.trace.options import LowerOptions


@families.register("llama")
class Llama(DecoderFamily):
    """``model_type: llama``."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden = config.count("hidden_size")
        heads = read_heads(config, hidden)
        bias = "qkvo" if config.flag("attention_bias", False) else ""
        attention = Attention(hidden, heads, bias, rotary=heads.width)
        feed_forward = read_gated(config, hidden, bias=config.flag("mlp_bias", False))
        return Decoder(
            hidden=hidden,
            layers=(pre_norm(hidden, "rms_norm", attention, feed_forward),) * config.layers(),
            vocabulary=config.count("vocab_size"),
            norm="rms_norm",
            trained_tokens=config.count("max_position_embeddings"),
            tied=config.flag("tie_word_embeddings", False),
        )


def read_heads(config: ModelConfig, hidden: int) -> Heads:
    """Query heads, the KV heads they share (``num_key_value_heads``, all by default) and their width (``head_dim``)."""
    query = config.count("num_attention_heads")
    kv = config.count("num_key_value_heads", query)
    config.divides("num_key_value_heads", "num_attention_heads", kv, query)
    if config.table.get("head_dim") is None:
        config.divides("num_attention_heads", "hidden_size", query, hidden)
    return Heads(query, kv, config.count("head_dim", max(1, hidden // query)))


def read_gated(
    config: ModelConfig, hidden: int, key: str = "intermediate_size", default: str = "silu", bias: bool = False
) -> Gated:
    """The gated feed-forward of ``intermediate_size`` (or another key) and ``hidden_act``."""
    return Gated(hidden, config.count(key), config.choice("hidden_act", GATED_ACTIVATIONS, default), bias)
