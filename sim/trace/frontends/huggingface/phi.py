"""Phi-1 to Phi-2: attention and feed-forward side by side under one norm, biases everywhere (arXiv:2309.05463)."""

from __future__ import annotations

from sim.trace.frontends.huggingface.attention import Attention
from sim.trace.frontends.huggingface.blocks import Parallel
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder, DecoderFamily
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.feed_forward import ACTIVATIONS, Plain
from sim.trace.frontends.huggingface.llama import read_heads
from sim.trace.options import LowerOptions


@families.register("phi")
class Phi(DecoderFamily):
    """``model_type: phi``."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden = config.count("hidden_size")
        heads = read_heads(config, hidden)
        norm = "layer_norm" if config.flag("qk_layernorm", False) else ""
        attention = Attention(hidden, heads, "qkvo", rotary=config.rotary(heads.width, 0.5), head_norm=norm)
        function = config.choice("hidden_act", ACTIVATIONS, "gelu_new")
        feed_forward = Plain(hidden, config.count("intermediate_size"), function)
        block = Parallel(hidden, "layer_norm", attention, feed_forward)
        return Decoder(
            hidden=hidden,
            layers=(block,) * config.layers(),
            vocabulary=config.count("vocab_size"),
            norm="layer_norm",
            trained_tokens=config.count("max_position_embeddings"),
            tied=config.flag("tie_word_embeddings", False),
            head_bias=True,
        )
