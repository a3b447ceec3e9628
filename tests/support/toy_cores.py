"""Four toy cores behind one crossbar, for closed forms of pipelines over groups of cores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from sim import load_architecture
from sim.config.architecture import Architecture
from sim.trace.builder import TraceBuilder
from sim.trace.model import Trace

ROWS, WIDTH, PRODUCTS = 256, 128, 8
TOY = """
name: toy_cores
clocks: {core: 1 GHz}
chip:
  core:
    count: 4
    array:
      {kind: systolic_array, rows: 16, cols: 16, dataflow: ws, fold_overlap: double_buffered, types: {bf16: 1}, clock: core}
    vector: {kind: vector_unit, lanes: 16, clock: core}
    pad: {kind: scratchpad, capacity: 512 KiB, banks: 16, width: 64 B, clock: core}
  hbm: {kind: dram, device: HBM2_2400, channels: 16, capacity: 1 GiB}
  links:
    - {kind: crossbar, name: xbar, connects: [core.pad, hbm], bandwidth: 1 TB/s}
policy:
  core_groups: 4
  lookahead: 3
energy: {table: cmos_7nm}
"""


def toy_cores(folder: Path, text: str = TOY, **policy: Any) -> Architecture:
    """The cores, from a file in ``folder``; ``policy`` overrides the file's."""
    file = folder / "toy_cores.yaml"
    file.write_text(text)
    return load_architecture(file, {f"policy.{name}": value for name, value in policy.items()})


def chain(
    micro_batches: int, products: int = PRODUCTS, results: tuple[str, ...] = (), tied: bool = False, skip: bool = False
) -> Trace:
    """Equal products, one after the other; ROWS of each micro-batch. ``results``: besides the last product's (``y0``, ...);
    ``tied``: all products have one weight; ``skip``: the first one's result is added to the last one's."""
    builder = TraceBuilder("chain")
    x = builder.activation("x", (ROWS, WIDTH))
    weights = [builder.weight(f"w{number}", (WIDTH, WIDTH)) for number in range(1 if tied else products)]
    for number in range(products):
        weight, result = weights[0 if tied else number], builder.activation(f"y{number}", (ROWS, WIDTH))
        builder.op(f"op{number}", "gemm", {"m": ROWS, "n": WIDTH, "k": WIDTH}, {"a": x, "b": weight}, result)
        x = result
    if skip:
        result = builder.activation("sum", (ROWS, WIDTH))
        builder.op("add", "elementwise", {"elements": ROWS * WIDTH}, {"x": x, "y": "y0"}, result, {"function": "add"})
        x = result
    return replace(builder.build([x, *results]), micro_batches=micro_batches)


def layered_chain(micro_batches: int) -> Trace:
    """As :func:`chain`, the products behind the first one in a block of layers that carries ``h``, which ``last`` copies."""
    builder = TraceBuilder("layered")
    x, h = builder.activation("x", (ROWS, WIDTH)), builder.activation("h", (ROWS, WIDTH))
    weight, dims = builder.weight("w", (WIDTH, WIDTH)), {"m": ROWS, "n": WIDTH, "k": WIDTH}
    builder.op("first", "gemm", dims, {"a": x, "b": weight}, h)
    with builder.repeat("layer", PRODUCTS - 1, carry={h: "y"}):
        weight, y = builder.weight("w1", (WIDTH, WIDTH)), builder.activation("y", (ROWS, WIDTH))
        builder.op("op", "gemm", dims, {"a": h, "b": weight}, y)
    z = builder.activation("z", (ROWS, WIDTH))
    builder.op("last", "elementwise", {"elements": ROWS * WIDTH}, {"x": h}, z, {"function": "relu"})
    return replace(builder.build([z]), micro_batches=micro_batches)
