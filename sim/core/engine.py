"""The event engine: integer picoseconds, ordered phases and defined ties, on a SimPy environment.

Events of one instant run by phase, then by the rank of the component that owns them (ranks follow the sorted paths of
the machine, not the order of construction), then in the order in which that component asked. Two runs of the same
input therefore execute the same events in the same order.

Callbacks (``at``) carry data; SimPy processes (``process``) are for control that reads better as a story (the host, the
scheduler). A process runs before the callbacks of its instant.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator
from enum import IntEnum
from heapq import heappop, heappush
from threading import Lock
from typing import Any

import simpy

from sim.core.errors import InconsistencyError

_RANK_BITS = 24
_COLLECT_EVERY = 50_000
"""Objects made and not freed between two looks for circles of references; Python's own 700 cost 5 % of a long run."""


class Phase(IntEnum):
    """Order of the callbacks of one instant. Zero and one are SimPy's own (processes and their events)."""

    FINISH = 2
    """Work in progress ends: results appear, credits return."""
    ARRIVE = 3
    """New work reaches a component."""
    DISPATCH = 4
    """Components that collected arrivals choose among them."""
    CONTROL = 5
    """Decisions that must see everything else of the instant (admission of the next operator)."""


class Call:
    """A scheduled callback; ``cancel`` makes it do nothing."""

    __slots__ = ("fn",)

    def __init__(self, fn: Callable[[], None]) -> None:
        self.fn: Callable[[], None] | None = fn

    def cancel(self) -> None:
        self.fn = None


class Engine:
    """One run's clock and event queue. Times are integer picoseconds from 0."""

    def __init__(self) -> None:
        self.environment = simpy.Environment()
        self.now = 0
        """The current time in picoseconds."""
        self._waiting: dict[object, Callable[[], str]] = {}

    def at(self, time_ps: int, fn: Callable[[], None], phase: Phase = Phase.ARRIVE, rank: int = 0) -> Call:
        """Run ``fn`` at ``time_ps``; raises InconsistencyError for a time in the past."""
        environment = self.environment
        if time_ps < self.now:
            late = self.now - time_ps
            raise InconsistencyError("time", f"an event was asked for at {time_ps} ps, {late} ps in the past")
        call = Call(fn)
        # What Environment.schedule does with an absolute time; kept integer and without a second call per event.
        heappush(environment._queue, (time_ps, (phase << _RANK_BITS) | rank, next(environment._eid), call))  # type: ignore[misc]
        return call

    def next_ps(self) -> int | None:
        """Nothing happens before this time from now on; None when no event is left. One may have been called off."""
        queue: Any = self.environment._queue
        return queue[0][0] if queue else None

    def process(self, story: Generator[Any, Any, Any]) -> simpy.Process:
        """Start a control process; it may yield what :meth:`timeout` and :meth:`signal` return."""
        return self.environment.process(story)

    def timeout(self, delay_ps: int) -> simpy.Timeout:
        """An event for a process to wait ``delay_ps`` picoseconds."""
        return self.environment.timeout(delay_ps)

    def signal(self) -> simpy.Event:
        """An event for a process to wait on until somebody calls ``succeed()``."""
        return self.environment.event()

    def waits(self, key: object, describe: Callable[[], str]) -> None:
        """Note that ``key`` waits for something; ``describe`` says who waits for what, should the run get stuck."""
        self._waiting[key] = describe

    def waits_no_more(self, key: object) -> None:
        """The wait noted under ``key`` is over."""
        self._waiting.pop(key, None)

    def run(self) -> int:
        """Run until no event is left; returns the time. Raises InconsistencyError when somebody still waits."""
        with _seldom_collected:
            self._run()
        if self._waiting:
            reports = [describe() for describe in self._waiting.values()]
            shown = "\n  ".join(reports[:20])
            more = f"\n  ... and {len(reports) - 20} more" if len(reports) > 20 else ""
            raise InconsistencyError("deadlock", f"at {self.now} ps nothing can proceed:\n  {shown}{more}")
        return self.now

    def _run(self) -> None:
        """What Environment.run does, with callbacks of :meth:`at` called directly: they are nearly all that comes."""
        environment: Any = self.environment
        queue = environment._queue
        while queue:
            self.now, _, _, event = queue[0]
            if type(event) is not Call:
                environment.step()
                continue
            environment._now = self.now
            heappop(queue)
            fn = event.fn
            if fn is not None:
                fn()


class _SeldomCollected:
    """While any run is going the collector of reference circles runs seldom: a run frees nearly all it makes without it.

    Runs may nest or go on in several threads; the last to end puts back what the first has found.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._runs = 0
        self._found = gc.get_threshold()

    def __enter__(self) -> None:
        with self._lock:
            self._runs += 1
            if self._runs == 1:
                self._found = found = gc.get_threshold()
                gc.set_threshold(max(_COLLECT_EVERY, found[0]) if found[0] else 0, *found[1:])

    def __exit__(self, *raised: object) -> None:
        with self._lock:
            self._runs -= 1
            if self._runs == 0:
                gc.set_threshold(*self._found)


_seldom_collected = _SeldomCollected()
