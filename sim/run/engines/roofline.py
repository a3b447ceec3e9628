"""A roofline engine executing regions one after another, each tile by tile: load, compute, store.

Two tiles' operands are on their way or in use at a time (double buffering); a kernel starts when the one before has ended,
and loads an operand when its producers have.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import cast

from sim.core.component import Activity, Cause
from sim.core.countdown import countdown
from sim.core.errors import InconsistencyError
from sim.hardware.roofline import Roofline
from sim.mapping.engines.roofline import RooflineSchedule, RooflineTile
from sim.mapping.plan import RESULTS, Load, TilePlace
from sim.run.engines.unit import Unit, unit_kinds
from sim.run.machine import Machine
from sim.run.parts import BoundEngine
from sim.run.region_run import RegionRun

BUFFERS = 2


@unit_kinds.register("roofline")
class RooflineRun:
    """The sequencer of one roofline engine."""

    def __init__(self, machine: Machine, engine: BoundEngine) -> None:
        self._machine = machine
        self._own = engine
        self._component = cast(Roofline, engine.component)
        self._events = machine.engine
        self._programs: deque[RegionRun] = deque()
        self._run: RegionRun | None = None
        self._next: deque[tuple[int, RooflineTile]] = deque()
        self._open = 0
        self._buffered = 0
        self.engine = engine.view.path
        self.index = 0
        self.predicted_ps = 0
        self.tiles_taken = 0

    @classmethod
    def of(cls, machine: Machine) -> Sequence[Unit]:
        """Every roofline engine of the machine."""
        return [cls(machine, engine) for engine in machine.engines if engine.view.kind == "roofline"]

    def admit(self, run: RegionRun, slot: int) -> None:
        """As in :class:`~sim.run.engines.unit.Unit`."""
        self._programs.append(run)
        if self._run is None:
            self._begin()

    def _begin(self) -> None:
        run = self._programs.popleft()
        self._run = run
        tiles = cast(RooflineSchedule, run.plan.schedules[0]).tiles
        self._next.extend(enumerate(tiles))
        self._open = len(tiles)
        for _ in tiles:
            self._component.server.lane.assign(self._events.now)
        self._pump()

    def _pump(self) -> None:
        while self._run is not None and self._next and self._buffered < BUFFERS:
            number, tile = self._next.popleft()
            self._buffered += 1
            self.tiles_taken += 1
            self._load(self._run, number, tile)

    def _load(self, run: RegionRun, number: int, tile: RooflineTile) -> None:
        activity = Activity(run.owner, number)
        cause: Cause = Cause.OPERAND
        all_loads = sum(len(load.split) for load in tile.loads)
        arrived = countdown(all_loads, lambda: self._compute(run, tile, cause, activity))

        def go(load: Load, waited: Cause | None) -> None:
            nonlocal cause
            cause, position = waited or cause, load.operand
            run.touch(self._events.now)
            place = TilePlace(run.loaded_bytes.get(position, 0))
            for tier, size in load.split:
                run.loaded_bytes[position] = run.loaded_bytes.get(position, 0) + size
                at = run.addresses.where(position, tier, place)
                self._machine.stream(self._own, tier, size, activity, arrived, into=True, at=at)

        if not all_loads:
            self._compute(run, tile, cause, activity)
        for load in tile.loads:
            run.when_ready((load.operand,), lambda waited, load=load: go(load, waited))  # type: ignore[misc]

    def _compute(self, run: RegionRun, tile: RooflineTile, cause: str, activity: Activity) -> None:
        component = self._component

        def done() -> None:
            self._buffered -= 1
            self._store(run, tile, activity)
            self._pump()

        run.start(self._events.now)
        component.ledger[activity.owner, "macs"] += tile.macs
        component.ledger[activity.owner, "macs_executed"] += tile.macs_executed
        if tile.macs_executed:
            component.count(activity.owner, f"mac_{run.plan.compute_type}", tile.macs_executed)
        for name, count in tile.operations:
            if count:
                component.count(activity.owner, f"op_{name}", count)
        component.server.submit(tile.compute_ps, done, cause, "compute", activity)

    def _store(self, run: RegionRun, tile: RooflineTile, activity: Activity) -> None:
        stored = countdown(len(tile.stores), lambda: self._tile_done(run))
        place = TilePlace(run.stored_bytes)
        for tier, size in tile.stores:
            at = run.addresses.where(RESULTS, tier, place)
            run.stored_bytes += size
            self._machine.stream(self._own, tier, size, activity, stored, into=False, at=at)
        if not tile.stores:
            self._tile_done(run)

    def _tile_done(self, run: RegionRun) -> None:
        self._open -= 1
        if self._open:
            return
        self._run = None
        if self._programs:
            self._begin()
        run.slot_done(self._events.now)

    def finish(self) -> None:
        """As in :class:`~sim.run.engines.unit.Unit`."""
        if self._run is not None or self._programs:
            raise InconsistencyError("completion", f"{self.engine} ends with regions in flight")
