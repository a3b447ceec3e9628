"""BLOOM: linear biases of attention (ALiBi) for positions, a norm of the embeddings, fused projections
(arXiv:2211.05100)."""

from __future__ import annotations

from sim.trace.frontends.huggingface.attention import ALIBI, Attention
from sim.trace.frontends.huggingface.blocks import pre_norm
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder, DecoderFamily
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.feed_forward import Plain
from sim.trace.frontends.huggingface.gpt2 import equal_heads
from sim.trace.options import LowerOptions


@families.register("bloom")
class Bloom(DecoderFamily):
    """``model_type: bloom``; older configs say ``n_embed`` and ``num_attention_heads``."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden_key = config.key("hidden_size", "n_embed")
        hidden = config.count(hidden_key)
        heads = equal_heads(config, config.key("n_head", "num_attention_heads"), hidden_key, hidden)
        attention = Attention(hidden, heads, "qkvo", fused=True, score_steps=(ALIBI,))
        block = pre_norm(hidden, "layer_norm", attention, Plain(hidden, 4 * hidden, "gelu"))
        return Decoder(
            hidden=hidden,
            layers=(block,) * config.layers(config.key("n_layer", "num_hidden_layers")),
            vocabulary=config.count("vocab_size"),
            norm="layer_norm",
            trained_tokens=config.count("seq_length", 2048),
            embedding_norm="layer_norm",
            tied=config.flag("tie_word_embeddings", True),
        )
