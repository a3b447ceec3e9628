"""Which slices belong together: an operator's first execution and the load, compute and store of its first tiles."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from sim.hardware.layout import natural_key
from sim.observe.recorder import Slices
from sim.observe.recording import Recorded
from sim.run.record import RunRecord

FLOW_TILES = 4
"""Tiles of each operator, on each core, that get arrows."""
STAGES = ("load", "compute", "store")
OPERATORS = "operators"

Row = tuple[int, int, int, int]
Point = tuple[int, str]


def execution_rows(executions: Any) -> list[Row]:
    """(row, start, end, operator): executions put on the first row that is free, in order of start."""
    free_at: list[int] = []
    found = []
    for start, end, owner in sorted(map(tuple, executions.tolist())):
        row = next((row for row, free in enumerate(free_at) if free <= start), len(free_at))
        if row == len(free_at):
            free_at.append(0)
        free_at[row] = end
        found.append((row, start, end, owner))
    return found


def execution_lane(row: int) -> str:
    """What a row of executions is called among lanes."""
    return f"{OPERATORS} in flight {row + 1}"


def flow_points(record: RunRecord, recorded: Recorded, executions: list[Row]) -> list[list[Point]]:
    """Flows, each a list of (start in ps, lane) in order of time: a prefetch comes before its operator."""
    sources: dict[int, tuple[int, int]] = {}
    for row, start, _, owner in sorted(executions, key=lambda one: (one[1], one[0])):
        sources.setdefault(owner, (start, row))
    found = []
    for owner, tiles in sorted(_tiles(record, recorded.slices(), recorded).items()):
        if owner not in sources:
            continue
        start, row = sources[owner]
        for _, stages in sorted(tiles.items(), key=lambda item: (natural_key(item[0][0]), item[0][1])):
            points = [(start, execution_lane(row)), *(stages[name] for name in STAGES if name in stages)]
            found.append(sorted(points, key=lambda point: point[0]))
    return found


def _tiles(record: RunRecord, slices: Slices, recorded: Recorded) -> dict[int, dict[tuple[str, int], dict[str, Point]]]:
    """Operator -> (core, tile) -> stage -> its first slice, for the first tiles of each operator on each core."""
    groups = {lane.name: group_of(one.path) for one in record.components for lane in one.lanes}
    found: defaultdict[int, dict[tuple[str, int], dict[str, Point]]] = defaultdict(dict)
    taken: defaultdict[tuple[int, str], int] = defaultdict(int)
    drawn = [number for number, what in enumerate(recorded.whats) if what in STAGES]
    rows = np.flatnonzero(np.isin(slices.what, drawn) & (slices.merged == 1) & (slices.owner >= 0))
    for row in rows[np.lexsort((slices.lane[rows], slices.start[rows]))].tolist():
        owner, tile = int(slices.owner[row]), int(slices.tile[row])
        lane = recorded.lanes[int(slices.lane[row])]
        core = groups[lane]
        tiles = found[owner]
        if (core, tile) not in tiles:
            if taken[owner, core] >= FLOW_TILES:
                continue
            taken[owner, core] += 1
            tiles[core, tile] = {}
        tiles[core, tile].setdefault(recorded.whats[int(slices.what[row])], (int(slices.start[row]), lane))
    return dict(found)


def group_of(path: str) -> str:
    """The group instance that holds a component: "chip.core[0]" of "chip.core[0].mxu"; links go with their group."""
    head, _, last = path.rpartition(".")
    return head.removesuffix(".links").removesuffix("links") if last.split("[")[0].isdigit() else head
