"""Seeded faults: each breaks one rule of the simulator from inside, and each must stop the run as an inconsistency."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from machines import add_gemm, machine

from sim.config.architecture import Architecture
from sim.core.channel import Channel
from sim.core.component import Lane
from sim.core.credits import CreditPool
from sim.core.errors import InconsistencyError
from sim.core.pipe import RoundRobinPipe
from sim.core.server import ServerRow
from sim.hardware.memory.dram import Dram
from sim.hardware.memory.scratchpad import Scratchpad
from sim.hardware.noc.link import Link
from sim.hardware.pe.systolic import SystolicArrays
from sim.hardware.vector.vector_unit import VectorUnit
from sim.mapping.matrix_nest import MatrixNest
from sim.mapping.plan import Step
from sim.run import program
from sim.run.core_run import CoreRun
from sim.run.machine import Machine
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder
from sim.trace.model import Trace

Patch = pytest.MonkeyPatch


def victim_machine() -> Architecture:
    """Two cores, an on-chip and an off-chip tier, links, and tiles small enough that every operator has several."""
    return machine("""
        name: victim
        clocks: {core: 1 GHz}
        chip:
          core:
            count: 2
            array: {kind: systolic_array, count: 2, rows: 8, cols: 8, types: {int8: 1}, accumulator: 4 KiB, clock: core}
            vector: {kind: vector_unit, lanes: 8, clock: core}
            pad: {kind: scratchpad, capacity: 16 KiB, banks: 4, width: 64 B, clock: core}
          shared: {kind: scratchpad, capacity: 8 KiB, width: 64 B, clock: core}
          dram: {kind: dram, bandwidth: 32 GB/s, latency: 20 ns, capacity: 1 MiB}
          links:
            - {kind: crossbar, connects: [core.pad, shared, dram], width: 64 B, latency: 2 ns, clock: core}
        policy: {mapping: {'g*': {tile: {m: 16, n: 32, k: 32}, engine: array}}}
    """)


def victim_trace() -> Trace:
    """A GEMM with a fused relu, a GEMM, a softmax, a copy that nobody reads, and a branch."""
    b = TraceBuilder("victim", dtype="int8")
    x = b.activation("x", (64, 64))
    first = add_gemm(b, "g1", x, 64, 64, 64)
    relu = b.activation("relu.out", (64, 64))
    b.op("relu", "elementwise", {"elements": 4096}, {"x": first}, relu, {"function": "relu"})
    second = add_gemm(b, "g2", relu, 64, 64, 64)
    soft = b.activation("soft.out", (64, 64))
    b.op("soft", "softmax", {"rows": 64, "width": 64}, {"x": second}, soft)
    cache = b.tensor("cache", (64, 64), "kv_cache")
    b.op("append", "copy", {"elements": 4096}, {"x": soft}, cache)
    branch = add_gemm(b, "g3", x, 64, 64, 64)
    return b.build(outputs=[soft, branch])


def every(times: int, fault: Callable[..., Any], healthy: Callable[..., Any]) -> Callable[..., Any]:
    """``healthy``, except that call number ``times`` is ``fault``."""
    calls = 0

    def either(*args: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        return (fault if calls == times else healthy)(*args, **named)

    return either


def drop_a_tile(patch: Patch) -> None:
    healthy = MatrixNest.steps

    def steps(self: MatrixNest, slot: int) -> Iterator[Step]:
        for number, step in enumerate(healthy(self, slot)):
            if number != 1:
                yield step

    patch.setattr(MatrixNest, "steps", steps)


def repeat_a_tile(patch: Patch) -> None:
    healthy = MatrixNest.steps

    def steps(self: MatrixNest, slot: int) -> Iterator[Step]:
        for number, step in enumerate(healthy(self, slot)):
            yield step
            if number == 1:
                yield step

    patch.setattr(MatrixNest, "steps", steps)


def drop_a_region(patch: Patch) -> None:
    healthy = program.form_regions
    patch.setattr(program, "form_regions", lambda *args: (one for one in healthy(*args) if one.head.name != "g3"))


def drop_a_copy_tile(patch: Patch) -> None:
    healthy = CoreRun._computed

    def computed(self: CoreRun, tile: Any) -> None:
        if tile.run.region.head.name == "append":
            tile.step = tile.step._replace(stores=())
        healthy(self, tile)

    patch.setattr(CoreRun, "_computed", computed)


def counted_twice(patch: Patch, owner: type[Any], action: str) -> None:
    """The third count of ``action`` by a component of this class counts double."""
    calls = 0

    def count(self: Any, operator: int, name: str, amount: int) -> None:
        nonlocal calls
        calls += name == action
        self.actions[operator, name] += 2 * amount if calls == 3 and name == action else amount

    patch.setattr(owner, "count", count)


def lose_macs(patch: Patch) -> None:
    healthy = CoreRun._count_array
    patch.setattr(CoreRun, "_count_array", every(3, lambda self, owner, work: healthy(
        self, owner, work._replace(macs=work.macs - 1, macs_executed=work.macs_executed - 1)), healthy))  # fmt: skip


def lose_a_vector_operation(patch: Patch) -> None:
    healthy = VectorUnit.submit

    def submit(self: VectorUnit, operations: Any, *rest: Any) -> None:
        healthy(self, tuple((name, count - 1) for name, count in operations), *rest)

    patch.setattr(VectorUnit, "submit", every(2, submit, healthy))


def overlap_a_lane(patch: Patch) -> None:
    def submit(self: ServerRow, places: Any, cycles: Any, job: Any) -> None:
        for place, count in zip(places, cycles, strict=True):
            self._queues[place].append((count, job))
        self._start(places)

    patch.setattr(ServerRow, "submit", submit)


def lose_idle_time(patch: Patch) -> None:
    def charge(self: Lane, now_ps: int, cause: str, owner: int, tile: int) -> None:
        self._covered_to = now_ps

    patch.setattr(Lane, "_charge_gap", charge)


def keep_a_credit(patch: Patch) -> None:
    healthy = CreditPool.release
    patch.setattr(CreditPool, "release", every(4, lambda self, amount: healthy(self, amount - 1), healthy))


def keep_all_credits(patch: Patch) -> None:
    patch.setattr(CreditPool, "release", lambda self, amount: None)


def return_a_credit_twice(patch: Patch) -> None:
    healthy = CreditPool.release

    def twice(self: CreditPool, amount: int) -> None:
        healthy(self, amount)
        healthy(self, amount)

    patch.setattr(CreditPool, "release", every(4, twice, healthy))


def skip_a_store(patch: Patch) -> None:
    healthy = Machine.store
    patch.setattr(
        Machine, "store", every(2, lambda self, core, tier, size, stream, activity, done, at=None: done(), healthy)
    )


def skip_a_load(patch: Patch) -> None:
    healthy = Machine.load
    patch.setattr(
        Machine,
        "load",
        every(2, lambda self, core, tier, size, stream, activity, done, at=None, hit=0: done(), healthy),
    )


def forget_most_weights(patch: Patch) -> None:
    """Each core may load its weights again for every one of its two row tiles; an eighth of that is too little."""
    healthy = MatrixNest._moved_bytes

    def moved(self: MatrixNest, block: Any) -> tuple[int, int]:
        a_bytes, b_bytes = healthy(self, block)
        return a_bytes, b_bytes // 8

    patch.setattr(MatrixNest, "_moved_bytes", moved)


def load_from_the_wrong_tier(patch: Patch) -> None:
    healthy = Machine.load

    def load(self: Machine, core: Any, tier: int, *rest: Any) -> None:
        memories = self.tiers
        self.tiers = memories[::-1]
        healthy(self, core, tier, *rest)
        self.tiers = memories

    patch.setattr(Machine, "load", every(2, load, healthy))


def pass_by_a_link(patch: Patch) -> None:
    healthy = Link.move
    patch.setattr(Link, "move", every(2, lambda self, a, b, stream, size, activity, done: done(), healthy))


def time_runs_backwards(patch: Patch) -> None:
    healthy = RoundRobinPipe.next_event_ps
    patch.setattr(RoundRobinPipe, "next_event_ps", every(9, lambda self: -1, healthy))


def a_transfer_never_finishes(patch: Patch) -> None:
    healthy = Channel._on_wake

    def on_wake(self: Channel) -> None:
        if self.lane.name != "chip.dram":
            healthy(self)

    patch.setattr(Channel, "_on_wake", on_wake)


def memory_too_fast(patch: Patch) -> None:
    """Every memory and link serves a thousand times what its closed forms say it can."""
    healthy = RoundRobinPipe.__init__

    def build(self: RoundRobinPipe, *args: Any) -> None:
        healthy(self, *args)
        self._den *= 1000

    patch.setattr(RoundRobinPipe, "__init__", build)


def array_too_fast(patch: Patch) -> None:
    healthy = ServerRow.submit
    patch.setattr(
        ServerRow, "submit", lambda self, places, cycles, job: healthy(self, places, [min(c, 1) for c in cycles], job)
    )


def forget_a_dependency_of_buffers(patch: Patch) -> None:
    """A tile gives back more input space than it took."""
    healthy = CoreRun._array_done

    def array_done(self: CoreRun, tile: Any) -> None:
        tile.step = tile.step._replace(release_after_array=tile.step.release_after_array + 64)
        healthy(self, tile)

    patch.setattr(CoreRun, "_array_done", array_done)


FAULTS: dict[str, tuple[Callable[[Patch], None], str]] = {
    "a tile is dropped": (drop_a_tile, "bytes|credits|deadlock|MACs"),
    "a tile is executed twice": (repeat_a_tile, "bytes|credits|MACs"),
    "a region is dropped": (drop_a_region, "trace"),
    "a copy is never stored": (drop_a_copy_tile, "bytes|lane assignment"),
    "a byte is counted twice at a memory": (lambda patch: counted_twice(patch, Dram, "read_bytes"), "bytes"),
    "a byte is counted twice into a memory": (lambda patch: counted_twice(patch, Dram, "write_bytes"), "bytes"),
    "a byte is counted twice at a scratchpad": (lambda patch: counted_twice(patch, Scratchpad, "read_bytes"), "bytes"),
    "a byte is counted twice at a link": (lambda patch: counted_twice(patch, Link, "bytes"), "bytes"),
    "a MAC is priced twice": (lambda patch: counted_twice(patch, SystolicArrays, "mac_int8"), "MACs"),
    "a MAC is lost": (lose_macs, "MACs"),
    "a vector operation is lost": (lose_a_vector_operation, "operations"),
    "a lane does two things at once": (overlap_a_lane, "lane overlap"),
    "idle time is lost": (lose_idle_time, "lane coverage"),
    "a credit is never returned": (keep_a_credit, "credits"),
    "no credit is ever returned": (keep_all_credits, "deadlock|credits"),
    "a credit is returned twice": (return_a_credit_twice, "credits"),
    "more space is returned than was taken": (forget_a_dependency_of_buffers, "credits"),
    "a store is skipped": (skip_a_store, "bytes"),
    "a load is skipped": (skip_a_load, "bytes"),
    "most weights are never loaded": (forget_most_weights, "bytes"),
    "a load is counted at the wrong tier": (load_from_the_wrong_tier, "bytes"),
    "a message passes by its link": (pass_by_a_link, "bytes"),
    "time runs backwards": (time_runs_backwards, "time"),
    "a transfer never finishes": (a_transfer_never_finishes, "deadlock"),
    "a memory beats its bandwidth": (memory_too_fast, "roofline"),
    "an array beats its peak": (array_too_fast, "roofline"),
}


def test_the_victim_is_healthy() -> None:
    record = run_trace(victim_trace(), victim_machine())
    assert record.events["tiles"] > 20
    assert {one["source"] for one in record.traffic} == {"chip.core.pad", "chip.shared", "chip.dram"}


@pytest.mark.parametrize("name", FAULTS)
def test_a_seeded_fault_stops_the_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fault, rules = FAULTS[name]
    fault(monkeypatch)
    with pytest.raises(InconsistencyError) as caught:
        run_trace(victim_trace(), victim_machine())
    assert caught.value.rule in rules.split("|"), str(caught.value)
    assert caught.value.exit_code == 3


def test_a_transfer_that_never_finishes_is_told_by_who_waits_for_what(monkeypatch: pytest.MonkeyPatch) -> None:
    a_transfer_never_finishes(monkeypatch)
    with pytest.raises(InconsistencyError) as caught:
        run_trace(victim_trace(), victim_machine())
    assert "g1" in str(caught.value) and "waits for" in str(caught.value)
