"""A chip's collectives in a run: messages of all ranks on the links between chips, one collective after the other.

The simulated chip is one rank of its group; the other ranks run the same program, so they reach a collective at the same
instant and their messages start when the data they carry has arrived, as its own do; so do other groups of chips. What the
chip reads and leaves in its memory, or in its only core's scratchpad, moves at the same time as the messages (cut-through)
over the links between there and its end of the links between chips.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

from sim.core.component import Activity, Cause
from sim.core.engine import Phase
from sim.core.errors import InconsistencyError
from sim.hardware.collectives import Collectives
from sim.hardware.noc.traffic_collectives import Message
from sim.mapping.engines.collectives import STAGE, CollectiveSchedule
from sim.mapping.plan import RESULTS
from sim.run.engines.stage_messages import StageMessages
from sim.run.engines.unit import Unit, unit_kinds
from sim.run.machine import Machine
from sim.run.parts import BoundEngine
from sim.run.region_run import RegionRun


@unit_kinds.register("collectives")
class CollectivesRun:
    """The sequencer of one chip's collectives."""

    def __init__(self, machine: Machine, engine: BoundEngine) -> None:
        self._machine = machine
        self._own = engine
        self._component = cast(Collectives, engine.component)
        self._lane = self._component.only_lane
        self._events = machine.engine
        self._queue: deque[RegionRun] = deque()
        self._stages = StageMessages(machine, engine) if machine.layout.grid.stages > 1 else None
        self._current: _Exchange | None = None
        self.engine = engine.view.path
        self.index = 0
        self.predicted_ps = 0
        self.tiles_taken = 0

    @classmethod
    def of(cls, machine: Machine) -> Sequence[Unit]:
        """One unit where the machine is a chip of several."""
        return [cls(machine, engine) for engine in machine.engines if engine.view.kind == "collectives"]

    def admit(self, run: RegionRun, slot: int) -> None:
        """As in :class:`~sim.run.engines.unit.Unit`."""
        if self._stages is not None and run.region.head.operator.kind in STAGE:
            self.tiles_taken += 1
            self._stages.admit(run)
            return
        self._lane.assign(self._events.now)
        self._queue.append(run)
        if self._current is None:
            self._next()

    def _next(self) -> None:
        run = self._queue.popleft()
        self._current = _Exchange(self._machine, self._own, run, lambda: self._done(run))
        run.when_ready((0,), lambda cause: self._begin(run, cause or Cause.OPERAND))

    def _begin(self, run: RegionRun, cause: str) -> None:
        assert self._current is not None
        self.tiles_taken += 1
        run.start(self._events.now)
        self._lane.begin(self._events.now, cause, run.owner)
        self._component.count(run.owner, "collectives", 1)
        self._current.start()

    def _done(self, run: RegionRun) -> None:
        """The current collective has ended."""
        self._lane.end(self._events.now, "collective", run.owner)
        self._current = None
        if self._queue:
            self._next()
        run.slot_done(self._events.now)

    def finish(self) -> None:
        """As in :class:`~sim.run.engines.unit.Unit`."""
        if self._current is not None or self._queue or (self._stages is not None and self._stages.busy):
            raise InconsistencyError("completion", f"{self.engine} ends with collectives in flight")


class _Exchange:
    """One collective under way; ``done`` runs when all its messages and memory accesses are."""

    def __init__(self, machine: Machine, own: BoundEngine, run: RegionRun, done: Callable[[], None]) -> None:
        self._machine, self._own = machine, own
        self._component = cast(Collectives, own.component)
        self._run = run
        self._done = done
        self._schedule = cast(CollectiveSchedule, run.plan.schedules[0])
        self._activity = Activity(run.owner, 0)
        self._messages = _of_groups(self._schedule)
        self._waits = [len(after) for _, after, _, _ in self._messages]
        self._then: list[list[int]] = [[] for _ in self._messages]
        for number, (_, after, _, _) in enumerate(self._messages):
            for earlier in after:
                self._then[earlier].append(number)
        spec = self._component.library.spec.protocols[self._schedule.protocol]
        self._step_ps = spec.step
        self._left = len(self._messages) + len(self._schedule.loads) + len(self._schedule.stores) + 1

    def start(self) -> None:
        """Memory accesses begin now, messages after the launch."""
        run = self._run
        for tier, size in self._schedule.loads:
            run.loaded_bytes[0] = run.loaded_bytes.get(0, 0) + size
            at = run.addresses.where(0, tier)
            self._machine.stream(self._own, tier, size, self._activity, self._one_done, into=True, at=at)
        self._after(self._schedule.launch_ps, self._launched)

    def _launched(self) -> None:
        for tier, size in self._schedule.stores:
            self._run.stored_bytes += size
            at = self._run.addresses.where(RESULTS, tier)
            self._machine.stream(self._own, tier, size, self._activity, self._one_done, into=False, at=at)
        for number, waits in enumerate(self._waits):
            if not waits:
                self._send(number)
        self._one_done()

    def _send(self, number: int) -> None:
        message, _, source, destination = self._messages[number]
        size = self._component.library.wire_bytes(self._schedule.protocol, message.size_bytes)

        def arrived() -> None:
            for after in self._then[number]:
                self._waits[after] -= 1
                if self._waits[after] == 0:
                    self._send(after)
            self._one_done()

        def moved(latency_ps: int) -> None:
            self._after(latency_ps + self._step_ps, arrived)

        self._machine.send(source, destination, message.size_bytes, size, self._activity, moved)

    def _one_done(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._done()

    def _after(self, delay_ps: int, call: Callable[[], None]) -> None:
        events = self._machine.engine
        events.at(events.now + delay_ps, call, Phase.ARRIVE, self._component.rank)


def _of_groups(schedule: CollectiveSchedule) -> list[tuple[Message, tuple[int, ...], int, int]]:
    """The messages of all groups: message, numbers of those before it, and the chips it goes from and to."""
    messages = schedule.messages.messages
    return [
        (message, tuple(place * len(messages) + one for one in message.after),
         group[message.source], group[message.destination])
        for place, group in enumerate(schedule.groups)
        for message in messages
    ]  # fmt: skip
