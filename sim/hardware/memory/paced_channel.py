"""The channel of a DRAM tier that shares its commands with processing units: slower by a ratio while they work.

The bank engine keeps its own time, which runs slower by ``slowdown`` during a pace; what that costs a transfer is a stall
with cause ``pim``. Left out: the refreshes that fall due in the lost time (at most a tenth of those while units work).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from fractions import Fraction
from typing import Any

from sim.core.arith import ceil_div
from sim.core.component import UNATTRIBUTED, Activity, Cause, Component, Lane
from sim.hardware.memory.bank_channel import BankChannel
from sim.hardware.memory.bulk_engine import BulkEngine


class PacedEngine:
    """As :class:`~sim.core.channel.TransferEngine`, on a clock of its own that loses time to the wall's."""

    def __init__(self, engine: BulkEngine) -> None:
        self._engine = engine
        self._slowdown = Fraction(1)
        self._wall_ps = self._own_ps = 0

    def pace(self, now_ps: int, slowdown: Fraction) -> None:
        """From ``now_ps`` on everything takes ``slowdown`` times as long."""
        self._own_ps, self._wall_ps = self.own_ps(now_ps), now_ps
        self._slowdown = slowdown

    def own_ps(self, now_ps: int) -> int:
        """The engine's time at an instant."""
        return self._own_ps + (now_ps - self._wall_ps) * self._slowdown.denominator // self._slowdown.numerator

    def submit(self, now_ps: int, stream: Any, size_bytes: int, token: Any) -> None:
        self._engine.submit(self.own_ps(now_ps), stream, size_bytes, token)

    def next_event_ps(self) -> int | None:
        when = self._engine.next_event_ps()
        if when is None:
            return None
        left = (when - self._own_ps) * self._slowdown.numerator
        return int(self._wall_ps + ceil_div(left, self._slowdown.denominator))

    def advance(self, until_ps: int) -> list[Any]:
        return self._engine.advance(self.own_ps(until_ps))

    @property
    def active(self) -> int:
        return self._engine.active


class PacedChannel(BankChannel):
    """See the module docstring."""

    def __init__(self, component: Component, engine: BulkEngine, lane: Lane, channels: int, burst_bytes: int) -> None:
        super().__init__(component, engine, lane, channels, burst_bytes)
        self.model = self._paced = PacedEngine(engine)
        self._own_since = 0

    def submit(self, stream: Hashable, size_bytes: int, done: Callable[[], None], activity: Activity) -> None:
        """As in the base."""
        if not self._serving:
            self._own_since = self._paced.own_ps(self._events.now)
        super().submit(stream, size_bytes, done, activity)

    def pace(self, slowdown: Fraction) -> None:
        """From now on transfers take ``slowdown`` times as long as by themselves."""
        now = self._events.now
        self._paced.pace(now, slowdown)
        if self._serving:
            self._arm(now)

    def _lost(self, now_ps: int) -> dict[str, int]:
        room, own = now_ps - self._since, self._paced.own_ps(now_ps) - self._own_since
        self._own_since += own
        taken = super()._lost(now_ps)
        waited = min(room - own, room - sum(taken.values()))
        return {**taken, Cause.PIM: waited} if waited > 0 else taken

    def finish(self, end_ps: int) -> None:
        """As in the base; ranks stand by, with rows open, in the lost time too."""
        own_ps = self._paced.own_ps(end_ps)
        super().finish(own_ps)
        lost = self._banks.rank_cycles * (end_ps - own_ps) // own_ps if own_ps else 0
        self._component.count(UNATTRIBUTED, "active_rank_cycles", lost * self._channels)
