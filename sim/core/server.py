"""A clocked FIFO server: one piece of work at a time, in order of arrival, from clock edge to clock edge."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from sim.core.clock import Clock
from sim.core.component import Activity, Component, Lane
from sim.core.engine import Phase


class _Work(NamedTuple):
    cycles: int
    done: Callable[[], None]
    cause: str
    what: str
    activity: Activity
    started: Callable[[], None] | None


class ClockedServer:
    """Serves work of a given number of cycles of ``clock`` on one lane of ``component``.

    Work is booked when it arrives (``submit``), never ahead. It starts at the first clock edge at or after both its
    arrival and the end of the work before it. ``done`` runs at its end and may return nothing, or call
    ``hold``/``resume`` to keep the server taken (a stall) until something else has finished.
    """

    def __init__(self, component: Component, clock: Clock, lane: Lane) -> None:
        self._component = component
        self._engine = component.engine
        self._clock = clock
        self.lane = lane
        self._queue: deque[_Work] = deque()
        self._busy = False
        self._held: tuple[str, Activity] | None = None

    @property
    def backlog(self) -> int:
        """Pieces queued or in service."""
        return len(self._queue) + self._busy

    def submit(
        self,
        cycles: int,
        done: Callable[[], None],
        cause: str,
        what: str,
        activity: Activity,
        started: Callable[[], None] | None = None,
    ) -> None:
        """Book ``cycles`` of work that was assigned to the lane before.

        ``cause`` is what this work last waited for (charged if the lane stood still); ``started`` runs when it starts.
        """
        self._queue.append(_Work(cycles, done, cause, what, activity, started))
        if not self._busy:
            self._start()

    def hold(self, cause: str, activity: Activity) -> None:
        """Called from ``done``: do not take the next piece until ``resume``; the wait is a stall."""
        self._held = (cause, activity)

    def resume(self) -> None:
        """End a ``hold`` now."""
        assert self._held is not None
        cause, activity = self._held
        self._held = None
        self.lane.stall(self._engine.now, cause, activity.owner, activity.tile)
        self._busy = False
        if self._queue:
            self._start()

    def _start(self) -> None:
        self._busy = True
        edge = self._clock.index_at_or_after(self._engine.now)
        work = self._queue.popleft()
        start_ps = self._clock.edge_ps(edge)
        end_ps = self._clock.edge_ps(edge + work.cycles)
        self.lane.begin(start_ps, work.cause, work.activity.owner, work.activity.tile)
        self._engine.at(end_ps, lambda: self._finish(work, end_ps), Phase.FINISH, self._component.rank)
        if work.started is not None:
            work.started()

    def _finish(self, work: _Work, end_ps: int) -> None:
        self.lane.end(end_ps, work.what, work.activity.owner, work.activity.tile)
        work.done()
        if self._held is None:
            self._busy = False
            if self._queue:
                self._start()
