"""Falcon: attention and feed-forward side by side, few key/value heads, a tied head (arXiv:2311.16867)."""

from __future__ import annotations

from sim.trace.frontends.huggingface.attention import ALIBI, Attention, Heads
from sim.trace.frontends.huggingface.blocks import Block, Parallel, pre_norm
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder, DecoderFamily
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.feed_forward import ACTIVATIONS, Plain
from sim.trace.options import LowerOptions


@families.register("falcon")
class Falcon(DecoderFamily):
    """``model_type: falcon``."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden = config.count("hidden_size")
        heads = _heads(config, hidden)
        bias, alibi = config.flag("bias", False), config.flag("alibi", False)
        attention = Attention(
            hidden,
            heads,
            "qkvo" if bias else "",
            fused=True,
            rotary=0 if alibi else heads.width,
            score_steps=(ALIBI,) if alibi else (),
        )
        function = config.choice("activation", ACTIVATIONS, "gelu")
        feed_forward = Plain(hidden, config.count("ffn_hidden_size", 4 * hidden), function, bias)
        return Decoder(
            hidden=hidden,
            layers=(_block(config, hidden, attention, feed_forward),) * config.layers(),
            vocabulary=config.count("vocab_size"),
            norm="layer_norm",
            trained_tokens=config.count("max_position_embeddings", 2048),
            tied=config.flag("tie_word_embeddings", True),
        )


def _heads(config: ModelConfig, hidden: int) -> Heads:
    """One key/value head (``multi_query``), ``num_kv_heads`` of them in the newer architecture, else as many as
    queries."""
    query = config.count("num_attention_heads")
    config.divides("num_attention_heads", "hidden_size", query, hidden)
    kv = query
    if config.flag("new_decoder_architecture", False):
        kv = config.count("num_kv_heads", query)
        config.divides("num_kv_heads", "num_attention_heads", kv, query)
    elif config.flag("multi_query", True):
        kv = 1
    return Heads(query, kv, max(1, hidden // query))


def _block(config: ModelConfig, hidden: int, attention: Attention, feed_forward: Plain) -> Block:
    """Side by side under one norm or, in the newer architecture, two; the oldest models have them in turn."""
    newer = config.flag("new_decoder_architecture", False)
    if not newer and not config.flag("parallel_attn", True):
        return pre_norm(hidden, "layer_norm", attention, feed_forward)
    norms = config.count("num_ln_in_parallel_attn", 2 if newer else 1)
    config.at_most("num_ln_in_parallel_attn", norms, 2, "a block has one norm or two")
    return Parallel(hidden, "layer_norm", attention, feed_forward, "mlp_norm" if norms == 2 else "")
