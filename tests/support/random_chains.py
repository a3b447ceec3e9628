"""Random small chains and graphs of operators, and machines to run them on, for tests of monotonicity."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import strategies as st
from machines import add_gemm, machine

from sim.config.architecture import Architecture
from sim.trace.builder import TraceBuilder
from sim.trace.model import Trace


@dataclass(frozen=True)
class Knobs:
    """What may get better: bytes per ns of DRAM and shared memory, GHz, bytes of scratchpad, vector lanes."""

    dram: int = 8
    shared: int = 16
    ghz: int = 1
    pad: int = 4096
    lanes: int = 4
    arrays: int = 1
    cores: int = 1
    tile: tuple[int, int, int] | None = (16, 16, 16)
    dataflow: str = "ws"
    on_chip: int = 65536

    def machine(self) -> Architecture:
        pin = ""
        if self.tile is not None:
            m, n, k = self.tile
            pin = f"'g*': {{tile: {{m: {m}, n: {n}, k: {k}}}, order: bmnk, engine: array}}"
        return machine(f"""
            name: knobs
            clocks: {{core: {self.ghz} GHz, fixed: 1 GHz}}
            chip:
              core:
                count: {self.cores}
                array: {{kind: systolic_array, rows: 8, cols: 8, count: {self.arrays}, dataflow: {self.dataflow},
                        types: {{int8: 1}}, accumulator: 1 KiB, clock: core}}
                vector: {{kind: vector_unit, lanes: {self.lanes}, clock: core}}
                pad: {{kind: scratchpad, capacity: {self.pad}, banks: 4, width: 32 B, clock: core,
                      resident_share: 1/1000000000}}
              shared: {{kind: scratchpad, capacity: {self.on_chip}, width: {self.shared}, clock: fixed}}
              dram: {{kind: dram, bandwidth: {self.dram} GB/s, burst: 8 B, latency: 10 ns, capacity: 16 MiB}}
            policy: {{mapping: {{{pin}}}}}
        """)

    def better(self, **changes: int) -> Knobs:
        return replace(self, **changes)


sizes = st.sampled_from([1, 5, 8, 16, 24, 33, 48, 64])


@st.composite
def chains(draw: st.DrawFn, most: int = 4) -> Trace:
    """GEMMs one after another, some with a fused relu."""
    b = TraceBuilder("chain", dtype="int8")
    m, k = draw(sizes), draw(sizes)
    x = b.activation("x", (m, k))
    for number in range(draw(st.integers(1, most))):
        n = draw(sizes)
        x = add_gemm(b, f"g{number}", x, m, n, k)
        if draw(st.booleans()):
            y = b.activation(f"r{number}.out", (m, n))
            b.op(f"r{number}", "elementwise", {"elements": m * n}, {"x": x}, y, {"function": "relu"})
            x = y
        k = n
    return b.build(outputs=[x])


@st.composite
def pipelines(draw: st.DrawFn) -> Trace:
    """One GEMM, perhaps with a fused relu, whose results nobody reads: loads on DRAM, stores on the shared memory."""
    b = TraceBuilder("pipeline", dtype="int8")
    m, n, k = draw(st.integers(1, 150)), draw(sizes), draw(sizes)
    x = add_gemm(b, "g", b.activation("x", (m, k)), m, n, k)
    if draw(st.booleans()):
        b.op("r", "elementwise", {"elements": m * n}, {"x": x}, b.activation("y", (m, n)), {"function": "relu"})
    return b.build()


@st.composite
def graphs(draw: st.DrawFn) -> Trace:
    """GEMMs that read any earlier result of the right width, joined by additions: branches."""
    b = TraceBuilder("graph", dtype="int8")
    m, width = draw(st.sampled_from([64, 100, 128])), draw(st.sampled_from([32, 64]))
    results = [b.activation("x", (m, width))]
    for number in range(draw(st.integers(2, 5))):
        one = draw(st.sampled_from(results))
        if draw(st.booleans()):
            results.append(add_gemm(b, f"g{number}", one, m, width, width))
        else:
            other = draw(st.sampled_from(results))
            y = b.activation(f"a{number}.out", (m, width))
            b.op(f"a{number}", "elementwise", {"elements": m * width}, {"x": one, "y": other}, y, {"function": "add"})
            results.append(y)
    return b.build(outputs=[results[-1]])
