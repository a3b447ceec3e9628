"""The PIM units of a tier executing regions: vectors in, passes on the channels, results to the host, fused work, store.

A region starts when its vectors and its matrix are complete (a cache with the newest token appended), with ``order:
program`` also not before the region before it has ended. Results of a piece
travel to the host's scratchpad as soon as the piece is done; fused work and the store wait for all of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

from sim.core.component import Activity, Cause
from sim.core.countdown import countdown
from sim.core.errors import InconsistencyError
from sim.hardware.pim.pim_units import PimUnits
from sim.mapping.pim_layout import Piece
from sim.mapping.pim_schedule import PimSchedule
from sim.mapping.plan import RESULTS
from sim.run.core_run import FLOW
from sim.run.engines.unit import Unit, unit_kinds
from sim.run.machine import Machine
from sim.run.parts import BoundEngine
from sim.run.region_run import RegionRun


@unit_kinds.register("pim")
class PimRun:
    """All channels of one tier; regions are in flight side by side as far as they do not wait for each other."""

    def __init__(self, machine: Machine, own: BoundEngine) -> None:
        self._machine = machine
        self._own = own
        self._units = cast(PimUnits, own.component)
        self._tier = machine.tier_of(own)
        self._core = machine.cores[0]
        self._open = 0
        self._in_order = self._units.model.spec.order == "program"
        self._program: deque[RegionRun] = deque()
        self._waiting: dict[RegionRun, Callable[[], None]] = {}
        self.engine = own.view.path
        self.index = 0
        self.predicted_ps = 0
        self.tiles_taken = 0

    @classmethod
    def of(cls, machine: Machine) -> Sequence[Unit]:
        """Every tier with processing units, where a core can be their host."""
        return [cls(machine, own) for own in machine.engines if own.view.kind == "pim" and machine.cores]

    def admit(self, run: RegionRun, slot: int) -> None:
        """As in :class:`~sim.run.engines.unit.Unit`."""
        self._open += 1
        schedule = cast(PimSchedule, run.plan.schedules[0])
        for piece in schedule.pieces:
            self._units.expect(piece.channel, len(piece.passes))
        if schedule.placed:
            self._program.append(run)
            run.when_ready((0,), lambda waited: self._in_turn(run, lambda: self._append(run, schedule)))
            return
        operands = 2 + sum(len(load.split) for load in schedule.extras)
        one_done = countdown(operands, lambda: self._fuse(run, schedule))
        self._load_extras(run, schedule, one_done)
        self._program.append(run)
        run.when_ready((0, 1), lambda waited: self._in_turn(run, lambda: self._write(run, schedule, one_done)))
        run.when_ready(tuple(range(2, len(run.producers))), lambda waited: one_done())

    def _in_turn(self, run: RegionRun, begin: Callable[[], None]) -> None:
        """Begin now, or where operators go in program order when those before have ended."""
        if self._in_order and self._program[0] is not run:
            self._waiting[run] = begin
        else:
            begin()

    def _load_extras(self, run: RegionRun, schedule: PimSchedule, done: Callable[[], None]) -> None:
        core, activity = self._core, Activity(run.owner, 0)

        def go(position: int, tier: int, size: int) -> None:
            run.touch(self._machine.engine.now)
            run.loaded_bytes[position] = run.loaded_bytes.get(position, 0) + size
            self._machine.load(core, tier, size, FLOW, activity, done, at=run.addresses.where(position, tier))

        for load in schedule.extras:
            for tier, size in load.split:
                run.when_ready((load.operand,), lambda waited, p=load.operand, t=tier, s=size: go(p, t, s))  # type: ignore[misc]

    def _write(self, run: RegionRun, schedule: PimSchedule, done: Callable[[], None]) -> None:
        """Vectors from the host's scratchpad, or through it, to where the units read them."""
        cause = Cause.OPERAND if schedule.written else Cause.DEPENDENCY

        def written() -> None:
            self._multiply(run, schedule, cause, done)

        if not schedule.written:
            written()
            return
        run.touch(self._machine.engine.now)
        run.staged_bytes = schedule.written
        run.stored_bytes += schedule.written
        activity = Activity(run.owner, 0)

        def put() -> None:
            self._machine.store(self._core, self._tier, schedule.written, FLOW, activity, written)

        self._fetch(run, schedule, activity, put)

    def _fetch(self, run: RegionRun, schedule: PimSchedule, activity: Activity, done: Callable[[], None]) -> None:
        """What the host does not have yet of the first operand, to its scratchpad."""
        here = countdown(len(schedule.fetched), done)
        for tier, size in schedule.fetched:
            run.loaded_bytes[0] = run.loaded_bytes.get(0, 0) + size
            self._machine.load(self._core, tier, size, FLOW, activity, here, at=run.addresses.where(0, tier))
        if not schedule.fetched:
            done()

    def _append(self, run: RegionRun, schedule: PimSchedule) -> None:
        """New tokens of a cache through the host's scratchpad to the channels, whose commands write them."""
        activity = Activity(run.owner, 0)
        run.touch(self._machine.engine.now)
        run.stored_bytes += schedule.placed
        written = countdown(len(schedule.pieces), lambda: self._done(run))

        def place() -> None:
            self._machine.place(self._core, self._tier, schedule.placed, activity, write)

        def write() -> None:
            for number, piece in enumerate(schedule.pieces):
                self._start(run, piece, Activity(run.owner, number), Cause.OPERAND, written)

        self._fetch(run, schedule, activity, place)

    def _multiply(self, run: RegionRun, schedule: PimSchedule, cause: Cause, done: Callable[[], None]) -> None:
        handed = countdown(len(schedule.pieces), done)
        counts = self._units.ledger
        counts[run.owner, "read_in_place_bytes"] += schedule.read_in_place
        counts[run.owner, "vector_bytes"] += schedule.written
        for name, count in schedule.in_memory:
            self._units.count(run.owner, f"op_{name}", count)
        for number, piece in enumerate(schedule.pieces):
            self.tiles_taken += len(piece.passes)
            self._start(run, piece, Activity(run.owner, number), cause, handed)

    def _start(
        self, run: RegionRun, piece: Piece, activity: Activity, cause: Cause, handed: Callable[[], None]
    ) -> None:  # fmt: skip
        size = sum(one.result_bytes for one in piece.passes)
        self._units.ledger[run.owner, "result_bytes"] += size

        def started() -> None:
            run.start(self._machine.engine.now)

        def nothing() -> None:
            pass

        def results() -> None:
            if not size:
                handed()
                return
            self._machine.hand_results(self._own, self._core, size, activity, handed)

        last = len(piece.passes) - 1
        for place, work in enumerate(piece.passes):
            ended = results if place == last else nothing
            self._units.submit(piece.channel, work, activity, cause, started, ended)

    def _fuse(self, run: RegionRun, schedule: PimSchedule) -> None:
        """What is fused behind the product, on the host's vector unit, reading the results from its scratchpad."""
        core = self._core
        if not schedule.operations:
            self._store(run, schedule)
            return
        assert core.vector is not None
        owner = run.owners[-1]
        activity = Activity(owner, 0)
        moved = schedule.output_bytes
        half = countdown(2, lambda: self._store(run, schedule))
        core.vector.server.lane.assign(self._machine.engine.now)
        core.vector.ledger[owner, "scratchpad_bytes"] += 2 * moved
        core.scratchpad.access("vector", moved, moved, activity, half)
        core.vector.submit(schedule.operations, Cause.RESULT, activity, half)

    def _store(self, run: RegionRun, schedule: PimSchedule) -> None:
        stored = countdown(len(schedule.stores), lambda: self._done(run))
        for tier, size in schedule.stores:
            run.stored_bytes += size
            at = run.addresses.where(RESULTS, tier)
            self._machine.store(self._core, tier, size, FLOW, Activity(run.owner, 0), stored, at)
        if not schedule.stores:
            self._done(run)

    def _done(self, run: RegionRun) -> None:
        self._open -= 1
        self._program.remove(run)
        if self._program and self._program[0] in self._waiting:
            self._waiting.pop(self._program[0])()
        run.slot_done(self._machine.engine.now)

    def finish(self) -> None:
        """As in :class:`~sim.run.engines.unit.Unit`."""
        if self._open:
            raise InconsistencyError("completion", f"{self.engine} ends with {self._open} regions in flight")
