"""Mamba-2: blocks of one mixer each, whose channels share step sizes and decays in heads (arXiv:2405.21060)."""

from __future__ import annotations

from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder, DecoderFamily
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.mamba import mixer_decoder
from sim.trace.frontends.huggingface.scan import Mamba2
from sim.trace.options import LowerOptions


@families.register("mamba2")
class Mamba2Family(DecoderFamily):
    """``model_type: mamba2``."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden, heads = config.count("hidden_size"), config.count("num_heads")
        inner, groups = config.count("expand", 2) * hidden, config.count("n_groups", 8)
        width = config.count("head_dim")
        if heads * width != inner and not config.stood_in("num_heads", "head_dim", "hidden_size", "expand"):
            message = f"'num_heads' times 'head_dim' is not 'expand' times 'hidden_size' ({inner})"
            config.add(message, "num_heads", found=f"{heads} x {width}")
        config.divides("n_groups", "num_heads", groups, heads)
        mixer = Mamba2(
            hidden,
            inner,
            config.count("state_size", 128),
            config.count("conv_kernel", 4),
            heads,
            groups,
            config.flag("rms_norm", True),
            config.flag("use_bias", False),
            config.flag("use_conv_bias", True),
        )
        return mixer_decoder(config, hidden, mixer, tied=False)
