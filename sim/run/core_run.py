"""One core executing tile steps: load, compute and store overlap across tiles and operators.

Steps are taken in program order. For each step in turn the core reserves scratchpad space (credits), then lets it go:
its loads start as soon as their producers are complete, its compute when its operands are there, its store when its
results are. Because space is reserved in order, the next operator's weights are prefetched while this one still
computes, and no order of events can deadlock (for results, see :mod:`sim.run.output_order`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import cast

from sim.core.component import Activity, Cause
from sim.core.countdown import countdown
from sim.core.engine import Phase
from sim.core.errors import InconsistencyError
from sim.core.server import Job, Places
from sim.mapping.plan import RESULTS, ArrayWork, Load, Step, StepSchedule, TilePlace, VectorStep
from sim.run.machine import Machine
from sim.run.output_order import OutputOrder
from sim.run.parts import Core
from sim.run.region_run import RegionRun
from sim.run.tiles import Slot, Tile

STEPS_IN_FLIGHT = 64
"""Depth of a core's instruction queue in tile steps; bounds memory where operands need no loading."""
NO_STEP: tuple[tuple[int, int], Step | None] = ((0, 0), None)
PREFETCH, FLOW = "prefetch", "flow"
"""Request streams of a core at a shared memory: read-only operands, and activations in and out. Shared memories serve both
in turn, so that an activation does not queue behind megabytes of prefetched weights."""


class CoreRun:
    """The sequencer of one core."""

    def __init__(self, machine: Machine, core: Core) -> None:
        self._machine = machine
        self._engine = machine.engine
        self._core = core
        self._programs: deque[tuple[RegionRun, Iterator[tuple[tuple[int, int], Step]], Slot]] = deque()
        self._outputs = OutputOrder(core.outputs)
        self._in_flight = 0
        self.tiles_taken = 0
        self._waiting_for_credit = False
        self._latest: Tile | None = None
        self._array_load = [0] * (len(core.arrays.servers.lanes) if core.arrays else 0)
        self.predicted_ps = 0
        self.index = core.view.index
        self.engine = core.view.declared

    def admit(self, run: RegionRun, slot: int) -> None:
        """Append this core's share of a region to its program and get on with it."""
        schedules = [cast(StepSchedule, schedule) for schedule in run.plan.schedules if slot < schedule.slots]
        steps = chain.from_iterable(
            (((place, number), step) for number, step in enumerate(schedule.steps(slot)))
            for place, schedule in enumerate(schedules)
        )
        self._programs.append((run, steps, Slot(run, slot)))
        self._pump()

    def _pump(self) -> None:
        """Take steps in program order until space or the queue runs out."""
        while self._programs and not self._waiting_for_credit and self._in_flight < STEPS_IN_FLIGHT:
            run, steps, slot = self._programs[0]
            place, step = next(steps, NO_STEP)
            if step is None:
                self._programs.popleft()
                slot.exhausted = True
                self._check_slot(slot)
                continue
            tile = Tile(run, slot, step, place, self.tiles_taken, self._outputs)
            if step.follows and self._latest is not None and not self._latest.computed:
                self._latest.follower = tile
                tile.left += 1
            self._latest = tile
            self._take(tile)

    def _take(self, tile: Tile) -> None:
        self.tiles_taken += 1
        self._in_flight += 1
        tile.slot.open_tiles += 1
        self._assign(tile)
        self._waiting_for_credit = True

        def granted() -> None:
            self._waiting_for_credit = False
            self._issue(tile)
            if waited:
                self._pump()

        waited = False
        at_once = self._core.inputs.acquire(tile.step.acquire, granted, tile.run)
        if not at_once:
            tile.cause = Cause.CREDIT
            waited = True

    def _assign(self, tile: Tile) -> None:
        """From here on, the lanes that the step will use are stalled rather than idle."""
        now, step, core = self._engine.now, tile.step, self._core
        if step.array is not None and core.arrays is not None:
            shares = step.array.shares
            order = sorted(range(len(self._array_load)), key=lambda place: (self._array_load[place], place))
            tile.arrays = sorted(order[: len(shares)])
            for place, cycles in zip(tile.arrays, shares, strict=True):
                self._array_load[place] += cycles
                core.arrays.servers.lanes[place].assign(now)
        if step.vector is not None and core.vector is not None:
            core.vector.server.lane.assign(now)
        for load in step.loads:
            for _ in load.split:
                core.dma.load.request()
        for _ in step.stores:
            core.dma.store.request()
        if step.sums is not None and step.sums.target is not None:
            core.dma.store.request()

    def _issue(self, tile: Tile) -> None:
        """Space is there: start each load when its producers are done; then compute."""
        sums = tile.step.sums
        if sums is not None and sums.sources:
            self._machine.partial_sums.expect((tile.sums, tile.slot.number), self._core, len(sums.sources))
        local = tile.run.plan.local_operands
        if local:
            tile.left += 1

            def local_ready(waited: Cause | None) -> None:
                self._arrived(tile, waited or tile.cause)

            tile.run.when_ready(local, local_ready)
        places = tile.step.places
        for number, load in enumerate(tile.step.loads):
            self._start_load(tile, load, places[number] if places else None)
        if tile.left == 0 and not tile.step.loads and not local:
            self._operands_ready(tile)

    def _start_load(self, tile: Tile, load: Load, place: TilePlace | None) -> None:
        cause = tile.cause

        def go(waited: Cause | None) -> None:
            self._transfer_in(tile, load, place, waited or cause)

        tile.run.when_ready((load.operand,), go)

    def _transfer_in(self, tile: Tile, load: Load, place: TilePlace | None, cause: str) -> None:
        stream = FLOW if tile.run.producers[load.operand] else PREFETCH
        tile.run.touch(self._engine.now)
        if tile.step.array is None and tile.step.vector is None:
            tile.run.start(self._engine.now)
        waited = Cause.COPY if cause == Cause.COPY else Cause.OPERAND
        one_less = countdown(len(load.split), lambda: self._arrived(tile, waited))

        def arrived() -> None:
            self._core.dma.load.finish(tile.activity, "load")
            one_less()

        loaded = tile.run.loaded_bytes
        hits = load.hit
        for tier, size in load.split:
            when = self._core.dma.load.start(tile.activity, cause)
            loaded[load.operand] = loaded.get(load.operand, 0) + size
            hit = min(size, hits)
            hits -= hit
            at = tile.where(load.operand, tier, place)
            transfer = (self._core, tier, size, stream, tile.activity, arrived, at)
            if load.shared and tier not in self._machine.caches:
                key = (tile.run, tile.place, load.operand, tier, load.shared)
                self._later(when, partial(self._machine.load_shared, key, len(load.shared), *transfer))
            else:
                self._later(when, partial(self._machine.load, *transfer, hit))

    def _later(self, when_ps: int, fn: Callable[[], None]) -> None:
        if when_ps <= self._engine.now:
            fn()
        else:
            self._engine.at(when_ps, fn, Phase.ARRIVE, self._core.dma.rank)

    def _arrived(self, tile: Tile, cause: str) -> None:
        tile.left -= 1
        tile.cause = cause
        if tile.left == 0:
            self._operands_ready(tile)

    def _operands_ready(self, tile: Tile) -> None:
        """Operands are in the scratchpad: reserve room for the results, then compute."""

        def granted() -> None:
            self._compute(tile)

        if not self._outputs.ready(tile.room, granted):
            tile.cause = Cause.CREDIT

    def _compute(self, tile: Tile) -> None:
        step = tile.step
        if step.array is not None:
            self._run_array(tile, step.array)
        elif step.vector is not None:
            self._run_vector(tile, step.vector, tile.cause)
        else:
            self._computed(tile)

    def _run_array(self, tile: Tile, work: ArrayWork) -> None:
        """The arrays and the scratchpad's banks work side by side; an array done first is held (stall: bank)."""
        core, activity = self._core, tile.activity
        assert core.arrays is not None
        arrays = core.arrays.servers
        fed = False
        held: list[int] = []
        left = len(tile.arrays)

        def started() -> None:
            tile.run.start(self._engine.now)
            core.scratchpad.access(
                "array", work.scratchpad_read, work.scratchpad_write, activity, on_fed, work.conflicts
            )

        def on_fed() -> None:
            nonlocal fed
            fed = True
            arrays.resume(held)
            if left == 0:
                self._array_done(tile)

        def arrays_done(places: Places) -> None:
            nonlocal left
            left -= len(places)
            if not fed:
                arrays.hold(places, Cause.BANK, activity)
                held.extend(places)
            elif left == 0:
                self._array_done(tile)

        self._count_array(activity.owner, work)
        arrays.submit(tile.arrays, work.shares, Job(arrays_done, tile.cause, "compute", activity, started))

    def _count_array(self, owner: int, work: ArrayWork) -> None:
        arrays = self._core.arrays
        assert arrays is not None
        arrays.count(owner, f"mac_{work.compute_type}", work.macs_executed)
        ledger = arrays.ledger
        for name, amount in (("streaming_cycles", work.streaming_cycles), ("macs", work.macs),
                             ("macs_executed", work.macs_executed), ("a_reads", work.a_reads),
                             ("b_reads", work.b_reads), ("c_writes", work.c_writes),
                             ("scratchpad_bytes", work.scratchpad_read + work.scratchpad_write)):  # fmt: skip
            ledger[owner, name] += amount
        if work.register_reads:
            for name, amount in (("register_reads", work.register_reads), ("register_writes", work.register_writes),
                                 ("pe_hops", work.hops)):  # fmt: skip
                ledger[owner, name] += amount
        if work.accumulator_read:
            arrays.count(owner, "accumulator_read_bytes", work.accumulator_read)
        if work.accumulator_write:
            arrays.count(owner, "accumulator_write_bytes", work.accumulator_write)

    def _array_done(self, tile: Tile) -> None:
        step = tile.step
        if step.release_after_array:
            self._core.inputs.release(step.release_after_array)
        vector = step.vector
        if vector is None:
            self._computed(tile)
        elif step.sums is not None and step.sums.sources:
            key = tile.sums, tile.slot.number
            self._machine.partial_sums.gather(key, lambda: self._run_vector(tile, vector, Cause.OPERAND))
        else:
            self._run_vector(tile, vector, Cause.RESULT)

    def _run_vector(self, tile: Tile, work: VectorStep, cause: str) -> None:
        """The vector unit and the scratchpad's banks work side by side."""
        core = self._core
        assert core.vector is not None
        owner = tile.run.owners[tile.step.vector_operator]
        activity = Activity(owner, tile.activity.tile)
        unit = core.vector.server
        fed = finished = False

        def started() -> None:
            tile.run.start(self._engine.now)
            core.scratchpad.access("vector", work.scratchpad_read, work.scratchpad_write, activity, on_fed)

        def on_fed() -> None:
            nonlocal fed
            fed = True
            if finished:
                unit.resume()
                self._computed(tile)

        def done() -> None:
            nonlocal finished
            finished = True
            if fed:
                self._computed(tile)
            else:
                unit.hold(Cause.BANK, activity)

        for name, count in (("macs", work.macs), ("macs_executed", work.macs_executed),
                            ("scratchpad_bytes", work.scratchpad_read + work.scratchpad_write)):  # fmt: skip
            core.vector.ledger[owner, name] += count
        core.vector.submit(work.operations, cause, activity, done, started)

    def _computed(self, tile: Tile) -> None:
        step = tile.step
        tile.computed = True
        if tile.follower is not None:
            self._arrived(tile.follower, Cause.RESULT)
        if step.release_after_vector:
            self._core.inputs.release(step.release_after_vector)
        if step.sums is not None and step.sums.target is not None:
            self._send_sums(tile, step.sums.size_bytes, step.sums.target)
            return
        if not step.stores:
            self._stored(tile)
            return
        tile.run.start(self._engine.now)  # a copy out of the scratchpad has done nothing before
        one_less = countdown(len(step.stores), lambda: self._stored(tile))

        def one_stored() -> None:
            self._core.dma.store.finish(tile.activity, "store")
            one_less()

        for tier, size in step.stores:
            when = self._core.dma.store.start(tile.activity, Cause.RESULT)
            tile.run.stored_bytes += size
            at = tile.where(RESULTS, tier, step.places[-1] if step.places else None)
            self._later(when, partial(self._machine.store, self._core, tier, size, FLOW, tile.activity, one_stored, at))

    def _send_sums(self, tile: Tile, size_bytes: int, target: int) -> None:
        """Partial sums leave for the core that goes on adding, as soon as that one has room for them."""

        def sent() -> None:
            self._core.dma.store.finish(tile.activity, "store")
            self._stored(tile)

        cause = Cause.RESULT

        def go(receiver: Core, arrived: Callable[[], None]) -> None:
            def done() -> None:
                sent()
                arrived()

            when = self._core.dma.store.start(tile.activity, cause)
            tile.run.reduced_bytes += size_bytes
            self._later(when, lambda: self._machine.pass_on(
                self._core, receiver, size_bytes, FLOW, tile.activity, done))  # fmt: skip

        self._machine.partial_sums.send((tile.sums, target), go)
        cause = Cause.CREDIT  # if it has not gone by now, it waits for room

    def _stored(self, tile: Tile) -> None:
        if tile.step.close_output:
            self._core.outputs.release(tile.step.close_output)
        self._in_flight -= 1
        tile.slot.open_tiles -= 1
        self._check_slot(tile.slot)
        self._pump()

    def _check_slot(self, slot: Slot) -> None:
        if slot.exhausted and slot.open_tiles == 0:
            slot.run.slot_done(self._engine.now)

    def finish(self) -> None:
        """At the end of the run nothing may be left over."""
        if self._programs or self._in_flight:
            raise InconsistencyError(
                "completion", f"{self._core.view.path} ends with {self._in_flight} tiles in flight"
            )
        for pool in (self._core.inputs, self._core.outputs):
            if pool.used:
                raise InconsistencyError("credits", f"{pool.name} ends the run with {pool.used} bytes never given back")
