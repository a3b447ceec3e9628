"""OPT: layer norms, learned positions from the third row of their table, biases everywhere (arXiv:2205.01068)."""

from __future__ import annotations

from sim.trace.frontends.huggingface.attention import Attention
from sim.trace.frontends.huggingface.blocks import pre_norm
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder, DecoderFamily, Positions
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.feed_forward import ACTIVATIONS, Plain
from sim.trace.frontends.huggingface.gpt2 import equal_heads
from sim.trace.options import LowerOptions

#: Rows of the position table before that of the first token.
RESERVED = 2


@families.register("opt")
class Opt(DecoderFamily):
    """``model_type: opt``; the 350M model's narrow embedding and norms after the parts are refused."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden = config.count("hidden_size")
        heads = equal_heads(config, "num_attention_heads", "hidden_size", hidden)
        if config.count("word_embed_proj_dim", hidden) != hidden:
            message = "an embedding narrower than the model is not modelled"
            config.add(message, "word_embed_proj_dim", found=config.table["word_embed_proj_dim"], allowed=str(hidden))
        if not config.flag("do_layer_norm_before", True):
            config.add("norms after the parts are not modelled", "do_layer_norm_before", found=False, allowed="true")
        bias = config.flag("enable_bias", True)
        function = config.choice("activation_function", ACTIVATIONS, "relu")
        attention = Attention(hidden, heads, "qkvo" if bias else "")
        feed_forward = Plain(hidden, config.count("ffn_dim"), function, bias)
        positions = config.count("max_position_embeddings")
        return Decoder(
            hidden=hidden,
            layers=(pre_norm(hidden, "layer_norm", attention, feed_forward),) * config.layers(),
            vocabulary=config.count("vocab_size"),
            norm="layer_norm",
            trained_tokens=positions,
            positions=Positions(positions + RESERVED, positions, "max_position_embeddings"),
            tied=config.flag("tie_word_embeddings", True),
        )
