"""Regenerates docs/studies/scratchpad.md: off-chip bytes that an on-chip memory of each size avoids.

python scripts/study_scratchpad.py       writes docs/studies/scratchpad.md
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from sim.config.architecture import Architecture
from sim.config.load import load_architecture
from sim.mapping.placement.planned import lives, peak_bytes
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder
from sim.trace.load import load_trace
from sim.trace.model import Trace

ROOT = Path(__file__).resolve().parents[1]
SHARES = (2.0, 1.0, 0.9, 0.75, 0.5, 0.25, 0.1)
"""On-chip memory as a share of the peak footprint."""
MACHINE = """
name: scratchpad_study
clocks: {{core: 1 GHz}}
chip:
  core:
    array: {{kind: systolic_array, rows: 32, cols: 32, dataflow: ws, fold_overlap: double_buffered,
            types: {{int8: 1, bf16: 1}}, accumulator: 256 KiB, clock: core}}
    vector: {{kind: vector_unit, lanes: 128, clock: core}}
    stage: {{kind: scratchpad, capacity: 4 MiB, banks: 16, width: 32 B, resident_share: 1/1000000000, clock: core}}
  sram: {{kind: scratchpad, capacity: {capacity}, banks: 16, width: 32 B, clock: core}}
  dram: {{kind: dram, bandwidth: 25.6 GB/s, latency: 60 ns, capacity: 16 GiB, model: bandwidth}}
policy:
  placement: {placement}
  mapping:
    "*conv1": {{tile: {{m: 12544, n: 16}}}}   # the image is one tile: pieces of it would overlap by the filter's edge
"""
GROWTH, BLOCKS, STEM = 32, (6, 12, 24, 16), 64
"""DenseNet-121 (Huang et al., CVPR 2017, Table 1): channels a layer adds, layers per block, channels of the stem."""


def machine(capacity: int, placement: str) -> Architecture:
    """One core that stages tiles, a shared on-chip memory of ``capacity`` bytes for whole tensors, and DRAM."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "machine.yaml")
        file.write_text(MACHINE.format(capacity=capacity, placement=placement))
        return load_architecture(file)


class _Dense:
    """DenseNet-121 in bf16 at 224 x 224; norms and activations are folded into what stands in front of them."""

    def __init__(self) -> None:
        self.b = TraceBuilder("densenet121")

    def conv(
        self, name: str, parts: list[str], channels: int, out: int, size: int, kernel: int = 1, stride: int = 1
    ) -> str:
        """A convolution over the concatenation of ``parts``; returns its result."""
        after = size // stride
        weight = self.b.weight(f"{name}.weight", (out, channels, kernel, kernel))
        result = self.b.activation(f"{name}.out", (1, out, after, after))
        self.b.op(name, "conv", {
            "images": 1, "groups": 1, "in_channels": channels, "out_channels": out, "in_h": size, "in_w": size,
            "out_h": after, "out_w": after, "kernel_h": kernel, "kernel_w": kernel, "stride_h": stride,
            "stride_w": stride, "dilation_h": 1, "dilation_w": 1, "pad_top": kernel // 2, "pad_left": kernel // 2,
        }, {"a": parts, "b": weight}, result)  # fmt: skip
        return result

    def pool(self, name: str, x: str, channels: int, after: int, window: int, function: str) -> str:
        result = self.b.activation(f"{name}.out", (1, channels, after, after))
        self.b.op(name, "pool", {"outputs": channels * after * after, "window": window}, {"x": x}, result,
                  {"function": function})  # fmt: skip
        return result

    def build(self) -> Trace:
        x = self.conv("conv1", [self.b.activation("image", (1, 3, 224, 224))], 3, STEM, 224, 7, 2)
        parts, channels, size = [self.pool("pool1", x, STEM, 56, 9, "max")], STEM, 56
        for block, layers in enumerate(BLOCKS, start=1):
            for layer in range(1, layers + 1):
                name = f"block{block}.{layer}"
                narrow = self.conv(f"{name}.narrow", parts, channels, 4 * GROWTH, size)
                parts = [*parts, self.conv(f"{name}.grow", [narrow], 4 * GROWTH, GROWTH, size, 3)]
                channels += GROWTH
            if block < len(BLOCKS):
                half = self.conv(f"transition{block}", parts, channels, channels // 2, size)
                channels, size = channels // 2, size // 2
                parts = [self.pool(f"transition{block}.pool", half, channels, size, 4, "average")]
        pooled = self.b.activation("pooled", (1, channels))
        self.b.op("pool5", "pool", {"outputs": channels, "window": size * size}, {"x": parts}, pooled,
                  {"function": "average"})  # fmt: skip
        logits = self.b.activation("logits", (1, 1000))
        weight = self.b.weight("classifier.weight", (channels, 1000))
        self.b.op("classifier", "gemm", {"m": 1, "n": 1000, "k": channels}, {"a": pooled, "b": weight}, logits)
        return self.b.build([logits])


def attention_block(tokens: int = 512, width: int = 768, heads: int = 12) -> Trace:
    """Self-attention and feed-forward of one BERT-base layer, without norms."""
    b = TraceBuilder("attention_block")

    def gemm(name: str, x: str, n: int, k: int, function: str = "") -> str:
        out = b.activation(f"{name}.out", (tokens, n))
        b.op(name, "gemm", {"m": tokens, "n": n, "k": k}, {"a": x, "b": b.weight(f"{name}.weight", (k, n))}, out)
        if not function:
            return out
        after = b.activation(f"{name}.{function}", (tokens, n))
        b.op(f"{name}_{function}", "elementwise", {"elements": tokens * n}, {"x": out}, after, {"function": function})
        return after

    x = b.activation("x", (tokens, width))
    first = gemm("embed", x, width, width)
    q, k, v = (gemm(name, first, width, width) for name in "qkv")
    dims = {"heads": heads, "kv_heads": heads, "head_dim": width // heads, "requests": ((tokens, tokens),)}
    scores = b.activation("scores", (heads, tokens, tokens))
    b.op("score", "attention_score", dims, {"a": q, "b": k}, scores)
    weights = b.activation("weights", (heads, tokens, tokens))
    b.op("softmax", "attention_softmax", {"heads": heads, "requests": ((tokens, tokens),)}, {"x": scores}, weights)
    mixed = b.activation("mixed", (tokens, width))
    b.op("value", "attention_value", dims, {"a": weights, "b": v}, mixed)
    wide = gemm("up", gemm("project", mixed, width, width), 4 * width, width, "gelu")
    return b.build([gemm("down", wide, width, 4 * width)])


def networks() -> dict[str, Trace]:
    return {"ResNet-50": load_trace("resnet50"), "DenseNet-121": _Dense().build(), "attention block": attention_block()}


def off_chip(trace: Trace, capacity: int, placement: str = "planned") -> dict[str, Any]:
    """The off-chip bytes of a run with ``capacity`` bytes of on-chip memory for whole tensors."""
    return run_trace(trace, machine(capacity, placement)).off_chip


def peak(trace: Trace) -> int:
    """The most bytes of activations alive at once."""
    return peak_bytes(lives(trace, "elementwise"))


def study() -> str:
    """The page."""
    lines = [HEAD]
    for name, trace in networks().items():
        footprint = peak(trace)
        lines += [f"## {name}: peak footprint {footprint:,} bytes", "",
                  "| on-chip bytes | of the peak | compulsory | avoidable, `planned` | avoidable, `by_lifetime` |",
                  "|---|---|---|---|---|"]  # fmt: skip
        for share in SHARES:
            capacity = int(footprint * share) // 64 * 64
            planned, first_fit = off_chip(trace, capacity), off_chip(trace, capacity, "by_lifetime")
            lines.append(f"| {capacity:,} | {share:g} x | {planned['compulsory_bytes']:,} | "
                         f"{planned['avoidable_bytes']:,} | {first_fit['avoidable_bytes']:,} |")  # fmt: skip
        lines.append("")
    return "\n".join([*lines, TAIL])


HEAD = """\
# Off-chip bytes that on-chip memory avoids

Three networks in bf16 on one core with a shared on-chip memory of different sizes (`scripts/study_scratchpad.py` makes
this page from runs; `off_chip` of `report.json` has the same figures for any run). *Compulsory* are weights, inputs and
outputs, each once; *avoidable* is all else that moved between on-chip and off-chip memory: activations that went out and
came back, and anything loaded twice. The *peak footprint* is the most bytes of activations alive at once, in the order
of the trace with element-wise chains fused; no allocation does with less. The core stages its tiles in 4 MiB of its own.
"""
TAIL = """\
`planned` knows all lifetimes and chooses addresses beforehand: it reaches zero at the peak footprint itself, fragmentation
included. `by_lifetime` takes the first hole there is when a tensor is made, keeps up to eight operators in flight, whose
tensors are all alive, and so needs more than the peak. The price of `planned` is that an operator may wait for the
addresses of its result. The image of ResNet-50 and DenseNet-121 is kept in one tile (a pin in the script): tiles of a part
of it would load the rows at their edges twice.
"""


if __name__ == "__main__":
    page = ROOT / "docs" / "studies" / "scratchpad.md"
    page.parent.mkdir(exist_ok=True)
    page.write_text(study(), encoding="utf-8")
    print(page)
