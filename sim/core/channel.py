"""Drives a compiled or closed-form engine (``submit``, ``next_event_ps``, ``advance``) from the event queue.

The one adaptor between events and engines: a shared pipe today, a bank-level DRAM controller or a routed fabric by the
same three calls. It keeps one wake-up at the engine's next event and plans again whenever something arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Protocol

from sim.core.component import Activity, Cause, Component, Lane
from sim.core.engine import Call, Phase


class TransferEngine(Protocol):
    """What a channel drives. Nothing may be committed past ``until_ps``."""

    def submit(self, now_ps: int, stream: Hashable, size_bytes: int, token: Any) -> None: ...

    def next_event_ps(self) -> int | None: ...

    def advance(self, until_ps: int) -> list[Any]: ...

    @property
    def active(self) -> int: ...


class Channel:
    """One lane of ``component`` whose transfers are timed by ``engine``. Busy means: at least one transfer in service.

    The lane's spans are cut wherever the set of transfers in service changes hands, so that a slice names one operator.
    """

    def __init__(self, component: Component, model: TransferEngine, lane: Lane) -> None:
        self._component = component
        self._events = component.engine
        self.model = model
        self.lane = lane
        self._wake: Call | None = None
        self._wake_ps = -1
        self._serving = False

    def submit(self, stream: Hashable, size_bytes: int, done: Callable[[], None], activity: Activity) -> None:
        """A transfer arrives now; ``done`` runs when its last quantum has been served."""
        now = self._events.now
        if not self._serving:
            self._begin(now)
        self.model.submit(now, stream, size_bytes, (done, activity))
        self._arm()

    def _arm(self) -> None:
        """Keep one wake-up at the engine's next event. One that is due now stays: it delivers what has completed."""
        when = self.model.next_event_ps()
        if self._wake is not None:
            if when == self._wake_ps or self._wake_ps == self._events.now:
                return
            self._wake.cancel()
            self._wake = None
        if when is not None:
            self._wake_ps = when
            self._wake = self._events.at(when, self._on_wake, Phase.FINISH, self._component.rank)

    def _on_wake(self) -> None:
        self._wake = None
        now = self._events.now
        finished = self.model.advance(now)
        activity: Activity = finished[-1][1]
        self.lane.end(now, "transfer", activity.owner, activity.tile)
        self._serving = False
        if self.model.active:
            self._begin(now)
        self._arm()
        for done, _ in finished:
            done()

    def _begin(self, now_ps: int) -> None:
        self.lane.assign(now_ps)
        self.lane.begin(now_ps, Cause.OPERAND)
        self._serving = True
