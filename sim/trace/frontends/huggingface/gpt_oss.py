"""gpt-oss: a sliding window in every other layer, softmax sinks, experts with biases (arXiv:2508.10925)."""

from __future__ import annotations

from sim.trace.frontends.huggingface.attention import Attention
from sim.trace.frontends.huggingface.blocks import pre_norm
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.feed_forward import GATED_ACTIVATIONS
from sim.trace.frontends.huggingface.llama import read_heads
from sim.trace.frontends.huggingface.mixtral import EVEN, ExpertFamily, read_experts
from sim.trace.frontends.huggingface.mixture import Mixture, RoutedExperts, Router
from sim.trace.frontends.huggingface.qwen2 import FULL, SLIDING
from sim.trace.options import LowerOptions


@families.register("gpt_oss")
class GptOss(ExpertFamily):
    """``model_type: gpt_oss``."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden = config.count("hidden_size")
        heads = read_heads(config, hidden)
        bias = "qkvo" if config.flag("attention_bias", True) else ""
        windows = {FULL: None, SLIDING: config.count("sliding_window", 128)}
        types = config.layer_types(config.layers(), windows, lambda layer: FULL if layer % 2 else SLIDING)
        attentions = {
            name: Attention(hidden, heads, bias, rotary=heads.width, window=window, sinks=True)
            for name, window in windows.items()
        }
        experts, top_k, histogram = read_experts(config, options, "num_local_experts")
        router = Router(experts, top_k, score="softmax_chosen", bias=True)
        function = config.choice("hidden_act", GATED_ACTIVATIONS, "silu")
        routed = RoutedExperts(config.count("intermediate_size"), function, bias=True, fused=True, clamp=True)
        mixture = Mixture(hidden, router, routed, histogram)
        return Decoder(
            hidden=hidden,
            layers=tuple(
                pre_norm(hidden, "rms_norm", attentions.get(name, attentions[FULL]), mixture) for name in types
            ),
            vocabulary=config.count("vocab_size"),
            norm="rms_norm",
            trained_tokens=config.count("max_position_embeddings"),
            tied=config.flag("tie_word_embeddings", False),
            notes=() if histogram else (EVEN,),
        )
