"""Mistral: Llama's block with a sliding window (Jiang et al., arXiv:2310.06825); later models have none."""

from __future__ import annotations

from sim.trace.frontends.huggingface.attention import Attention
from sim.trace.frontends.huggingface.blocks import pre_norm
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder, DecoderFamily
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.llama import read_gated, read_heads
from sim.trace.options import LowerOptions


@families.register("mistral")
class Mistral(DecoderFamily):
    """``model_type: mistral``."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden = config.count("hidden_size")
        heads = read_heads(config, hidden)
        attention = Attention(hidden, heads, rotary=heads.width, window=config.window())
        block = pre_norm(hidden, "rms_norm", attention, read_gated(config, hidden))
        return Decoder(
            hidden=hidden,
            layers=(block,) * config.layers(),
            vocabulary=config.count("vocab_size"),
            norm="rms_norm",
            trained_tokens=config.count("max_position_embeddings"),
            tied=config.flag("tie_word_embeddings", False),
        )
