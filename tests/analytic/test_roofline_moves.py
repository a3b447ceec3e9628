"""Halving a bandwidth makes memory-bound exactly the operators that the roofline says, in demand and in stalls."""

from __future__ import annotations

from fractions import Fraction

import pytest
from machines import NS, add_gemm, operator, small

from sim.run.record import RunRecord
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder
from sim.trace.model import Trace

R = 16
SHAPES = {"thin": (2048, 16, 256), "double": (2048, 32, 256), "triple": (2048, 48, 256), "wide": (2048, 128, 256),
          "vector": (1, 256, 256)}  # fmt: skip


def trace() -> Trace:
    b = TraceBuilder("mixed", dtype="int8")
    outputs = [add_gemm(b, name, b.activation(f"{name}.x", (m, k)), m, n, k) for name, (m, n, k) in SHAPES.items()]
    return b.build(outputs=outputs)


def memory_bound_by_roofline(bytes_per_cycle: int) -> set[str]:
    """Bytes at the bandwidth against the folds' cycles: 128 rows a tile, every tile's folds back to back."""
    found = set()
    for name, (m, n, k) in SHAPES.items():
        tiles = max(1, m // 128)
        folds = (n // R) * (k // R)
        compute = tiles * (R + (folds - 1) * max(R, m // tiles) + 2 * R + m // tiles - 2)
        if Fraction(m * k + k * n + m * n, bytes_per_cycle) > compute:
            found.add(name)
    return found


def run(bytes_per_cycle: int) -> RunRecord:
    machine = small(
        rows=R, cols=R, overlap="double_buffered", bandwidth=f"{bytes_per_cycle} GB/s", burst="16 B", lookahead=1,
        pad_width="1 KiB", pins="{'*': {engine: array, tile: {m: 128, n: 512, k: 512}, order: bmnk}}",
    )  # fmt: skip
    return run_trace(trace(), machine)


def memory_bound_by_demand(record: RunRecord) -> set[str]:
    return {
        one.name for one in record.operators if max(one.demand_ps, key=lambda name: one.demand_ps[name]) == "chip.dram"
    }


def stalled_for_operands(record: RunRecord) -> set[str]:
    """Operators whose array stood waiting for operands for more than a tenth of the time it computed."""
    lane = next(one for one in record.components if one.kind == "systolic_array").lanes[0]
    return {
        one.name
        for number, one in enumerate(record.operators)
        if 10 * lane.stall_by.get(number, {}).get("operand", 0) > lane.busy_by[number]
    }


@pytest.mark.parametrize("bytes_per_cycle", [16, 8])
def test_the_report_says_what_the_roofline_predicts(bytes_per_cycle: int) -> None:
    record = run(bytes_per_cycle)
    assert memory_bound_by_demand(record) == memory_bound_by_roofline(bytes_per_cycle)
    assert stalled_for_operands(record) == memory_bound_by_roofline(bytes_per_cycle)


def test_halving_the_bandwidth_moves_one_operator_and_leaves_the_others() -> None:
    moved = memory_bound_by_demand(run(8)) - memory_bound_by_demand(run(16))
    assert moved == {"double"} == memory_bound_by_roofline(8) - memory_bound_by_roofline(16)


def test_a_memory_bound_operator_takes_its_bytes_and_a_compute_bound_one_its_cycles() -> None:
    """Alone in its window, with the first tile's load and the last tile's store as the only extras."""
    record = run(16)
    for name, (_, n, k) in SHAPES.items():
        if name == "vector":
            continue
        one = operator(record, name)
        load, store = (128 * k + k * n) // 16, 128 * n // 16
        floor = max(one.demand_ps.values())
        assert floor <= one.active_ps + load * NS <= floor + 2 * (load + store + 128 * n // R) * NS
