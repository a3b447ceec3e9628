"""Mixtral: Llama's block with a mixture of experts for its feed-forward (Jiang et al., arXiv:2401.04088)."""

from __future__ import annotations

from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder, DecoderFamily
from sim.trace.frontends.huggingface.experts import read_histogram
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.feed_forward import GATED_ACTIVATIONS, Experts
from sim.trace.frontends.huggingface.llama import read_heads
from sim.trace.frontends.huggingface.writer import Heads
from sim.trace.options import LowerOptions


@families.register("mixtral")
class Mixtral(DecoderFamily):
    """``model_type: mixtral``."""

    options = DecoderFamily.options | {"experts"}

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden = config.count("hidden_size")
        config.unsupported(["sliding_window"])
        experts, top_k = config.count("num_local_experts"), config.count("num_experts_per_tok")
        if top_k > experts:
            config.add("a token cannot go to more experts than there are", "num_experts_per_tok", found=top_k,
                       allowed=f"at most {experts}")  # fmt: skip
        heads: Heads = read_heads(config, hidden)
        histogram = read_histogram(options.experts, experts, top_k, config.problems) if options.experts else None
        function = config.choice("hidden_act", GATED_ACTIVATIONS, "silu")
        inner = config.count("intermediate_size")
        return Decoder(
            hidden=hidden,
            layers=config.count("num_hidden_layers"),
            heads=heads,
            vocabulary=config.count("vocab_size"),
            norm="rms_norm",
            feed_forward=Experts(hidden, inner, function, experts, top_k, histogram),
            trained_tokens=config.count("max_position_embeddings"),
            tied=config.flag("tie_word_embeddings", False),
            notes=() if histogram else ("tokens are spread evenly over the experts; --experts gives a histogram",),
        )
