"""Mamba: blocks of one selective-scan mixer each, no attention (arXiv:2312.00752)."""

from __future__ import annotations

from sim.trace.frontends.huggingface.blocks import Part, Sequential, Sublayer
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder, DecoderFamily
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.scan import Mamba
from sim.trace.options import LowerOptions


@families.register("mamba")
class MambaFamily(DecoderFamily):
    """``model_type: mamba``; ``time_step_rank`` "auto" is a sixteenth of the hidden size."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden = config.count("hidden_size")
        automatic = config.table.get("time_step_rank", "auto") == "auto"
        mixer = Mamba(
            hidden,
            config.count("intermediate_size", config.count("expand", 2) * hidden),
            config.count("state_size", 16),
            config.count("conv_kernel", 4),
            -(-hidden // 16) if automatic else config.count("time_step_rank"),
            config.flag("use_bias", False),
            config.flag("use_conv_bias", True),
        )
        return mixer_decoder(config, hidden, mixer, tied=True)


def mixer_decoder(config: ModelConfig, hidden: int, mixer: Part, tied: bool) -> Decoder:
    """A decoder whose blocks have one part each."""
    block = Sequential(hidden, "rms_norm", (Sublayer(mixer, "norm", "residual"),))
    return Decoder(
        hidden=hidden,
        layers=(block,) * config.layers(),
        vocabulary=config.count("vocab_size"),
        norm="rms_norm",
        tied=config.flag("tie_word_embeddings", tied),
    )
