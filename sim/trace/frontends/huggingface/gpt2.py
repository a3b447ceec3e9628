"""GPT-2: layer norm, learned positions, fused projections with biases, tied head (Radford et al., 2019)."""

from __future__ import annotations

from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder, DecoderFamily
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.feed_forward import ACTIVATIONS, Plain
from sim.trace.frontends.huggingface.writer import Heads
from sim.trace.options import LowerOptions


@families.register("gpt2")
class Gpt2(DecoderFamily):
    """``model_type: gpt2``."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden, heads = config.count("n_embd"), config.count("n_head")
        config.divides("n_head", "n_embd", heads, hidden)
        config.unsupported(["add_cross_attention"])
        positions = config.count("n_positions")
        function = config.choice("activation_function", ACTIVATIONS, "gelu_new")
        return Decoder(
            hidden=hidden,
            layers=config.count("n_layer"),
            heads=Heads(heads, heads, max(1, hidden // heads)),
            vocabulary=config.count("vocab_size"),
            norm="layer_norm",
            feed_forward=Plain(hidden, config.count("n_inner", 4 * hidden), function),
            trained_tokens=positions,
            rotary=False,
            fused_qkv=True,
            attention_bias=True,
            positions=positions,
            tied=config.flag("tie_word_embeddings", True),
        )
