"""Gemma: Llama's block with wide heads, a gelu gate, a tied head and scaled embeddings (arXiv:2403.08295)."""

from __future__ import annotations

from sim.trace.frontends.huggingface.attention import Attention
from sim.trace.frontends.huggingface.blocks import Part, Sequential, Sublayer, pre_norm
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder, DecoderFamily
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.feed_forward import GATED_ACTIVATIONS, Gated
from sim.trace.frontends.huggingface.llama import read_heads
from sim.trace.options import LowerOptions

ACTIVATION = "gelu_pytorch_tanh"


@families.register("gemma")
class Gemma(DecoderFamily):
    """``model_type: gemma``."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden = config.count("hidden_size")
        heads = read_heads(config, hidden)
        bias = "qkvo" if config.flag("attention_bias", False) else ""
        feed_forward = gemma_feed_forward(config, hidden)
        block = pre_norm(hidden, "rms_norm", Attention(hidden, heads, bias, rotary=heads.width), feed_forward)
        return Decoder(
            hidden=hidden,
            layers=(block,) * config.layers(),
            vocabulary=config.count("vocab_size"),
            norm="rms_norm",
            trained_tokens=config.count("max_position_embeddings"),
            embedding_scale=True,
            tied=config.flag("tie_word_embeddings", True),
        )


def gemma_feed_forward(config: ModelConfig, hidden: int) -> Gated:
    """The gate's function is ``hidden_activation``, or ``hidden_act`` in older configs."""
    key = config.key("hidden_activation", "hidden_act")
    function = config.choice(key, GATED_ACTIVATIONS, ACTIVATION)
    return Gated(hidden, config.count("intermediate_size"), function)


def sandwich(hidden: int, attention: Part, feed_forward: Part) -> Sequential:
    """The block of Gemma 2 and 3: a norm before and after each part."""
    return Sequential(hidden, "rms_norm", (
        Sublayer(attention, "input_norm", "attention_residual", "attention_norm_after"),
        Sublayer(feed_forward, "mlp_norm", "mlp_residual", "mlp_norm_after"),
    ))  # fmt: skip
