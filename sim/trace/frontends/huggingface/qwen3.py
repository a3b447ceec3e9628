"""Qwen3: Qwen2's block with a norm of every query and key head instead of biases (arXiv:2505.09388)."""

from __future__ import annotations

from sim.trace.frontends.huggingface.attention import Attention
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder, DecoderFamily
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.llama import read_gated, read_heads
from sim.trace.frontends.huggingface.qwen2 import qwen_decoder
from sim.trace.options import LowerOptions


@families.register("qwen3")
class Qwen3(DecoderFamily):
    """``model_type: qwen3``."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden = config.count("hidden_size")
        parts = (read_gated(config, hidden),) * config.layers()
        return qwen_decoder(config, hidden, qwen3_attention(config, hidden), parts)


def qwen3_attention(config: ModelConfig, hidden: int) -> Attention:
    """Attention with normed heads over the whole context."""
    heads = read_heads(config, hidden)
    bias = "qkvo" if config.flag("attention_bias", False) else ""
    return Attention(hidden, heads, bias, rotary=heads.width, head_norm="rms_norm")
