"""DeepSeek-V3 and R1: V2's graph with sigmoid shares and a learned correction of the choice (arXiv:2412.19437).

The head that predicts a second token (multi-token prediction) is used in training and speculative decoding only and is
not part of the graph.
"""

from __future__ import annotations

from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder
from sim.trace.frontends.huggingface.deepseek_v2 import deepseek_decoder, read_groups
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.mixtral import ExpertFamily, read_experts
from sim.trace.frontends.huggingface.mixture import Router
from sim.trace.options import LowerOptions


@families.register("deepseek_v3")
class DeepseekV3(ExpertFamily):
    """``model_type: deepseek_v3``: of a group its two best experts count."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        experts, top_k, histogram = read_experts(config, options, "n_routed_experts")
        router = Router(
            experts,
            top_k,
            score="sigmoid",
            normalise=config.flag("norm_topk_prob", True),
            scale=config.number("routed_scaling_factor", 2.5) != 1,
            correction=True,
            groups=read_groups(config, experts, best=2),
        )
        return deepseek_decoder(config, router, histogram)
