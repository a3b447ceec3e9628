"""Mixtral: Llama's block with a mixture of experts for its feed-forward (Jiang et al., arXiv:2401.04088)."""

from __future__ import annotations

from sim.trace.frontends.huggingface.attention import Attention
from sim.trace.frontends.huggingface.blocks import pre_norm
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder, DecoderFamily
from sim.trace.frontends.huggingface.experts import Routing, read_histogram
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.feed_forward import GATED_ACTIVATIONS
from sim.trace.frontends.huggingface.llama import read_heads
from sim.trace.frontends.huggingface.mixture import Mixture, RoutedExperts, Router
from sim.trace.options import LowerOptions

#: More experts than any model has, and few enough to be listed.
MAX_EXPERTS = 2**16
EVEN = "tokens are spread evenly over the experts; --experts gives a histogram"


class ExpertFamily(DecoderFamily):
    """A family of decoders with mixtures of experts."""

    options = DecoderFamily.options | {"experts"}


@families.register("mixtral")
class Mixtral(ExpertFamily):
    """``model_type: mixtral``."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden = config.count("hidden_size")
        heads = read_heads(config, hidden)
        attention = Attention(hidden, heads, rotary=heads.width, window=config.window())
        experts, top_k, histogram = read_experts(config, options, "num_local_experts")
        function = config.choice("hidden_act", GATED_ACTIVATIONS, "silu")
        routed = RoutedExperts(config.count("intermediate_size"), function)
        mixture = Mixture(hidden, Router(experts, top_k), routed, histogram)
        return Decoder(
            hidden=hidden,
            layers=(pre_norm(hidden, "rms_norm", attention, mixture),) * config.layers(),
            vocabulary=config.count("vocab_size"),
            norm="rms_norm",
            trained_tokens=config.count("max_position_embeddings"),
            tied=config.flag("tie_word_embeddings", False),
            notes=() if histogram else (EVEN,),
        )


def read_experts(config: ModelConfig, options: LowerOptions, key: str) -> tuple[int, int, Routing]:
    """Experts, how many each token goes to, and the distribution of ``--experts``."""
    experts, top_k = config.count(key), config.count("num_experts_per_tok")
    if experts > MAX_EXPERTS:
        config.add(f"{key!r} is absurdly large", key, found=experts, allowed=f"at most {MAX_EXPERTS}")
        experts = MAX_EXPERTS
    message = "a token cannot go to more experts than there are"
    config.at_most("num_experts_per_tok", top_k, experts, message, key)
    histogram = read_histogram(options.experts, experts, top_k, config.problems) if options.experts else None
    return experts, top_k, histogram
