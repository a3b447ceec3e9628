"""What a stage of a pipeline sends to the next one and gets from the one before, beside its collectives.

A message starts when what it carries is complete; it does not wait for its receiver, whose memory has a place for it. The
receiver writes it while it arrives (cut-through). Per chip one message at a time is sent and one received, in program order;
all chips of a stage that do the same send at the same time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import cast

from sim.core.component import Activity, Cause, Lane
from sim.core.engine import Phase
from sim.hardware.collectives import Collectives
from sim.mapping.engines.collectives import CollectiveSchedule
from sim.mapping.plan import RESULTS
from sim.run.machine import Machine
from sim.run.parts import BoundEngine
from sim.run.region_run import RegionRun


class StageMessages:
    """Both directions of one chip."""

    def __init__(self, machine: Machine, own: BoundEngine) -> None:
        component = cast(Collectives, own.component)
        self._ways = {
            "send": _Way(machine, own, component.lane("send"), _Sending),
            "recv": _Way(machine, own, component.lane("receive"), _Receiving),
        }

    def admit(self, run: RegionRun) -> None:
        """Append a region to its direction."""
        self._ways[run.region.head.operator.kind].admit(run)

    @property
    def busy(self) -> bool:
        """Is anything under way or waiting?"""
        return any(way.queue for way in self._ways.values())


class _Way:
    """One direction: its lane, and its regions in order, the current one first."""

    def __init__(self, machine: Machine, own: BoundEngine, lane: Lane, transfer: type[_Transfer]) -> None:
        self.machine = machine
        self.own = own
        self.queue: deque[RegionRun] = deque()
        self._lane = lane
        self._transfer = transfer

    def admit(self, run: RegionRun) -> None:
        self._lane.assign(self.machine.engine.now)
        self.queue.append(run)
        if len(self.queue) == 1:
            self._transfer(self, run).wait()

    def begin(self, run: RegionRun, cause: str) -> None:
        """The current message begins to move."""
        run.start(self.machine.engine.now)
        self._lane.begin(self.machine.engine.now, cause, run.owner)

    def done(self) -> None:
        """The current message has moved."""
        run = self.queue.popleft()
        self._lane.end(self.machine.engine.now, run.region.head.operator.kind, run.owner)
        if self.queue:
            self._transfer(self, self.queue[0]).wait()
        run.slot_done(self.machine.engine.now)


class _Transfer:
    """One message under way, as one of its two chips sees it."""

    def __init__(self, way: _Way, run: RegionRun) -> None:
        self._way, self._run = way, run
        self._machine, self._own = way.machine, way.own
        self._schedule = cast(CollectiveSchedule, run.plan.schedules[0])
        self._activity = Activity(run.owner, 0)
        head = run.region.head
        self._key = (head.operator.attributes["message"], head.indices)
        self._left = 0

    def wait(self) -> None:
        """Begin as soon as possible."""
        raise NotImplementedError

    def _one_done(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._way.done()

    def _after(self, delay_ps: int, call: Callable[[], None]) -> None:
        now = self._machine.engine.now
        self._machine.engine.at(now + delay_ps, call, Phase.ARRIVE, self._own.component.rank)


class _Sending(_Transfer):
    """The sender's side: read memory and send, side by side; done when the last byte has left."""

    def wait(self) -> None:
        self._run.when_ready((0,), lambda cause: self._begin(cause or Cause.OPERAND))

    def _begin(self, cause: str) -> None:
        run, schedule = self._run, self._schedule
        self._way.begin(run, cause)
        self._left = len(schedule.loads) + len(schedule.groups)
        self._arriving = len(schedule.groups)
        for tier, size in schedule.loads:
            run.loaded_bytes[0] = run.loaded_bytes.get(0, 0) + size
            at = run.addresses.where(0, tier)
            self._machine.stream(self._own, tier, size, self._activity, self._one_done, into=True, at=at)
        self._after(schedule.launch_ps, self._launched)

    def _launched(self) -> None:
        library = cast(Collectives, self._own.component).library
        self._step_ps = library.spec.protocols[self._schedule.protocol].step
        wire_bytes = library.wire_bytes(self._schedule.protocol, self._schedule.size_bytes)
        self._machine.mailbox.tell(("begins", self._key))
        for source, destination in self._schedule.groups:
            size = self._schedule.size_bytes
            self._machine.send(source, destination, size, wire_bytes, self._activity, self._moved)

    def _moved(self, latency_ps: int) -> None:
        self._after(latency_ps + self._step_ps, self._arrived)
        self._one_done()

    def _arrived(self) -> None:
        self._arriving -= 1
        if self._arriving == 0:
            self._machine.mailbox.tell(("arrives", self._key))


class _Receiving(_Transfer):
    """The receiver's side: write memory while the message arrives."""

    def wait(self) -> None:
        self._machine.mailbox.when(("begins", self._key), self._begin)

    def _begin(self) -> None:
        self._way.begin(self._run, Cause.DEPENDENCY)
        self._left = len(self._schedule.stores) + 1
        self._machine.mailbox.when(("arrives", self._key), self._one_done)
        for tier, size in self._schedule.stores:
            self._run.stored_bytes += size
            at = self._run.addresses.where(RESULTS, tier)
            self._machine.stream(self._own, tier, size, self._activity, self._one_done, into=False, at=at)
