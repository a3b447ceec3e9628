"""Clocked FIFO servers: each does one piece of work at a time, in order of arrival, from clock edge to clock edge.

A job that several servers of a row do side by side is one event per instant at which pieces of it end, not one a server.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from sim.core.clock import Clock
from sim.core.component import Activity, Component, Lane
from sim.core.engine import Phase

Places = Sequence[int]
ALONE: Places = (0,)


class Job:
    """What the pieces of one submission have in common.

    ``done(places)`` runs whenever pieces end, with the servers they were on; it may :meth:`ServerRow.hold` these.
    ``cause`` is what the job last waited for (charged where a lane stood still); ``started`` runs when its first piece
    starts.
    """

    __slots__ = ("activity", "cause", "done", "started", "what")

    def __init__(
        self, done: Callable[[Places], None], cause: str, what: str, activity: Activity,
        started: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        self.done, self.started = done, started
        self.cause, self.what, self.activity = cause, what, activity

    def start(self) -> None:
        """A piece starts."""
        started, self.started = self.started, None
        if started is not None:
            started()


class ServerRow:
    """Servers of one component and clock, one a lane, called by their places in ``lanes``.

    Work is booked when it arrives (:meth:`submit`), never ahead. A piece starts at the first clock edge at or after both
    its arrival and the end of the piece before it.
    """

    def __init__(self, component: Component, clock: Clock, lanes: Sequence[Lane]) -> None:
        self._engine = component.engine
        self._rank = component.rank
        self._clock = clock
        self.lanes = lanes
        self._queues: list[deque[tuple[int, Job]]] = [deque() for _ in lanes]
        self._busy = [False] * len(lanes)
        self._held: dict[int, tuple[str, Activity]] = {}

    def backlog(self, place: int) -> int:
        """Pieces queued or in service."""
        return len(self._queues[place]) + self._busy[place]

    def submit(self, places: Places, cycles: Sequence[int], job: Job) -> None:
        """Book a piece of ``cycles`` on each of ``places``, whose lanes they were assigned to before."""
        free = []
        for place, count in zip(places, cycles, strict=True):
            self._queues[place].append((count, job))
            if not self._busy[place]:
                free.append(place)
        self._start(free)

    def hold(self, places: Places, cause: str, activity: Activity) -> None:
        """Called from ``done``: take no next piece until :meth:`resume`; the wait is a stall."""
        for place in places:
            self._held[place] = cause, activity

    def resume(self, places: Places) -> None:
        """End a ``hold`` now."""
        for place in places:
            cause, activity = self._held.pop(place)
            self.lanes[place].stall(self._engine.now, cause, activity.owner, activity.tile)
        self._go_on(places)

    def _go_on(self, places: Places) -> None:
        for place in places:
            self._busy[place] = False
        self._start([place for place in places if self._queues[place]])

    def _start(self, places: Places) -> None:
        """Each takes its next piece; pieces of one job and length end in one event."""
        if not places:
            return
        edge = self._clock.index_at_or_after(self._engine.now)
        start_ps = self._clock.edge_ps(edge)
        together: dict[tuple[int, Job], list[int]] = {}
        for place in places:
            piece = self._queues[place].popleft()
            self._busy[place] = True
            job = piece[1]
            self.lanes[place].begin(start_ps, job.cause, job.activity.owner, job.activity.tile)
            if piece in together:
                together[piece].append(place)
            else:
                together[piece] = [place]
        for (cycles, job), those in together.items():
            end_ps = self._clock.edge_ps(edge + cycles)
            self._engine.at(end_ps, partial(self._finish, those, job, end_ps), Phase.FINISH, self._rank)
            job.start()

    def _finish(self, places: Places, job: Job, end_ps: int) -> None:
        activity = job.activity
        for place in places:
            self.lanes[place].end(end_ps, job.what, activity.owner, activity.tile)
        job.done(places)
        self._go_on([place for place in places if place not in self._held] if self._held else places)


class ClockedServer:
    """A row of one server, with a ``done`` that takes no places."""

    def __init__(self, component: Component, clock: Clock, lane: Lane) -> None:
        self._row = ServerRow(component, clock, (lane,))
        self.lane = lane

    @property
    def backlog(self) -> int:
        """Pieces queued or in service."""
        return self._row.backlog(0)

    def submit(
        self, cycles: int, done: Callable[[], None], cause: str, what: str, activity: Activity,
        started: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        """Book ``cycles`` of work; see :class:`Job` for the rest."""
        self._row.submit(ALONE, (cycles,), Job(lambda _: done(), cause, what, activity, started))

    def hold(self, cause: str, activity: Activity) -> None:
        """As :meth:`ServerRow.hold`."""
        self._row.hold(ALONE, cause, activity)

    def resume(self) -> None:
        """As :meth:`ServerRow.resume`."""
        self._row.resume(ALONE)
