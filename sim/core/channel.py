"""Drives a compiled or closed-form engine (``submit``, ``next_event_ps``, ``advance``) from the event queue.

The one adaptor between events and engines: a shared pipe today, a bank-level DRAM controller or a routed fabric by the
same three calls. It keeps one wake-up at the engine's next event and plans again whenever something arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Protocol

from sim.core.component import Activity, Component, Lane
from sim.core.engine import Call, Phase


class TransferEngine(Protocol):
    """What a channel drives. Nothing may be committed past ``until_ps``.

    ``next_event_ps`` is when the next transfer ends if nothing else arrives, or an earlier instant after which the engine
    knows more: ``advance`` to it may then deliver nothing.
    """

    def submit(self, now_ps: int, stream: Hashable, size_bytes: int, token: Any) -> None: ...

    def next_event_ps(self) -> int | None: ...

    def advance(self, until_ps: int) -> list[Any]: ...

    @property
    def active(self) -> int: ...


class Driver:
    """Keeps one wake-up at the next event of ``model``. Base of what gives it transfers and tells of their ends."""

    def __init__(self, component: Component, model: TransferEngine) -> None:
        self._rank = component.rank
        self._events = component.engine
        self.model = model
        self._wake: Call | None = None
        self._wake_ps = -1

    def _arm(self, now_ps: int) -> None:
        """Keep one wake-up at the engine's next event. One that is due now stays: it delivers what has completed."""
        when = self.model.next_event_ps()
        if self._wake is not None:
            if self._wake_ps == when or self._wake_ps == now_ps:
                return
            self._wake.cancel()
            self._wake = None
        if when is not None:
            self._wake_ps = when
            self._wake = self._events.at(when, self._on_wake, Phase.FINISH, self._rank)

    def _on_wake(self) -> None:
        """The wake-up: to take what has ended and arm the next."""
        raise NotImplementedError


class Channel(Driver):
    """One lane of ``component`` whose transfers are timed by ``model``. Busy means: at least one transfer in service.

    The lane's spans are cut wherever the set of transfers in service changes hands, so that a slice names one operator.
    """

    def __init__(self, component: Component, model: TransferEngine, lane: Lane) -> None:
        super().__init__(component, model)
        self.lane = lane
        self.present_ps = 0
        """Once nothing is under way: the sum over transfers of the time from their arrival to their end."""
        self._serving = False

    def submit(self, stream: Hashable, size_bytes: int, done: Callable[[], None], activity: Activity) -> None:
        """A transfer arrives now; ``done`` runs when its last quantum has been served."""
        now = self._events.now
        if not self._serving:
            self._serving = True
            self.lane.occupy(now)
        self.present_ps -= now
        self.model.submit(now, stream, size_bytes, (done, activity))
        self._arm(now)

    def _on_wake(self) -> None:
        self._wake = None
        now = self._events.now
        finished = self.model.advance(now)
        if not finished:
            self._arm(now)
            return
        self.present_ps += now * len(finished)
        activity: Activity = finished[-1][1]
        if self.model.active:
            self.lane.hand_over(now, "transfer", activity.owner, activity.tile)
            self._arm(now)
        else:
            self.lane.end(now, "transfer", activity.owner, activity.tile)
            self._serving = False
        for done, _ in finished:
            done()
