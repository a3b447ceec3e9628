"""The channel of a DRAM tier with bank timing: what :class:`sim.core.channel.Channel` does, with the data bus's account.

Busy means here: the data bus transfers. While transfers are in service and it does not, the lane is stalled by what the
engine says (refresh, turnaround, activation, bank, bank_group). The engine decides whole row runs ahead of time, so a
slice of the lane takes what was lost up to its end as far as it fits and leaves the rest to the next; over a busy period
nothing is left. Rows opened are counted for the operator whose transfer opened them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from sim.core.channel import Channel
from sim.core.component import UNATTRIBUTED, Activity, Component, Lane
from sim.core.errors import InconsistencyError
from sim.hardware.memory.bulk_engine import LOST, BulkEngine


class BankChannel(Channel):
    """One lane that stands for ``channels`` channels alike, each with bursts of ``burst_bytes``."""

    def __init__(self, component: Component, model: BulkEngine, lane: Lane, channels: int, burst_bytes: int) -> None:
        super().__init__(component, model, lane)
        self._component = component
        self._banks = model
        self._channels = channels
        self.burst_bytes = burst_bytes
        self._noted = [0] * len(LOST)
        self._owed = dict.fromkeys(LOST, 0)
        self._since = 0

    def submit(self, stream: Hashable, size_bytes: int, done: Callable[[], None], activity: Activity) -> None:
        """As in the base; notes where a slice of the lane begins."""
        if not self._serving:
            self._since = self._events.now
        super().submit(stream, size_bytes, done, activity)

    def _on_wake(self) -> None:
        self._wake = None
        now = self._events.now
        finished = self.model.advance(now)
        if not finished:
            self._arm(now)
            return
        for (_, activity), opened in zip(finished, self._banks.rows_opened, strict=True):
            self._component.count(activity.owner, "activates", opened * self._channels)
        activity = finished[-1][1]
        self.lane.hand_over(now, "transfer", activity.owner, activity.tile, self._lost(now))
        if self.model.active:
            self._arm(now)
        else:
            self.lane.end(now, "transfer", activity.owner, activity.tile)
            self._serving = False
        for done, _ in finished:
            done()

    def _lost(self, now_ps: int) -> dict[str, int]:
        """What the slice that ends now lost, by cause, at most its length."""
        total = self._banks.lost_ps()
        room = now_ps - self._since
        self._since = now_ps
        taken: dict[str, int] = {}
        if total is self._noted and not any(self._owed.values()):
            return taken
        for place, cause in enumerate(LOST):
            self._owed[cause] += total[place] - self._noted[place]
            part = min(max(self._owed[cause], 0), room)
            if part:
                taken[cause] = part
                self._owed[cause] -= part
                room -= part
        self._noted = total
        return taken

    def finish(self, end_ps: int) -> None:
        """The run ends: count what belongs to no operator (refreshes, standby) and what the report shows of rows."""
        engine, component = self._banks, self._component
        engine.finish(end_ps)
        counts = engine.counts()
        covered = counts["idle"] + counts["busy"] + sum(counts[f"lost_{cause}"] for cause in LOST)
        if covered != counts["covered"]:
            raise InconsistencyError("lane coverage", f"{component.path}: {covered} of {counts['covered']} cycles told")
        for name, amount in (
            ("refreshes", counts["refreshes"]),
            ("active_rank_cycles", counts["active_cycles"]),
            ("idle_rank_cycles", engine.rank_cycles - counts["active_cycles"]),
        ):
            component.count(UNATTRIBUTED, name, amount * self._channels)
        component.ledger[UNATTRIBUTED, "channels"] = self._channels
        for name in ("columns", "row_hits", "row_misses", "row_conflicts"):
            component.ledger[UNATTRIBUTED, name] += counts[name] * self._channels
