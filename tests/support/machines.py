"""Small machines and traces for tests that compute what a run must take."""

from __future__ import annotations

import tempfile
from pathlib import Path
from textwrap import dedent

from sim.config.architecture import Architecture
from sim.config.load import load_architecture
from sim.core.probe import Listener, Probe
from sim.hardware.layout import Layout
from sim.run.executor import Executor
from sim.run.jobs import Job, ListedJobs
from sim.run.record import OperatorRecord, RunRecord
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder
from sim.trace.model import Trace

NS = 1000
"""Picoseconds of a cycle at the 1 GHz of these machines."""


def machine(text: str, **overrides: object) -> Architecture:
    """The architecture of a YAML text."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "machine.yaml"
        file.write_text(dedent(text))
        return load_architecture(file, {key.replace("__", "."): value for key, value in overrides.items()})


def small(
    *,
    rows: int = 4,
    cols: int = 4,
    arrays: int = 1,
    cores: int = 1,
    dataflow: str = "ws",
    overlap: str = "none",
    capacity: str = "1 MiB",
    pad_width: str = "64 KiB",
    bandwidth: str = "64 GB/s",
    burst: str = "1 B",
    latency: str = "0 ns",
    memory: str = "1 GiB",
    lanes: int = 16,
    clock: str = "1 GHz",
    buffers: int = 2,
    output_share: str = "1/4",
    pins: str = "{}",
    lookahead: int = 8,
    fusion: str = "elementwise",
    extra: str = "",
    policy: str = "",
) -> Architecture:
    """One or more cores of int8 arrays on one DRAM; everything else out of the way unless asked for."""
    return machine(f"""
        name: small
        clocks: {{core: {clock}}}
        chip:
          core:
            count: {cores}
            array: {{kind: systolic_array, count: {arrays}, rows: {rows}, cols: {cols}, dataflow: {dataflow},
                    fold_overlap: {overlap}, types: {{int8: 1}}, accumulator: 1 MiB, clock: core}}
            vector: {{kind: vector_unit, lanes: {lanes}, clock: core}}
            pad: {{kind: scratchpad, capacity: {capacity}, banks: 1, width: {pad_width}, buffers: {buffers},
                  output_share: {output_share}, resident_share: 1/1000000000, clock: core}}
          dram: {{kind: dram, bandwidth: {bandwidth}, burst: {burst}, latency: {latency}, capacity: {memory}}}
          {extra}
        policy: {{lookahead: {lookahead}, fusion: {fusion}, mapping: {pins}{policy and ", " + policy}}}
    """)


def four_cores(
    link: str, *, joins: str = "[core.pad, dram]", width: str = "16 B", clock: str = "1 GHz", pad: str = "32 KiB",
    policy: str = "{}",
) -> Architecture:  # fmt: skip
    """Four cores of int8 arrays and a DRAM, joined by one link of that ``kind`` (and its keys), or by none ("")."""
    links = f"[{{{link}, connects: {joins}, width: {width}, clock: core}}]" if link else "[]"
    return machine(f"""
        name: four
        clocks: {{core: {clock}}}
        chip:
          core:
            count: 4
            array: {{kind: systolic_array, rows: 8, cols: 8, types: {{int8: 1}}, clock: core}}
            vector: {{kind: vector_unit, lanes: 8, clock: core}}
            pad: {{kind: scratchpad, capacity: {pad}, banks: 4, width: 64 B, clock: core}}
          dram: {{kind: dram, bandwidth: 64 GB/s, latency: 50 ns, capacity: 1 GiB}}
          links: {links}
        policy: {policy}
    """)


def gemm(m: int, n: int, k: int, name: str = "one_gemm") -> Trace:
    """C = A x B in int8."""
    b = TraceBuilder(name, dtype="int8")
    add_gemm(b, "g", b.activation("x", (m, k)), m, n, k)
    return b.build(outputs=["g.out"])


def add_gemm(b: TraceBuilder, name: str, x: str, m: int, n: int, k: int) -> str:
    """Append C = x x weight; returns the result."""
    weight = b.weight(f"{name}.weight", (k, n))
    result = b.activation(f"{name}.out", (m, n))
    b.op(name, "gemm", {"m": m, "n": n, "k": k}, {"a": x, "b": weight}, result)
    return result


def executor(trace: Trace, architecture: Architecture, listener: Listener | None = None) -> Executor:
    """An executor ready to run one trace."""
    probe = Probe()
    if listener is not None:
        probe.attach(listener)
    return Executor(Layout(architecture), ListedJobs([Job(trace, trace.name)]), probe)


def elapsed(trace: Trace, architecture: Architecture) -> int:
    """Picoseconds of a run."""
    return run_trace(trace, architecture).elapsed_ps


def operator(record: RunRecord, name: str) -> OperatorRecord:
    """The record of one operator."""
    return next(one for one in record.operators if one.name == name)
