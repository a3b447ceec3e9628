"""GPT-J: attention and feed-forward side by side under one norm, part of each head rotated (Wang, Komatsuzaki, 2021)."""

from __future__ import annotations

from sim.trace.frontends.huggingface.attention import Attention
from sim.trace.frontends.huggingface.blocks import Parallel
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder, DecoderFamily
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.feed_forward import ACTIVATIONS, Plain
from sim.trace.frontends.huggingface.gpt2 import equal_heads
from sim.trace.options import LowerOptions


@families.register("gptj")
class GptJ(DecoderFamily):
    """``model_type: gptj``: no biases in attention, one on the head."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden = config.count("n_embd")
        heads = equal_heads(config, "n_head", "n_embd", hidden)
        rotary = config.count("rotary_dim", heads.width)
        config.at_most(
            "rotary_dim", rotary, heads.width, "more elements are rotated than a head has", "n_embd", "n_head"
        )
        function = config.choice("activation_function", ACTIVATIONS, "gelu_new")
        feed_forward = Plain(hidden, config.count("n_inner", 4 * hidden), function)
        block = Parallel(hidden, "layer_norm", Attention(hidden, heads, rotary=rotary), feed_forward)
        return Decoder(
            hidden=hidden,
            layers=(block,) * config.layers("n_layer"),
            vocabulary=config.count("vocab_size"),
            norm="layer_norm",
            trained_tokens=config.count("n_positions"),
            tied=config.flag("tie_word_embeddings", False),
            head_bias=True,
        )
