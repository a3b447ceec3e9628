"""GPT-NeoX and Pythia: attention and feed-forward side by side under a norm each, part of each head rotated
(arXiv:2204.06745, 2304.01373)."""

from __future__ import annotations

from sim.trace.frontends.huggingface.attention import Attention
from sim.trace.frontends.huggingface.blocks import Parallel, pre_norm
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder, DecoderFamily
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.feed_forward import ACTIVATIONS, Plain
from sim.trace.frontends.huggingface.gpt2 import equal_heads
from sim.trace.options import LowerOptions


@families.register("gpt_neox")
class GptNeoX(DecoderFamily):
    """``model_type: gpt_neox``; without ``use_parallel_residual`` the parts follow each other."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden = config.count("hidden_size")
        heads = equal_heads(config, "num_attention_heads", "hidden_size", hidden)
        bias = "qkvo" if config.flag("attention_bias", True) else ""
        rotary = config.rotary(heads.width, 0.25, config.key("rotary_pct", "partial_rotary_factor"))
        attention = Attention(hidden, heads, bias, fused=True, rotary=rotary)
        function = config.choice("hidden_act", ACTIVATIONS, "gelu")
        feed_forward = Plain(hidden, config.count("intermediate_size"), function)
        parallel = config.flag("use_parallel_residual", True)
        sequential = pre_norm(hidden, "layer_norm", attention, feed_forward)
        block = Parallel(hidden, "layer_norm", attention, feed_forward, "mlp_norm") if parallel else sequential
        return Decoder(
            hidden=hidden,
            layers=(block,) * config.layers(),
            vocabulary=config.count("vocab_size"),
            norm="layer_norm",
            trained_tokens=config.count("max_position_embeddings"),
            tied=config.flag("tie_word_embeddings", False),
        )
