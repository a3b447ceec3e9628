"""Phi-3 and Phi-4-mini: Llama's block with fused projections and a rotated part of each head (arXiv:2404.14219)."""

from __future__ import annotations

from dataclasses import replace

from sim.trace.frontends.huggingface.attention import Attention
from sim.trace.frontends.huggingface.blocks import pre_norm
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder, DecoderFamily
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.llama import read_gated, read_heads
from sim.trace.options import LowerOptions


@families.register("phi3")
class Phi3(DecoderFamily):
    """``model_type: phi3``."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden = config.count("hidden_size")
        heads = read_heads(config, hidden)
        rotary = config.rotary(heads.width)
        attention = Attention(hidden, heads, fused=True, rotary=rotary, window=config.window())
        block = pre_norm(hidden, "rms_norm", attention, replace(read_gated(config, hidden), fused=True))
        return Decoder(
            hidden=hidden,
            layers=(block,) * config.layers(),
            vocabulary=config.count("vocab_size"),
            norm="rms_norm",
            trained_tokens=config.count("max_position_embeddings"),
            tied=config.flag("tie_word_embeddings", False),
        )
