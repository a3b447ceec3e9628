"""Qwen1.5-MoE and Qwen2-MoE: Qwen2's attention, many small experts, and a gated shared one (arXiv:2407.10671)."""

from __future__ import annotations

from dataclasses import replace

from sim.trace.frontends.huggingface.attention import Attention
from sim.trace.frontends.huggingface.blocks import Part
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.feed_forward import GATED_ACTIVATIONS
from sim.trace.frontends.huggingface.llama import read_gated
from sim.trace.frontends.huggingface.mixtral import EVEN, ExpertFamily, read_experts
from sim.trace.frontends.huggingface.mixture import Mixture, RoutedExperts, Router
from sim.trace.frontends.huggingface.qwen2 import qwen2_attention, qwen_decoder
from sim.trace.options import LowerOptions


@families.register("qwen2_moe")
class Qwen2Moe(ExpertFamily):
    """``model_type: qwen2_moe``."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden = config.count("hidden_size")
        shared = read_gated(config, hidden, "shared_expert_intermediate_size")
        mixture = replace(read_mixture(config, options, hidden, "num_experts"), shared=shared, shared_gate=True)
        return expert_decoder(config, hidden, qwen2_attention(config, hidden), mixture)


def expert_decoder(config: ModelConfig, hidden: int, attention: Attention, mixture: Mixture) -> Decoder:
    """Every ``decoder_sparse_step``-th layer has the mixture, except ``mlp_only_layers``; the others are dense."""
    step = config.count("decoder_sparse_step", 1)
    dense = config.table.get("mlp_only_layers") or []
    if not isinstance(dense, list):
        config.add("'mlp_only_layers' must be a list of layer numbers", "mlp_only_layers", found=dense)
        dense = []
    sparse = [layer not in dense and (layer + 1) % step == 0 for layer in range(config.layers())]
    feed_forward = mixture if all(sparse) else read_gated(config, hidden)
    parts: list[Part] = [mixture if one else feed_forward for one in sparse]
    notes = () if mixture.histogram else (EVEN,)
    return replace(qwen_decoder(config, hidden, attention, parts), notes=notes)


def read_mixture(config: ModelConfig, options: LowerOptions, hidden: int, key: str) -> Mixture:
    """Experts of ``moe_intermediate_size``; their shares sum to one where ``norm_topk_prob`` says so."""
    experts, top_k, histogram = read_experts(config, options, key)
    router = Router(experts, top_k, normalise=config.flag("norm_topk_prob", False))
    function = config.choice("hidden_act", GATED_ACTIVATIONS, "silu")
    return Mixture(hidden, router, RoutedExperts(config.count("moe_intermediate_size"), function), histogram)
