"""Records what lanes did and how levels moved, compactly and within a bound, for timelines.

News is kept in flat integer arrays, not objects. When a run brings more than ``limit`` slices, neighbouring slices of a
lane are merged window by window: within a window, slices that say the same of the same operator become one of their
total length, laid end to end from the window's first instant. So the totals of every lane (busy, and stalled by cause)
stay exact at any length of run; only positions inside a window are lost, and ``window_ps`` says how wide it is. Windows
double as the run goes on. Levels keep the highest value per window. What it leaves out: bytes of single transfers (a
lane's news does not carry them).
"""

from __future__ import annotations

from array import array
from typing import Any, NamedTuple

import numpy as np

from sim.core.probe import EXECUTION_LANE

DEFAULT_LIMIT = 200_000
LEVEL_LIMIT = 20_000
EXECUTION_LIMIT = 20_000
STALL = "stall:"
FIELDS = 7

Table = np.ndarray[Any, Any]


class Slices(NamedTuple):
    """Columns over slices, sorted by lane and start: int64 arrays of one length.

    ``lane`` and ``what`` number ``Recorder.lanes`` and ``Recorder.whats``; times in picoseconds; ``owner`` is the
    number of an operator in the record (-1: none); ``merged`` counts the slices in this one (``tile`` is then -1).
    """

    lane: Table
    start: Table
    end: Table
    what: Table
    owner: Table
    tile: Table
    merged: Table


class Recorder:
    """A listener. Read :meth:`slices`, :meth:`level_points` and :meth:`executions` after the run."""

    def __init__(self, limit: int = DEFAULT_LIMIT, level_limit: int = LEVEL_LIMIT) -> None:
        self.lanes: list[str] = []
        self.whats: list[str] = []
        self.window_ps = 0
        self.dropped_executions = 0
        self._lane_numbers: dict[str, int] = {}
        self._what_numbers: dict[str, int] = {}
        self._limit = limit
        self._buffer = array("q")
        self._full = limit * FIELDS
        self._executions = array("q")
        self._levels: dict[str, _Level] = {}
        self._level_limit = level_limit

    def span(self, lane: str, start_ps: int, end_ps: int, what: str, owner: int, tile: int) -> None:
        """A lane did ``what`` in [start, end)."""
        lane_number = self._lane_numbers.get(lane)
        if lane_number is None:
            if lane == EXECUTION_LANE:
                self._execution(start_ps, end_ps, owner)
                return
            lane_number = _number(lane, self._lane_numbers, self.lanes)
        what_number = self._what_numbers.get(what)
        if what_number is None:
            what_number = _number(what, self._what_numbers, self.whats)
        self._buffer.extend((lane_number, start_ps, end_ps, what_number, owner, tile, 1))
        if len(self._buffer) >= self._full:
            self._compact()

    def level(self, name: str, time_ps: int, value: int) -> None:
        """The level ``name`` is ``value`` from ``time_ps`` on."""
        level = self._levels.get(name)
        if level is None:
            level = self._levels[name] = _Level(self._level_limit)
        level.add(time_ps, value)

    def slices(self) -> Slices:
        """Everything recorded, by lane and start."""
        return Slices(*_sorted(self._table()).T)

    def executions(self) -> Table:
        """Rows (start_ps, end_ps, operator number) of regions executed, in order of completion."""
        return np.array(self._executions, dtype=np.int64).reshape(-1, 3)

    def level_points(self) -> dict[str, tuple[Table, Table]]:
        """Level name -> (times in ps, values), names sorted."""
        return {name: self._levels[name].points() for name in sorted(self._levels)}

    def _execution(self, start_ps: int, end_ps: int, owner: int) -> None:
        if len(self._executions) >= 3 * EXECUTION_LIMIT:
            self.dropped_executions += 1
        else:
            self._executions.extend((start_ps, end_ps, owner))

    def _table(self) -> Table:
        return np.frombuffer(self._buffer, dtype=np.int64).reshape(-1, FIELDS).copy()

    def _compact(self) -> None:
        """Merge within windows, doubled until half the limit is free (or everything of a lane is in one window)."""
        table = _sorted(self._table())
        last_ps = int(table[:, 2].max())
        window = self.window_ps or max(1, 1 << max(0, (last_ps // self._limit).bit_length()))
        merged = merge_windows(table, window)
        while len(merged) > self._limit // 2 and window <= last_ps:
            window *= 2
            merged = merge_windows(merged, window)
        self.window_ps = window
        self._buffer = array("q", merged.tobytes())
        self._full = max(self._full, 2 * len(self._buffer))


def merge_windows(table: Table, window_ps: int) -> Table:
    """Rows sorted by lane and start, merged per lane, window of their start, what and owner; totals stay exact.

    A slice belongs to the window it starts in. What is laid end to end from a window's first slice ends no later than
    that window's last slice did, so lanes never come to overlap.
    """
    lane, start, end, what, owner, tile, merged = table.T
    window = start // window_ps
    boundary = np.ones(len(table), bool)
    boundary[1:] = (lane[1:] != lane[:-1]) | (window[1:] != window[:-1])
    kinds, owners = int(what.max()) + 1, int(owner.max()) + 2
    keys = (np.cumsum(boundary) * kinds + what) * owners + owner + 1
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    places = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1))
    first = order[places]
    length, count = np.add.reduceat((end - start)[order], places), np.add.reduceat(merged[order], places)
    order = np.argsort(first, kind="stable")
    rows, length, count = first[order], length[order], count[order]
    before = np.cumsum(length) - length
    group_first = np.maximum.accumulate(np.where(boundary[rows], np.arange(len(rows)), 0))
    begin = start[rows][group_first] + before - before[group_first]
    tiles = np.where(count == 1, tile[rows], -1)
    result: Table = np.stack((lane[rows], begin, begin + length, what[rows], owner[rows], tiles, count), axis=1)
    return result


def _sorted(table: Table) -> Table:
    result: Table = table[np.lexsort((table[:, 2], table[:, 1], table[:, 0]))]
    return result


def _number(name: str, numbers: dict[str, int], names: list[str]) -> int:
    numbers[name] = len(names)
    names.append(name)
    return numbers[name]


class _Level:
    """One level's points: the last value of an instant, or the highest of a window once there are too many."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._times = array("q")
        self._values = array("q")
        self._window_ps = 1

    def add(self, time_ps: int, value: int) -> None:
        if self._times and self._times[-1] == time_ps:
            self._values[-1] = value
            return
        self._times.append(time_ps)
        self._values.append(value)
        if len(self._times) > self._limit:
            self._coarsen()

    def points(self) -> tuple[Table, Table]:
        return np.array(self._times, np.int64), np.array(self._values, np.int64)

    def _coarsen(self) -> None:
        """Merge in windows, doubled until half the limit is free."""
        times, values = self.points()
        while True:
            _, first = np.unique(times // self._window_ps, return_index=True)
            times, values = times[first], np.maximum.reduceat(values, first)
            if len(times) <= max(1, self._limit // 2):
                break
            self._window_ps *= 2
        self._times, self._values = array("q", times.tobytes()), array("q", values.tobytes())
