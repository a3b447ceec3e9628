"""Llama: RMS norm, rotary embedding, grouped-query attention, gated feed-forward (Touvron et al., arXiv:2302.13971)."""

from __future__ import annotations

from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder, DecoderFamily
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.feed_forward import GATED_ACTIVATIONS, Gated
from sim.trace.frontends.huggingface.writer import Heads
from sim.trace.options import LowerOptions


@families.register("llama")
class Llama(DecoderFamily):
    """``model_type: llama``."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden = config.count("hidden_size")
        function = config.choice("hidden_act", GATED_ACTIVATIONS, "silu")
        return Decoder(
            hidden=hidden,
            layers=config.count("num_hidden_layers"),
            heads=read_heads(config, hidden),
            vocabulary=config.count("vocab_size"),
            norm="rms_norm",
            feed_forward=Gated(hidden, config.count("intermediate_size"), function, config.flag("mlp_bias", False)),
            trained_tokens=config.count("max_position_embeddings"),
            attention_bias=config.flag("attention_bias", False),
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
