"""Four toy chips behind one switch, for closed forms of exchanges and pipelines."""

from __future__ import annotations

from pathlib import Path

from sim import load_architecture
from sim.config.architecture import Architecture

LAUNCH_PS, STEP_PS, LATENCY_PS = 5_000_000, 1_000_000, 500_000
TOY = """
name: toy
clocks: {core: 1 GHz}
chip:
  count: 4
  core:
    array: {kind: systolic_array, rows: 16, cols: 16, dataflow: ws, types: {bf16: 1, int8: 1}, clock: core}
    vector: {kind: vector_unit, lanes: 16, clock: core}
    pad: {kind: scratchpad, capacity: 256 KiB, banks: 16, width: 64 B, clock: core}
  comm: {kind: collectives, protocols: {one: {launch: 5 us, step: 1 us, share: 1/2}}}
  hbm: {kind: dram, device: HBM2_2400, capacity: 1 GiB}
  links:
    - {kind: crossbar, connects: [core.pad, hbm, comm], bandwidth: 1 TB/s}
links:
  - {kind: crossbar, name: switch, connects: [chip.comm], bandwidth: 80 GB/s, sustained: 0.5, latency: 500 ns}
energy: {table: cmos_7nm}
policy: {collectives: {all_reduce: ring}}
"""


def toy(folder: Path, **overrides: object) -> Architecture:
    """The chips, from a file in ``folder``; overrides are of the policy."""
    file = folder / "toy.yaml"
    file.write_text(TOY)
    return load_architecture(file, {f"policy.{name}": value for name, value in overrides.items()})
