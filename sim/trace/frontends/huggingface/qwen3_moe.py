"""Qwen3-MoE: Qwen3's attention and many small experts, none shared (arXiv:2505.09388)."""

from __future__ import annotations

from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.mixtral import ExpertFamily
from sim.trace.frontends.huggingface.qwen2_moe import expert_decoder, read_mixture
from sim.trace.frontends.huggingface.qwen3 import qwen3_attention
from sim.trace.options import LowerOptions


@families.register("qwen3_moe")
class Qwen3Moe(ExpertFamily):
    """``model_type: qwen3_moe``."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden = config.count("hidden_size")
        mixture = read_mixture(config, options, hidden, "num_experts")
        return expert_decoder(config, hidden, qwen3_attention(config, hidden), mixture)
