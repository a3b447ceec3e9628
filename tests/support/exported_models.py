"""Graphs as exporters write them, kept as test data: ten networks, small and in their published sizes, without weights.

``tests/data/onnx/{small,full}/NAME.onnx.xz`` were made by ``tests/support/export_models.py`` with torch.onnx (2.14.1, its
TorchScript exporter, operator set 17), transformers 5.23.0, torchvision, and the static quantizer of onnxruntime; then the
weights were taken out (their shapes stay, their data is marked external). ``macs`` is counted apart from the graph: by a
closed form below, which for convolutional networks is what torch.utils.flop_counter counts on the module (operations / 2).
``parameters`` is the sum over module.parameters().
"""

from __future__ import annotations

import lzma
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from sim.trace.frontends.onnx_graph import lower_onnx
from sim.trace.model import Trace
from sim.trace.options import LowerOptions
from sim.trace.summary import TraceSummary, summarize

DATA = Path(__file__).parents[1] / "data" / "onnx"


@dataclass(frozen=True)
class Exported:
    """One graph in its published size. ``published``: (MACs or None, source) as printed there."""

    name: str
    what: str
    macs: int
    parameters: int
    shapes: dict[str, int] = field(default_factory=dict)
    published: tuple[int | None, str] = (None, "")

    def trace(self, folder: Path, size: str = "full", **shapes: int) -> Trace:
        """The graph unpacked into ``folder`` and lowered; nothing unsupported is let through."""
        path = folder / f"{self.name}.onnx"
        path.write_bytes(lzma.decompress((DATA / size / f"{self.name}.onnx.xz").read_bytes()))
        return lower_onnx(path, LowerOptions(shapes=shapes or self.shapes))

    def summary(self, folder: Path) -> TraceSummary:
        """Totals of the full graph."""
        return summarize(self.trace(folder))


def encoder_macs(layers: int, tokens: int, width: int, inner: int) -> int:
    """Four projections, scores and values, and two feed-forward products per layer, over the full square of tokens."""
    return layers * tokens * (4 * width**2 + 2 * tokens * width + 2 * width * inner)


def t5_macs(source: int, target: int, layers: int, width: int, inner: int, vocabulary: int) -> int:
    """Encoder, decoder, cross-attention (its keys and values over the source), and the tied head."""
    cross = layers * (2 * target * width**2 + 2 * source * width**2 + 2 * target * source * width)
    return encoder_macs(layers, source, width, inner) + encoder_macs(layers, target, width, inner) + cross + (
        target * width * vocabulary
    )  # fmt: skip


def whisper_encoder_macs(frames: int, mels: int, layers: int, width: int) -> int:
    """Two convolutions of 3 (the second halves the frames), then an encoder."""
    tokens = frames // 2
    convolutions = frames * 3 * mels * width + tokens * 3 * width**2
    return convolutions + encoder_macs(layers, tokens, width, 4 * width)


def lstm_macs(tokens: int, embedding: int, hidden: int, layers: int, classes: int) -> int:
    """Both directions: per layer and token 4 gates * hidden * (inputs + hidden), then the head."""
    inputs = [embedding] + [2 * hidden] * (layers - 1)
    return tokens * (sum(2 * 4 * hidden * (width + hidden) for width in inputs) + 2 * hidden * classes)


def unet_macs(size: int, width: int, classes: int) -> int:
    """Two 3x3 convolutions per level down and up, a 2x2 transposed one between levels going up, a 1x1 head."""
    total, channels = 0, 3
    for level in range(5):
        pixels, wide = (size >> level) ** 2, width << level
        total += pixels * 9 * (channels * wide + wide * wide)
        channels = wide
    for level in reversed(range(4)):
        pixels, wide = (size >> level) ** 2, width << level
        total += pixels // 4 * 2 * wide * wide * 4 + pixels * 9 * (2 * wide * wide + wide * wide)
    return total + size * size * width * classes


TORCHVISION = "torchvision, metadata of the weights"
MODELS = (
    Exported("bert", "BERT base, 384 tokens (transformers)", encoder_macs(12, 384, 768, 3072) + 768 * 768, 109_482_240,
             {"sequence_length": 384}),
    Exported("gpt2", "GPT-2, 1024 tokens (transformers)", encoder_macs(12, 1024, 768, 3072) + 1024 * 768 * 50257,
             124_439_808, {"sequence_length": 1024}),
    Exported("vit", "ViT-B/16 (torchvision)", encoder_macs(12, 197, 768, 3072) + 196 * 768 * 768 + 768 * 1000, 86_567_656,
             published=(17_564_000_000, TORCHVISION)),
    Exported("unet", "U-Net, 512 x 512, 2 classes (arXiv:1505.04597 with padding and batch norm)",
             unet_macs(512, 64, 2), 31_037_698, {"H": 512, "W": 512}),
    Exported("efficientnet", "EfficientNet-B0 (torchvision)", 385_814_752, 5_288_548,
             published=(386_000_000, TORCHVISION)),
    Exported("yolo", "YOLOv8n in its published layout, 640 x 640", 4_371_993_600, 3_157_200,
             published=(4_350_000_000, "Ultralytics documentation, 8.7 GFLOPs")),
    Exported("lstm", "two LSTM layers of 512, both directions, 128 tokens", lstm_macs(128, 512, 512, 2, 5), 25_867_269,
             {"tokens": 128}),
    Exported("t5", "T5-small, 128 to 64 tokens (transformers)", t5_macs(128, 64, 6, 512, 2048, 32128), 60_506_624,
             {"encoder_sequence_length": 128, "decoder_sequence_length": 64}),
    Exported("resnet_qdq", "ResNet-50, int8, QDQ form (onnxruntime)", 4_089_184_256, 25_557_032,
             published=(4_089_000_000, TORCHVISION)),
    Exported("resnet_qlinear", "ResNet-50, int8, QLinear operators (onnxruntime)", 4_089_184_256, 25_557_032,
             published=(4_089_000_000, TORCHVISION)),
    Exported("whisper_encoder", "Whisper tiny, encoder, 30 s (transformers)", whisper_encoder_macs(3000, 80, 4, 384),
             8_208_384),
)  # fmt: skip
START, END = "<!-- exported graphs: scripts/make_models_table.py -->", "<!-- end of exported graphs -->"
HEADER = (
    "| graph | GMACs | counted apart | published | parameters in the graph | of the module | difference |",
    "|---|---:|---:|---|---:|---:|---:|",
)


def table(folder: Path) -> str:
    """The table of ``docs/models-supported.md``, graphs unpacked into ``folder``."""
    return "\n".join([START, *HEADER, *(_row(model, model.summary(folder)) for model in MODELS), END])


def _row(model: Exported, found: TraceSummary) -> str:
    macs, source = model.published
    published = f"{macs / 1e9:.3f} ({source}; {_percent(found.macs, macs)})" if macs else ""
    difference = _percent(found.parameters, model.parameters)
    cells = (model.what, f"{found.macs / 1e9:.3f}", f"{model.macs / 1e9:.3f}", published, f"{found.parameters:,}",
             f"{model.parameters:,}", difference)  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _percent(found: int, wanted: int) -> str:
    return f"{float(Fraction(found - wanted, wanted) * 100):+.2f} %"
