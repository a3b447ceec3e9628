"""Copies between memory tiers: their time in closed form, what is kept, what is written back, and who waits."""

from __future__ import annotations

import pytest
from machines import add_gemm, gemm, machine, operator, small

from sim.config.architecture import Architecture
from sim.core.errors import InputError
from sim.run.jobs import Job, ListedJobs
from sim.run.record import RunRecord
from sim.run.simulate import run_jobs, run_trace
from sim.trace.builder import TraceBuilder
from sim.trace.model import Trace

FAR = "chip.far"
NEAR = "chip.dram"
KIB = 1024


def two_tiers(residency: str, memory: str = "1 MiB", lookahead: int = 8, far: str = "", more: str = "") -> Architecture:
    """A near tier of 64 GB/s and a far one of 1 GB/s; int8."""
    return small(
        memory=memory, lookahead=lookahead, policy=f"residency: {residency}{more}",
        extra=f"far: {{kind: dram, bandwidth: 1 GB/s, burst: 1 B, capacity: 1 GiB{far}}}",
    )  # fmt: skip


def moved(record: RunRecord, source: str, destination: str) -> int:
    return sum(one["bytes"] for one in record.traffic if (one["source"], one["destination"]) == (source, destination))


def chain(count: int, size: int = 128, name: str = "chain") -> Trace:
    b = TraceBuilder(name, dtype="int8")
    x = b.activation("x", (1, size))
    for place in range(count):
        x = add_gemm(b, f"g{place}", x, 1, size, size)
    return b.build([x])


def test_a_copy_takes_its_bytes_at_the_slower_tiers_rate_and_the_operator_waits_for_it() -> None:
    record = run_trace(gemm(1, 128, 128), two_tiers("lru"))
    copy_ps = 128 * 128 * 1000  # 1 GB/s is a byte a nanosecond
    assert moved(record, FAR, NEAR) == 128 * 128
    engine = next(one for one in record.components if one.path == "chip.tier_copies")
    assert [(lane.name, lane.busy_ps) for lane in engine.lanes] == [(f"chip.tier_copies.{FAR} to {NEAR}", copy_ps)]
    dma = next(one for one in record.components if one.path == "chip.core.dma")
    assert sum(lane.stall_ps.get("copy", 0) for lane in dma.lanes) == copy_ps
    unit = next(one for one in record.components if one.kind == "vector_unit")  # what the mapper gives a single row to
    assert unit.lanes[0].stall_ps["copy"] >= copy_ps
    assert 0 < record.elapsed_ps - copy_ps < copy_ps / 10
    assert operator(record, "g").bytes == {
        FAR: {"read": 128 * 128, "written": 0},
        NEAR: {"read": 128 * 128 + 128, "written": 128 * 128 + 128},
    }


def test_copies_run_ahead_of_use_by_the_lookahead() -> None:
    """With a window of one region nothing is hidden; with more, the next copy begins while this region still waits."""
    serial = run_trace(chain(4), two_tiers("lru", lookahead=1)).elapsed_ps
    ahead = run_trace(chain(4), two_tiers("lru", lookahead=4)).elapsed_ps
    copies_ps = 4 * 128 * 128 * 1000
    assert copies_ps <= ahead < serial
    alone = run_trace(chain(1), two_tiers("lru")).elapsed_ps
    assert serial == pytest.approx(4 * alone, rel=0.01)
    assert ahead == pytest.approx(copies_ps + alone - copies_ps / 4, rel=0.01)


def test_static_streams_only_what_does_not_fit_and_lru_everything() -> None:
    """Four weights of 16 KiB, room for three beside the eighth that is spare."""
    static = run_trace(chain(4), two_tiers("static", "66 KiB"))
    lru = run_trace(chain(4), two_tiers("lru", "66 KiB"))
    assert moved(static, FAR, NEAR) == 16 * KIB
    assert moved(lru, FAR, NEAR) == 64 * KIB
    assert static.elapsed_ps < lru.elapsed_ps


def test_a_model_larger_than_the_near_tier_runs_whatever_the_policy() -> None:
    for residency in ("lru", "static", "pinned", "in_place"):
        record = run_trace(chain(9), two_tiers(residency, "40 KiB"))
        assert sum(one.macs for one in record.operators) == 9 * 128 * 128
        assert all(one["peak_bytes"] <= one["capacity_bytes"] for one in record.memory.values())


def test_pinned_tensors_live_near_and_are_never_copied() -> None:
    record = run_trace(chain(4), two_tiers("pinned", more=", pinned: ['g[01].weight']"))
    assert moved(record, FAR, NEAR) == 32 * KIB


def experts(order: str, near: str, residency: str = "lru") -> RunRecord:
    """Requests to models a, b, c ... of two weights of 16 KiB each."""
    trace = chain(2)
    jobs = [Job(trace, f"{place}:{name}", model=name) for place, name in enumerate(order)]
    return run_jobs(ListedJobs(jobs, dict.fromkeys("abc", trace)), two_tiers(residency, near))


@pytest.mark.parametrize(("order", "near", "copied"), [
    ("aaaa", "40 KiB", 1),  # repeats hit
    ("abab", "72 KiB", 2),  # both fit
    ("abab", "40 KiB", 4),  # only one fits: every switch copies
    ("abac", "72 KiB", 3),  # c drops b, the least recently used
    ("abacab", "72 KiB", 4),  # so a still hits and b comes back
])  # fmt: skip
def test_models_come_and_go_whole_the_least_recently_used_first(order: str, near: str, copied: int) -> None:
    record = experts(order, near)
    assert moved(record, FAR, NEAR) == copied * 32 * KIB
    assert moved(record, NEAR, FAR) == 0, "weights are read-only: nothing is written back"
    assert record.memory[FAR]["peak_bytes"] == 3 * 32 * KIB, "all models live in the far tier"


def caches(reads: bool) -> Trace:
    """Two caches of 16 KiB in turn, overwritten, or read and overwritten."""
    b = TraceBuilder("caches", dtype="int8")
    names = [b.tensor(f"kv{place}", (16 * KIB,), "kv_cache") for place in (0, 1)]
    for step, place in enumerate((0, 1, 0, 1)):
        x = b.activation(f"x{step}", (16 * KIB,))
        inputs = {"x": names[place], "y": x} if reads else {"x": x}
        b.op(f"w{step}", "elementwise", {"elements": 16 * KIB}, inputs, names[place],
             {"function": "add" if reads else "relu"})  # fmt: skip
    return b.build([])


def test_what_was_written_is_copied_back_before_its_place_is_given_away() -> None:
    """The near tier holds one cache at a time: it goes back each time but the last, when the run is over."""
    record = run_trace(caches(reads=False), two_tiers("lru", "30 KiB", lookahead=1))
    assert moved(record, NEAR, FAR) == 3 * 16 * KIB
    assert moved(record, FAR, NEAR) == 0, "what is overwritten as a whole need not be copied first"
    record = run_trace(caches(reads=True), two_tiers("lru", "30 KiB", lookahead=1))
    assert moved(record, NEAR, FAR) == 3 * 16 * KIB
    assert moved(record, FAR, NEAR) == 4 * 16 * KIB


def test_two_copies_to_one_tier_share_it_with_the_cores() -> None:
    """The core's loads from the near tier and the copies into it contend: both together are slower than the copy alone."""
    fast = two_tiers("lru", far=", stacks: 64")  # 64 GB/s: as fast as the near tier, which both then share
    free = run_trace(chain(1, 256), two_tiers("lru", far=", stacks: 64"))
    busy = run_trace(chain(4, 256), fast)
    lane = next(one for one in busy.components if one.path == "chip.tier_copies").lanes[0]
    alone = next(one for one in free.components if one.path == "chip.tier_copies").lanes[0]
    assert lane.busy_ps > 4 * alone.busy_ps


@pytest.mark.parametrize(("change", "said"), [
    ({"policy__residency": "lur"}, "did you mean 'lru'"),
    ({"policy__near": "chip.dran"}, "policy.near is no memory tier"),
])  # fmt: skip
def test_unknown_names_are_refused_with_the_nearest(change: dict[str, object], said: str) -> None:
    text = """
        name: two
        clocks: {core: 1 GHz}
        chip:
          core:
            array: {kind: systolic_array, rows: 4, cols: 4, types: {int8: 1}, clock: core}
            pad: {kind: scratchpad, capacity: 1 MiB, width: 64 B, clock: core}
          dram: {kind: dram, bandwidth: 64 GB/s, capacity: 1 MiB}
          far: {kind: dram, bandwidth: 1 GB/s, capacity: 1 GiB}
        policy: {residency: lru}
    """
    with pytest.raises(InputError, match=said):
        run_trace(gemm(1, 8, 8), machine(text, **change))


def test_a_policy_that_copies_needs_a_second_tier() -> None:
    with pytest.raises(InputError, match="needs an off-chip tier besides"):
        run_trace(gemm(1, 8, 8), small(policy="residency: lru"))


def test_a_model_that_fits_no_tier_is_refused_with_the_bytes() -> None:
    with pytest.raises(InputError, match=r"needs 16384 bytes.*chip\.far"):
        run_trace(chain(2), machine(
            """
            name: tiny
            clocks: {core: 1 GHz}
            chip:
              core:
                array: {kind: systolic_array, rows: 4, cols: 4, types: {int8: 1}, clock: core}
                pad: {kind: scratchpad, capacity: 1 MiB, width: 64 B, resident_share: 1/1000, clock: core}
              dram: {kind: dram, bandwidth: 64 GB/s, capacity: 12 KiB}
              far: {kind: dram, bandwidth: 1 GB/s, capacity: 28 KiB}
            policy: {residency: lru}
            """
        ))  # fmt: skip


class Levels:
    """A listener that keeps levels."""

    def __init__(self) -> None:
        self.points: dict[str, list[tuple[int, int]]] = {}

    def span(self, lane: str, start_ps: int, end_ps: int, what: str, owner: int, tile: int) -> None:
        """Not of interest here."""

    def level(self, name: str, time_ps: int, value: int) -> None:
        self.points.setdefault(name, []).append((time_ps, value))


def test_what_lives_in_each_tier_is_told_over_time() -> None:
    seen = Levels()
    record = run_trace(chain(4), two_tiers("lru", "40 KiB", lookahead=1), listeners=(seen,))
    far, near = seen.points[f"{FAR}.weight"], seen.points[f"{NEAR}.weight"]
    assert far[-1][1] == 0 and max(value for _, value in far) == 64 * KIB, "all weights live there until the job ends"
    assert max(value for _, value in near) == 32 * KIB, "two copies fit"
    assert [time for time, _ in near] == sorted(time for time, _ in near)
    assert near[-1] == (record.elapsed_ps, 0)
