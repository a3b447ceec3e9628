"""Utilization of every component over time, and amounts (bytes, joules) spread over the time that caused them.

Bins are equal, of any whole number of picoseconds (the last one may be shorter), and exact: in every bin the busy time
plus the stalls by cause plus the idle time of a component is the bin's width times its lanes, in integer picoseconds,
and over all bins they add up to the totals of the run. An amount is spread over the busy slices of the operator that
caused it, in proportion to their time; where no slice bears that operator, over all busy time of the component, and
failing that evenly over the run. Parts are rounded so that they add up to the whole. What it leaves out: where inside a
slice a byte moved; and where slices were merged, where inside the merged window (see ``sim.observe.recorder``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.observe.recorder import STALL
from sim.observe.recording import Recorded
from sim.run.record import ComponentRecord, RunRecord

Table = np.ndarray[Any, Any]


@dataclass(frozen=True)
class ComponentSeries:
    """Picoseconds per bin, summed over the component's lanes. ``owners``: rows of ``busy_by`` (operator numbers)."""

    path: str
    lanes: int
    busy: Table
    stall: dict[str, Table]
    idle: Table
    owners: Table
    busy_by: Table

    def spread(self, amounts: Mapping[int, int], widths: Table) -> Table:
        """Integers per bin that add up to the sum of ``amounts`` (operator number -> amount)."""
        total = np.zeros(len(widths), np.int64)
        rows = {int(owner): row for row, owner in enumerate(self.owners)}
        for owner, amount in amounts.items():
            weights = self.busy_by[rows[owner]] if owner in rows else self.busy
            total += shares(amount, weights if weights.any() else widths)
        return total


def shares(amount: int, weights: Table) -> Table:
    """``amount`` in integers in proportion to ``weights``, adding up exactly (cumulative sums are rounded down)."""
    upto = np.cumsum(weights)
    whole = int(upto[-1]) if len(upto) else 0
    if not whole:
        return np.zeros(len(weights), np.int64)
    cut = [amount * int(one) // whole for one in upto]
    result: Table = np.diff(np.array([0, *cut], dtype=object)).astype(np.int64)
    return result


class Series:
    """All components of a run in ``bins`` bins, or in bins of ``width_ps``."""

    def __init__(self, record: RunRecord, recorded: Recorded, bins: int = 200, width_ps: int | None = None) -> None:
        self.record = record
        self.edges_ps = _edges(record.elapsed_ps, bins, width_ps)
        self.widths_ps = np.diff(self.edges_ps)
        self._recorded = recorded
        self._slices = recorded.slices()
        self._numbers = {name: number for number, name in enumerate(recorded.lanes)}
        self._causes = np.array([what.startswith(STALL) for what in recorded.whats], bool)

    def component(self, one: ComponentRecord) -> ComponentSeries:
        """The series of one component instance."""
        return self.of([one], one.path)

    def of(self, instances: list[ComponentRecord], path: str) -> ComponentSeries:
        """The sum over several instances; those on a chip that another stands for are as on that one."""
        lanes = [lane.name for one in instances for lane in one.lanes]
        rows = self._rows(lanes)
        what, owner = self._slices.what[rows], self._slices.owner[rows]
        busy_rows = ~self._causes[what] if len(rows) else np.zeros(0, bool)
        owners, place = np.unique(owner[busy_rows], return_inverse=True)
        busy_by = self._binned(rows[busy_rows], place.reshape(-1), len(owners))
        stall = {}
        for number, name in sorted(enumerate(self._recorded.whats), key=lambda pair: pair[1]):
            chosen = rows[what == number]
            if name.startswith(STALL) and len(chosen):
                stall[name.removeprefix(STALL)] = self._binned(chosen, np.zeros(len(chosen), np.int64), 1)[0]
        busy = busy_by.sum(axis=0)
        idle = self.widths_ps * len(lanes) - busy - sum(stall.values())
        return ComponentSeries(path, len(lanes), busy, stall, idle, owners, busy_by)

    def _rows(self, lanes: list[str]) -> Table:
        found = []
        for name in map(self.record.simulated, lanes):
            if name in self._numbers:
                number = self._numbers[name]
                first, last = np.searchsorted(self._slices.lane, (number, number + 1))
                found.append(np.arange(first, last))
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    def _binned(self, rows: Table, groups: Table, count: int) -> Table:
        """Picoseconds of slices ``rows`` by (group, bin): slices are cut at the edges of bins."""
        total = np.zeros((count, len(self.widths_ps)), np.int64)
        start, end = self._slices.start[rows], self._slices.end[rows]
        first = np.searchsorted(self.edges_ps, start, side="right") - 1
        last = np.searchsorted(self.edges_ps, end, side="left") - 1
        pieces = np.maximum(last - first + 1, 0)
        which = np.repeat(np.arange(len(rows)), pieces)
        offset = np.arange(len(which)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        place = first[which] + offset
        length = np.minimum(end[which], self.edges_ps[place + 1]) - np.maximum(start[which], self.edges_ps[place])
        np.add.at(total, (groups[which], place), length)
        return total


def _edges(elapsed_ps: int, bins: int, width_ps: int | None) -> Table:
    """Edges of equal bins, at most ``bins`` of them or each of ``width_ps``; the last bin may be shorter."""
    width = max(1, -(-elapsed_ps // bins)) if width_ps is None else width_ps
    return np.minimum(np.arange(-(-elapsed_ps // width) + 1, dtype=np.int64) * width, elapsed_ps)
