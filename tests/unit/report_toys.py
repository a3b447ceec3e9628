"""A small machine with everything that reports (two cores, host, shared and off-chip memory) and a small network."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sim.config.architecture import Architecture
from sim.config.load import load_architecture
from sim.report.result import Result
from sim.report.simulation import simulate
from sim.trace.model import Trace
from sim.trace.reader import read_trace

MACHINE = """\
name: toy
technology: 7 nm
clocks: {core: 1 GHz}
chip:
  host: {kind: host, launch: 50 ns, static_power: 1 W}
  core:
    count: 2
    mxu: {kind: systolic_array, count: 2, rows: 16, cols: 16, types: {bf16: 1}, accumulator: 64 KiB, clock: core}
    vpu: {kind: vector_unit, lanes: 16, clock: core}
    vmem: {kind: scratchpad, capacity: 128 KiB, banks: 8, width: 32 B, clock: core, static_power: 0.5 W}
  cmem: {kind: scratchpad, capacity: 64 KiB, banks: 8, width: 16 B, clock: core}
  hbm: {kind: dram, device: HBM2_2400, capacity: 1 GiB, bandwidth: 64 GB/s}
  links:
    - {kind: crossbar, name: xbar, connects: [core.vmem, cmem, hbm], width: 64 B, clock: core, latency: 5 ns}
energy: {table: cmos_7nm}
"""

NETWORK = """\
{"format":"tilesim-trace","version":1,"name":"toy_net","outputs":["x"]}
{"tensor":"x","role":"activation","dtype":"bf16","shape":[64,128]}
{"repeat":"layer","count":3,"over":"layers","carry":{"x":"layer.out"}}
{"tensor":"layer.w","role":"weight","dtype":"bf16","shape":[128,256]}
{"tensor":"layer.h","role":"activation","dtype":"bf16","shape":[64,256]}
{"op":"layer.up","kind":"gemm","dims":{"m":64,"n":256,"k":128},"inputs":{"a":["x"],"b":["layer.w"]},"outputs":["layer.h"]}
{"tensor":"layer.r","role":"activation","dtype":"bf16","shape":[64,256]}
{"op":"layer.relu","kind":"elementwise","dims":{"elements":16384},"attributes":{"function":"relu"},"inputs":{"x":["layer.h"]},"outputs":["layer.r"]}
{"tensor":"layer.v","role":"weight","dtype":"bf16","shape":[256,128]}
{"tensor":"layer.out","role":"activation","dtype":"bf16","shape":[64,128]}
{"op":"layer.down","kind":"gemm","dims":{"m":64,"n":128,"k":256},"inputs":{"a":["layer.r"],"b":["layer.v"]},"outputs":["layer.out"]}
{"end":"layer"}
"""


def machine(text: str = MACHINE, **overrides: object) -> Architecture:
    """The toy machine; overrides by path with ``__`` for dots."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "toy.yaml"
        path.write_text(text)
        return load_architecture(path, {name.replace("__", "."): value for name, value in overrides.items()})


@cache
def network() -> Trace:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "toy_net.jsonl"
        path.write_text(NETWORK)
        return read_trace(path)


@cache
def toy_result() -> Result:
    """The network on the machine, recorded."""
    return simulate(network(), machine())
