"""GPT-2: layer norm, learned positions, fused projections with biases, tied head (Radford et al., 2019)."""

from __future__ import annotations

from sim.trace.frontends.huggingface.attention import Attention, Heads
from sim.trace.frontends.huggingface.blocks import pre_norm
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder, DecoderFamily, Positions
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.feed_forward import ACTIVATIONS, Plain
from sim.trace.options import LowerOptions


@families.register("gpt2")
class Gpt2(DecoderFamily):
    """``model_type: gpt2``."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden = config.count("n_embd")
        heads = equal_heads(config, "n_head", "n_embd", hidden)
        config.unsupported(["add_cross_attention"])
        positions = config.count("n_positions")
        function = config.choice("activation_function", ACTIVATIONS, "gelu_new")
        attention = Attention(hidden, heads, "qkvo", fused=True)
        feed_forward = Plain(hidden, config.count("n_inner", 4 * hidden), function)
        return Decoder(
            hidden=hidden,
            layers=(pre_norm(hidden, "layer_norm", attention, feed_forward),) * config.layers("n_layer"),
            vocabulary=config.count("vocab_size"),
            norm="layer_norm",
            trained_tokens=positions,
            positions=Positions(positions, positions, "n_positions"),
            tied=config.flag("tie_word_embeddings", True),
        )


def equal_heads(config: ModelConfig, heads_key: str, hidden_key: str, hidden: int) -> Heads:
    """As many key/value heads as query heads, which share the hidden size among them."""
    heads = config.count(heads_key)
    config.divides(heads_key, hidden_key, heads, hidden)
    return Heads(heads, heads, max(1, hidden // heads))
