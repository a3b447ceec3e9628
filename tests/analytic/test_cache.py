"""A cache in front of a DRAM: what hits against closed forms, and what it may never do."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from machines import add_gemm, gemm, small

from sim.core.errors import InputError
from sim.hardware.layout import Layout
from sim.run.record import RunRecord
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder
from sim.trace.model import Trace

BIG = 1 << 30


def run(trace: Trace, cache: int | None, **options: Any) -> RunRecord:
    """On a machine with a cache of this capacity; None: links alone."""
    wire = "kind: point_to_point, bandwidth: 1 TB/s"
    if cache is None:
        extra = f"links: [{{{wire}, connects: [core.pad, dram]}}]"
    else:
        extra = f"""l2: {{kind: cache, capacity: {cache}, fronts: [dram], width: 1 KiB, clock: core}}
          links: [{{{wire}, connects: [core.pad, l2]}}, {{{wire}, connects: [l2, dram]}}]"""
    return run_trace(trace, small(extra=extra, **options))


def bytes_between(record: RunRecord, source: str) -> int:
    return sum(one["bytes"] for one in record.traffic if one["source"] == source)


def off_chip(record: RunRecord) -> int:
    return sum(one["bytes"] for one in record.traffic if "chip.dram" in (one["source"], one["destination"]))


PINNED = '{"g": {engine: array, tile: {m: 16, n: 16, k: 64}, order: bmnk}}'


@pytest.mark.parametrize(("capacity", "again"), [(BIG, True), (6 * 1024 - 1, False), (6 * 1024, True)])
def test_an_operand_read_again_misses_once_if_what_lies_between_fits(capacity: int, again: bool) -> None:
    """C[64,64] = A[64,64] B[64,64] in tiles of 16 rows and columns: B comes in four times.

    Between two loads of a tile of B lie all of B (4096), one tile of A (1024) and a row of results (1024).
    """
    found = run(gemm(64, 64, 64), capacity, pins=PINNED)
    assert bytes_between(found, "chip.l2") == (3 * 64 * 64 if again else 0)
    assert bytes_between(found, "chip.dram") == 64 * 64 + 64 * 64 * (1 if again else 4)


def test_cores_that_load_the_same_tile_miss_it_together() -> None:
    """Four cores cut along M share B: each misses a quarter of it."""
    pins = '{"g": {engine: array, tile: {m: 16, n: 64, k: 64}, cores: {m: 4}}}'
    found = run(gemm(64, 64, 64), BIG, pins=pins, cores=4)
    assert bytes_between(found, "chip.l2") == 3 * 64 * 64
    assert bytes_between(found, "chip.dram") == 2 * 64 * 64


def chain(rows: int, width: int, layers: int) -> Trace:
    b = TraceBuilder("chain", dtype="int8")
    x = b.activation("x", (rows, width))
    for layer in range(layers):
        x = add_gemm(b, f"g{layer}", x, rows, width, width)
    return b.build(outputs=[x])


def test_a_result_is_found_by_the_next_operator_if_all_that_it_moves_fits() -> None:
    """The second product moves its operand, its weights and its results: 3 * 4096 bytes."""
    for capacity, found in ((3 * 4096, 4096), (3 * 4096 - 1, 0)):
        record = run(chain(64, 64, 2), capacity, pins='{"*": {engine: array, tile: {m: 64, n: 64, k: 64}}}')
        assert bytes_between(record, "chip.l2") == found


def test_a_cache_of_no_capacity_is_none() -> None:
    with_zero, without = run(chain(96, 80, 2), 0), run(chain(96, 80, 2), None)
    assert with_zero.elapsed_ps == without.elapsed_ps
    assert with_zero.traffic == without.traffic


PORT_PS = 10_000
"""A cache stands in the way of what misses: its port takes whole lines, one a cycle, which operators of a few bytes feel."""


@settings(max_examples=12, deadline=None, derandomize=True)
@example(rows=1, width=8, cores=2, sizes=[0, 1], pad="8 KiB")
@given(
    rows=st.integers(1, 300), width=st.integers(8, 200), cores=st.sampled_from([1, 2, 4]),
    sizes=st.tuples(*[st.integers(0, 200_000)] * 2).map(sorted), pad=st.sampled_from(["8 KiB", "32 KiB"]),
)  # fmt: skip
def test_a_cache_never_adds_traffic_or_time(rows: int, width: int, cores: int, sizes: list[int], pad: str) -> None:
    """Beside tolerances of the searches: a cache lets them choose tiles that load more, and hit."""
    records = [run(chain(rows, width, 2), size, cores=cores, capacity=pad) for size in (0, *sizes)]
    for smaller, larger in pairwise(records):
        assert larger.elapsed_ps <= smaller.elapsed_ps * 1.05 + PORT_PS
        assert off_chip(larger) <= off_chip(smaller) * 1.05


@settings(max_examples=15, deadline=None)
@given(
    m=st.integers(1, 100), n=st.integers(1, 100), k=st.integers(1, 100), order=st.sampled_from(["bmnk", "bnmk"]),
    tile=st.integers(4, 40), cores=st.sampled_from([1, 4]), sizes=st.lists(st.integers(0, 40_000), min_size=3, max_size=3),
)  # fmt: skip
def test_hits_grow_with_the_capacity_for_the_same_tiles(
    m: int, n: int, k: int, order: str, tile: int, cores: int, sizes: list[int]
) -> None:
    pins = (
        f'{{"g": {{engine: array, tile: {{m: {tile}, n: {tile}, k: {tile}}}, order: {order}, cores: {{m: 1, n: 1}}}}}}'
    )
    records = [run(gemm(m, n, k), size, cores=cores, pins=pins) for size in (0, *sorted(sizes))]
    hits, moved = [bytes_between(one, "chip.l2") for one in records], [off_chip(one) for one in records]
    assert hits == sorted(hits) and moved == sorted(moved, reverse=True)
    assert {one + found for one, found in zip(moved, hits, strict=True)} == {moved[0]}


@pytest.mark.parametrize(
    ("cache", "said"),
    [
        ("l2: {kind: cache, capacity: 1 KiB, fronts: [drum], width: 64 B, clock: core}", "fronts no off-chip memory"),
        ("l2: {kind: cache, capacity: 1 KiB, fronts: [dram], width: 64 B}", "needs a clock"),
        ("l2: {kind: cache, count: 2, capacity: 1 KiB, fronts: [dram], width: 64 B, clock: core}", "there is one"),
        ("l2: {kind: cache, capacity: 1 KiB, fronts: [dram], width: 64 B, clock: core}\n"
         "          links: [{kind: point_to_point, connects: [core.pad, dram], bandwidth: 1 GB/s}]", "past it"),
        ("l2: {kind: cache, capacity: 1 KiB, fronts: [dram, dram], width: 64 B, clock: core}", "another cache"),
    ],
)  # fmt: skip
def test_a_cache_in_the_wrong_place_is_refused(cache: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Layout(small(extra=cache))
