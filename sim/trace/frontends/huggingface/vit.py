"""Vision Transformer: patches, a class token, pre-norm encoder blocks, and a classifier (arXiv:2010.11929).

``--batch`` counts images. The classifier has as many classes as ``num_labels`` or ``id2label`` say; without either the
graph ends in the last norm.
"""

from __future__ import annotations

from sim.trace.builder import TraceBuilder, part
from sim.trace.frontends.huggingface import phases
from sim.trace.frontends.huggingface.attention import Attention
from sim.trace.frontends.huggingface.blocks import Block, pre_norm, write_stack
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import describe_source
from sim.trace.frontends.huggingface.families import Family, families
from sim.trace.frontends.huggingface.feed_forward import ACTIVATIONS, Plain
from sim.trace.frontends.huggingface.gpt2 import equal_heads
from sim.trace.frontends.huggingface.writer import BlockWriter
from sim.trace.model import Trace
from sim.trace.options import LowerOptions


@families.register("vit")
class Vit(Family):
    """``model_type: vit``."""

    @classmethod
    def lower(cls, config: ModelConfig, options: LowerOptions) -> Trace:
        hidden = config.count("hidden_size")
        block, layers = _block(config, hidden), config.layers()
        image, patch = config.count("image_size"), config.count("patch_size")
        channels = config.count("num_channels", 3)
        config.divides("patch_size", "image_size", patch, image)
        classes = _classes(config)
        config.problems.raise_if_any()
        builder = TraceBuilder(
            config.name,
            description=f"{config.name}, images of {image} x {image}",
            source=describe_source(config, options),
            dtype=options.dtype,
            weight_dtype=options.weight_dtype,
        )
        tokens = (image // patch) ** 2 + 1
        writer = BlockWriter(builder, phases.whole((tokens,) * options.batch))
        embedded = _embed(writer, hidden, image, patch, channels)
        x = write_stack(writer, (block,) * layers, embedded)
        x = writer.norm("layer_norm", "norm", x, writer.run.tokens, hidden)
        if classes is None:
            return builder.build([x])
        first = part(x, options.batch * hidden)
        return builder.build([writer.linear("classifier", first, options.batch, hidden, classes, bias=True)])


def _block(config: ModelConfig, hidden: int) -> Block:
    heads = equal_heads(config, "num_attention_heads", "hidden_size", hidden)
    bias = "qkvo" if config.flag("qkv_bias", True) else "o"
    function = config.choice("hidden_act", ACTIVATIONS, "gelu")
    feed_forward = Plain(hidden, config.count("intermediate_size"), function)
    return pre_norm(hidden, "layer_norm", Attention(hidden, heads, bias, cached=False), feed_forward)


def _classes(config: ModelConfig) -> int | None:
    labels = config.table.get("id2label")
    if isinstance(labels, dict) and labels:
        return len(labels)
    return config.count("num_labels") if "num_labels" in config.table else None


def _embed(writer: BlockWriter, hidden: int, image: int, patch: int, channels: int) -> str:
    """A convolution whose stride is its kernel makes the patches; the class token goes before them."""
    images, side = len(writer.run.requests), image // patch
    pixels = writer.builder.activation("pixels", (images, channels, image, image))
    weight = writer.weight("patches.weight", (hidden, channels, patch, patch))
    patches = writer.result("patches", (images, side * side, hidden))
    dims: dict[str, object] = {
        "images": images, "in_channels": channels, "out_channels": hidden, "in_h": image, "in_w": image,
        "out_h": side, "out_w": side, "kernel_h": patch, "kernel_w": patch, "stride_h": patch, "stride_w": patch,
    }  # fmt: skip
    bias = writer.vector("patches.bias", hidden)
    writer.op("patches", "conv", dims, {"a": pixels, "b": weight, "bias": bias}, patches)
    whole = writer.result("class_token", (writer.run.tokens, hidden))
    token = writer.vector("class_token", hidden)
    writer.op("class_token", "copy", {"elements": writer.run.tokens * hidden}, {"x": [token, patches]}, whole)
    positions = writer.weight("positions", (side * side + 1, hidden))
    return writer.elementwise("embed", "add", whole, writer.run.tokens, hidden, y=positions)
