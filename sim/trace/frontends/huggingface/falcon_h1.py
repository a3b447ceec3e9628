"""Falcon-H1: attention and a Mamba-2 mixer read the same input and are added; then a feed-forward (arXiv:2507.22448).

The constant multipliers of its parts (maximal update parametrisation) are folded into the weights.
"""

from __future__ import annotations

from sim.trace.frontends.huggingface.attention import Attention
from sim.trace.frontends.huggingface.blocks import Sum, pre_norm
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder, DecoderFamily
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.llama import read_gated, read_heads
from sim.trace.frontends.huggingface.scan import Mamba2
from sim.trace.options import LowerOptions


@families.register("falcon_h1")
class FalconH1(DecoderFamily):
    """``model_type: falcon_h1``."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden = config.count("hidden_size")
        heads = read_heads(config, hidden)
        bias = "qkvo" if config.flag("attention_bias", False) else ""
        attention = Attention(hidden, heads, bias, rotary=heads.width)
        feed_forward = read_gated(config, hidden, bias=config.flag("mlp_bias", False))
        mixers = Sum(hidden, ("mamba.", _mixer(config, hidden)), ("", attention))
        return Decoder(
            hidden=hidden,
            layers=(pre_norm(hidden, "rms_norm", mixers, feed_forward),) * config.layers(),
            vocabulary=config.count("vocab_size"),
            norm="rms_norm",
            trained_tokens=config.count("max_position_embeddings"),
            tied=config.flag("tie_word_embeddings", False),
        )


def _mixer(config: ModelConfig, hidden: int) -> Mamba2:
    inner = config.count("mamba_d_ssm", config.count("mamba_expand", 2) * hidden)
    heads, groups = config.count("mamba_n_heads"), config.count("mamba_n_groups", 1)
    config.divides("mamba_n_heads", "mamba_d_ssm", heads, inner)
    config.divides("mamba_n_groups", "mamba_n_heads", groups, heads)
    return Mamba2(
        hidden,
        inner,
        config.count("mamba_d_state"),
        config.count("mamba_d_conv", 4),
        heads,
        groups,
        config.flag("mamba_rms_norm", False),
        config.flag("mamba_proj_bias", False),
        config.flag("mamba_conv_bias", True),
    )
