"""DeepSeek-V2: latent attention; small experts with shared ones; the first layers dense (arXiv:2405.04434)."""

from __future__ import annotations

from sim.trace.frontends.huggingface.blocks import pre_norm
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder
from sim.trace.frontends.huggingface.experts import Routing
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.feed_forward import GATED_ACTIVATIONS, Gated
from sim.trace.frontends.huggingface.latent_attention import LatentAttention
from sim.trace.frontends.huggingface.llama import read_gated
from sim.trace.frontends.huggingface.mixtral import EVEN, ExpertFamily, read_experts
from sim.trace.frontends.huggingface.mixture import Groups, Mixture, RoutedExperts, Router
from sim.trace.options import LowerOptions

FORMS = "latent attention: prefill expands keys and values (naive form), decode attends to the latents (absorbed form)"


@families.register("deepseek_v2")
class DeepseekV2(ExpertFamily):
    """``model_type: deepseek_v2``: shares by softmax; of a group its best expert counts."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        experts, top_k, histogram = read_experts(config, options, "n_routed_experts")
        word = config.choice("topk_method", {"greedy": "", "group_limited_greedy": "groups"}, "greedy")
        router = Router(
            experts,
            top_k,
            normalise=config.flag("norm_topk_prob", False),
            scale=config.number("routed_scaling_factor", 1.0) != 1,
            groups=read_groups(config, experts, best=1) if word else None,
        )
        return deepseek_decoder(config, router, histogram)


def deepseek_decoder(config: ModelConfig, router: Router, histogram: Routing) -> Decoder:
    """The decoder of both versions, which differ in the router."""
    hidden, layers = config.count("hidden_size"), config.layers()
    inner = config.count("moe_intermediate_size")
    function = config.choice("hidden_act", GATED_ACTIVATIONS, "silu")
    shared = Gated(hidden, inner * config.count("n_shared_experts"), function)
    mixture = Mixture(hidden, router, RoutedExperts(inner, function), histogram, shared)
    dense, every = config.count("first_k_dense_replace", 0, smallest=0), config.count("moe_layer_freq", 1)
    sparse = [layer >= dense and layer % every == 0 for layer in range(layers)]
    plain = read_gated(config, hidden)
    attention = read_latent_attention(config, hidden)
    return Decoder(
        hidden=hidden,
        layers=tuple(pre_norm(hidden, "rms_norm", attention, mixture if one else plain) for one in sparse),
        vocabulary=config.count("vocab_size"),
        norm="rms_norm",
        trained_tokens=config.count("max_position_embeddings"),
        tied=config.flag("tie_word_embeddings", False),
        forms=(FORMS,),
        notes=() if histogram else (EVEN,),
    )


def read_latent_attention(config: ModelConfig, hidden: int) -> LatentAttention:
    """Latent attention; ``q_lora_rank`` null means that queries have no latent."""
    low_rank = config.table.get("q_lora_rank") is not None
    return LatentAttention(
        hidden,
        config.count("num_attention_heads"),
        nope=config.count("qk_nope_head_dim"),
        rotary=config.count("qk_rope_head_dim"),
        value=config.count("v_head_dim"),
        latent=config.count("kv_lora_rank"),
        query_latent=config.count("q_lora_rank") if low_rank else 0,
        bias=config.flag("attention_bias", False),
    )


def read_groups(config: ModelConfig, experts: int, best: int) -> Groups | None:
    """Groups of experts, of which a token uses a few; None when it may use all."""
    count, kept = config.count("n_group", 1), config.count("topk_group", 1)
    config.at_most("topk_group", kept, count, "a token cannot use more groups than there are", "n_group")
    config.divides("n_group", "n_routed_experts", count, experts)
    if best > experts // count and not config.stood_in("n_routed_experts"):
        config.add(f"a group must have at least {best} experts", "n_group", found=count)
    return Groups(count, kept, best) if count > 1 else None
