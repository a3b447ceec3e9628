"""Whisper: an encoder of audio behind two convolutions, and a decoder that attends to it (arXiv:2212.04356).

Every request has one window of audio (``max_source_positions`` encoder tokens, twice as many spectrogram frames);
``--prompt`` counts the decoder's first tokens and ``--context`` its tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.trace.builder import TraceBuilder, part
from sim.trace.frontends.huggingface import phases
from sim.trace.frontends.huggingface.attention import Attention, CrossAttention
from sim.trace.frontends.huggingface.blocks import Block, pre_norm, write_stack
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import Decoder, DecoderFamily, Positions
from sim.trace.frontends.huggingface.families import families
from sim.trace.frontends.huggingface.feed_forward import ACTIVATIONS, Plain
from sim.trace.frontends.huggingface.gpt2 import equal_heads
from sim.trace.frontends.huggingface.t5 import cross_block
from sim.trace.frontends.huggingface.writer import BlockWriter
from sim.trace.options import LowerOptions

#: Of both convolutions, over time; the second has a stride of 2.
KERNEL = 3
#: Projections with a bias: all but the keys'.
BIAS = "qvo"


@dataclass(frozen=True)
class AudioEncoder:
    """``mel``: bins of the spectrogram; ``positions``: tokens of an audio window, and rows of its position table."""

    hidden: int
    mel: int
    positions: int
    layers: tuple[Block, ...]
    function: str

    def sources(self, requests: int, options: LowerOptions, config: ModelConfig) -> tuple[int, ...]:
        """The same for every request."""
        return (self.positions,) * requests

    def write(self, builder: TraceBuilder, prefix: str, sources: tuple[int, ...]) -> str:
        """Append the encoder; returns its result."""
        writer = BlockWriter(builder, phases.whole(sources, prefix))
        rows, hidden, requests = writer.run.tokens, self.hidden, len(sources)
        frames = 2 * self.positions
        audio = builder.activation(f"{prefix}spectrogram", (requests, self.mel, frames))
        x = self._conv(writer, "encoder.conv1", audio, self.mel, frames, 1)
        x = writer.elementwise("encoder.conv1_activation", self.function, x, requests * frames, hidden)
        x = self._conv(writer, "encoder.conv2", x, hidden, frames, 2)
        x = writer.elementwise("encoder.conv2_activation", self.function, x, rows, hidden)
        table = writer.weight("encoder.embed_positions.weight", (self.positions, hidden))
        places = writer.result("encoder.embed_positions", (rows, hidden))
        dims: dict[str, object] = {"rows": rows, "width": hidden}
        writer.op("encoder.embed_positions", "embedding", dims, {"table": part(table, sources[0] * hidden)}, places)
        x = writer.elementwise("encoder.embed", "add", x, rows, hidden, y=places)
        x = write_stack(writer, self.layers, x, "encoder.layers")
        return writer.norm("layer_norm", "encoder.norm", x, rows, hidden)

    def _conv(self, writer: BlockWriter, name: str, x: str, channels: int, frames: int, stride: int) -> str:
        requests, out_frames = len(writer.run.requests), frames // stride
        weight = writer.weight(f"{name}.weight", (self.hidden, channels, KERNEL))
        out = writer.result(name, (requests, self.hidden, out_frames))
        dims: dict[str, object] = {
            "images": requests, "in_channels": channels, "out_channels": self.hidden, "in_h": 1, "in_w": frames,
            "out_h": 1, "out_w": out_frames, "kernel_h": 1, "kernel_w": KERNEL, "stride_w": stride, "pad_left": 1,
        }  # fmt: skip
        bias = writer.vector(f"{name}.bias", self.hidden)
        writer.op(name, "conv", dims, {"a": x, "b": weight, "bias": bias}, out)
        return out


@families.register("whisper")
class Whisper(DecoderFamily):
    """``model_type: whisper``."""

    @classmethod
    def read(cls, config: ModelConfig, options: LowerOptions) -> Decoder:
        hidden = config.count("d_model")
        function = config.choice("activation_function", ACTIVATIONS, "gelu")
        heads = equal_heads(config, "encoder_attention_heads", "d_model", hidden)
        feed_forward = Plain(hidden, config.count("encoder_ffn_dim"), function)
        encoder_block = pre_norm(hidden, "layer_norm", Attention(hidden, heads, BIAS, cached=False), feed_forward)
        encoder = AudioEncoder(
            hidden,
            config.count("num_mel_bins"),
            config.count("max_source_positions"),
            (encoder_block,) * config.layers("encoder_layers"),
            function,
        )
        heads = equal_heads(config, "decoder_attention_heads", "d_model", hidden)
        feed_forward = Plain(hidden, config.count("decoder_ffn_dim"), function)
        attention, cross = Attention(hidden, heads, BIAS), CrossAttention(hidden, heads, BIAS)
        positions = config.count("max_target_positions")
        block = cross_block(hidden, "layer_norm", attention, cross, feed_forward)
        return Decoder(
            hidden=hidden,
            layers=(block,) * config.layers("decoder_layers"),
            vocabulary=config.count("vocab_size"),
            norm="layer_norm",
            positions=Positions(positions, positions, "max_target_positions"),
            tied=config.flag("tie_word_embeddings", True),
            encoder=encoder,
            scope="decoder.layers",
            final_norm="decoder.norm",
        )
