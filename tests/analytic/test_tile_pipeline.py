"""n tiles with load L, compute C, store S and b buffers, through the real executor, against the textbook recurrence."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import NS, elapsed, machine

from sim.config.architecture import Architecture
from sim.trace.builder import TraceBuilder
from sim.trace.model import Trace

R = C = 4
WEIGHT_BYTES = R * C


def makespan(n: int, first_load: int, load: int, compute: int, store: int, b: int) -> int:
    """Cycles of the pipeline. One load port, one array, one store port; a buffer is free when its reader has finished."""
    load_end: list[int] = []
    compute_end: list[int] = []
    store_end: list[int] = []
    for i in range(n):
        begin = max(load_end[i - 1] if i else 0, compute_end[i - b] if i >= b else 0)
        load_end.append(begin + (load if i else first_load))
        begin = max(load_end[i], compute_end[i - 1] if i else 0, store_end[i - b] if i >= b else 0)
        compute_end.append(begin + compute)
        store_end.append(max(compute_end[i], store_end[i - 1] if i else 0) + store)
    return store_end[-1]


def pipeline_machine(tile_m: int, load_bytes_per_cycle: int, store_bytes_per_cycle: int, b: int) -> Architecture:
    """A scratchpad with room for exactly ``b`` input tiles (and the weights) and ``b`` output tiles.

    Inputs come from DRAM; results, which nobody reads, go to the shared memory: two ports.
    """
    inputs, outputs = b * (tile_m * R + WEIGHT_BYTES), b * tile_m * C
    return machine(f"""
        name: pipeline
        clocks: {{core: 1 GHz}}
        chip:
          core:
            array: {{kind: systolic_array, rows: {R}, cols: {C}, dataflow: ws, fold_overlap: none, types: {{int8: 1}},
                     accumulator: 1 MiB, clock: core}}
            pad: {{kind: scratchpad, capacity: {inputs + outputs}, width: 1 MiB, buffers: {b}, clock: core,
                   output_share: {Fraction(outputs, inputs + outputs)}, resident_share: 1/1000000000}}
          shared: {{kind: scratchpad, capacity: 1 MiB, width: {store_bytes_per_cycle}, clock: core}}
          dram: {{kind: dram, bandwidth: {load_bytes_per_cycle} GB/s, burst: {load_bytes_per_cycle}, latency: 0 ns,
                  capacity: 1 GiB}}
        policy: {{mapping: {{g: {{tile: {{m: {tile_m}, n: {C}, k: {R}}}, order: bmnk}}}}}}
    """)


def without_outputs(m: int) -> Trace:
    b = TraceBuilder("pipeline", dtype="int8")
    b.op("g", "gemm", {"m": m, "n": C, "k": R}, {"a": b.activation("x", (m, R)), "b": b.weight("w", (R, C))},
         b.activation("y", (m, C)))  # fmt: skip
    return b.build()


def check(n: int, tile_m: int, load_rate: int, store_rate: int, b: int) -> None:
    compute = 2 * R + C + tile_m - 2
    expected = makespan(
        n,
        first_load=(tile_m * R + WEIGHT_BYTES) // load_rate,
        load=tile_m * R // load_rate,
        compute=compute,
        store=tile_m * C // store_rate,
        b=b,
    )
    found = elapsed(without_outputs(n * tile_m), pipeline_machine(tile_m, load_rate, store_rate, b))
    assert found == expected * NS


@pytest.mark.parametrize("b", [1, 2, 3])
@pytest.mark.parametrize("load_rate", [1, 2, 4, 8])
@pytest.mark.parametrize("store_rate", [1, 2, 4, 8])
def test_tiles_take_the_makespan_of_the_recurrence(b: int, load_rate: int, store_rate: int) -> None:
    """Load-bound, compute-bound and store-bound pipelines (64 rows: L = 256/rate, C = 74, S = 256/rate)."""
    check(7, 64, load_rate, store_rate, b)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 12),
    tile_m=st.integers(4, 30).map(lambda quarter: 4 * quarter),
    load_rate=st.sampled_from([1, 2, 4]),
    store_rate=st.sampled_from([1, 2, 4]),
    b=st.integers(1, 3),
)
def test_any_number_of_tiles(n: int, tile_m: int, load_rate: int, store_rate: int, b: int) -> None:
    check(n, tile_m, load_rate, store_rate, b)


def test_a_third_buffer_pays_only_while_something_is_left_to_hide() -> None:
    """The recurrence itself: one buffer serialises load and compute; two hide the shorter one."""
    serial = makespan(10, 32, 32, 74, 32, 1)
    assert serial == 10 * (32 + 74) + 32
    assert makespan(10, 32, 32, 74, 32, 2) == 32 + 10 * 74 + 32 == makespan(10, 32, 32, 74, 32, 3)


def test_one_load_alone_takes_its_bytes_over_the_bandwidth() -> None:
    """The floor of it all: one tile is load + compute + store, nothing else."""
    found = elapsed(without_outputs(64), pipeline_machine(64, 4, 4, 1))
    assert found == ((256 + 16) // 4 + 74 + 64) * NS
