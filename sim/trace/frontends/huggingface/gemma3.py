"""Gemma 3, text part: Gemma 2's block with normed heads instead of soft caps; five layers of six have a sliding window
(arXiv:2503.19786)."""

from __future__ import annotations

from sim.trace.frontends.huggingface.attention import SOFT_CAP, Attention
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder, DecoderFamily
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.gemma import gemma_feed_forward, sandwich
from sim.trace.frontends.huggingface.llama import read_heads
from sim.trace.frontends.huggingface.qwen2 import FULL, SLIDING
from sim.trace.options import LowerOptions


@families.register("gemma3_text")
class Gemma3(DecoderFamily):
    """``model_type: gemma3_text``."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden = config.count("hidden_size")
        heads = read_heads(config, hidden)
        bias = "qkvo" if config.flag("attention_bias", False) else ""
        steps = (SOFT_CAP,) if config.number("attn_logit_softcapping") else ()
        windows = {FULL: None, SLIDING: config.count("sliding_window", 4096)}
        every = config.count("sliding_window_pattern", 6)
        types = config.layer_types(config.layers(), windows, lambda layer: SLIDING if (layer + 1) % every else FULL)
        attentions = {
            name: Attention(
                hidden, heads, bias, rotary=heads.width, head_norm="rms_norm", window=window, score_steps=steps
            )
            for name, window in windows.items()
        }
        feed_forward = gemma_feed_forward(config, hidden)
        return Decoder(
            hidden=hidden,
            layers=tuple(sandwich(hidden, attentions.get(name, attentions[FULL]), feed_forward) for name in types),
            vocabulary=config.count("vocab_size"),
            norm="rms_norm",
            trained_tokens=config.count("max_position_embeddings"),
            embedding_scale=True,
            tied=config.flag("tie_word_embeddings", True),
            soft_cap=config.number("final_logit_softcapping") is not None,
        )
