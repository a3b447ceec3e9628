"""The timeline part of a page: slices by lane, and the series under them. Bounded; what was coarsened is said.

Slices above :data:`SLICES` are merged in windows (:func:`sim.observe.recorder.merge_windows`), lanes above
:data:`LANES` are shown for the first instance of each replicated component only. Times are integer picoseconds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.hardware.layout import natural_key
from sim.observe.counters import row_hits
from sim.observe.recorder import merge_windows
from sim.observe.recording import Recorded
from sim.observe.series import Series, shares
from sim.report.chips import alike_notes, simulated_components
from sim.report.labels import labels
from sim.report.power import attojoules_by_owner, bytes_by_owner, static_attojoules
from sim.report.result_data import ResultData
from sim.run.record import ComponentRecord, RunRecord

SLICES = 40_000
LANES = 160
BINS = 240
ATTO = 10**-18
POINTS = 1000
"""Points of one level (bytes taken of a buffer) that are drawn."""


def timeline_data(result: ResultData, recorded: Recorded) -> dict[str, Any]:
    """Lanes with their slices, and ``notes`` on what was left out."""
    record = result.record
    notes = alike_notes(record)
    shown = simulated_components(record)
    if sum(len(one.lanes) for one in shown) > LANES:
        first = {one.declared: one.path for one in reversed(shown)}
        shown = [one for one in shown if first[one.declared] == one.path]
        notes.append("lanes of the first instance of each replicated component")
    table = np.stack(recorded.slices(), axis=1)
    lanes = [lane.name for one in shown for lane in one.lanes]
    numbers = [recorded.lanes.index(name) for name in lanes if name in recorded.lanes]
    table, window_ps = _bounded(table[np.isin(table[:, 0], numbers)], recorded.window_ps)
    if window_ps:
        notes.append(
            f"slices merged within windows of {window_ps} ps: totals are exact, places within a window are not"
        )
    called = labels(lanes)
    return {
        "elapsed_ps": record.elapsed_ps,
        "whats": recorded.whats,
        "lanes": [{"label": called[name], **_lane(name, table, recorded)} for name in lanes],
        "notes": notes,
    }


def _bounded(table: Any, window_ps: int) -> tuple[Any, int]:
    """At most about SLICES rows, merged in ever wider windows until they are."""
    last = int(table[:, 2].max()) if len(table) else 0
    window = max(1, window_ps or last // SLICES)
    while len(table) > SLICES and window <= last:
        table, window_ps = merge_windows(table, window), window
        window *= 2
    return table, window_ps


def _lane(name: str, table: Any, recorded: Recorded) -> dict[str, Any]:
    """Columns of one lane: ``gap`` since the end of the slice before, ``length``, what, owner, tile, merged."""
    rows = table[table[:, 0] == recorded.lanes.index(name)] if name in recorded.lanes else table[:0]
    _, start, end, what, owner, tile, merged = rows.T
    before = np.concatenate((np.zeros(1, np.int64), end[:-1])) if len(end) else end
    columns = {"gap": start - before, "length": end - start, "what": what, "owner": owner, "tile": tile}
    found: dict[str, Any] = {key: value.tolist() for key, value in columns.items()}
    return {"name": name, **found, **({"merged": merged.tolist()} if (merged > 1).any() else {})}


def series_data(result: ResultData, recorded: Recorded) -> dict[str, Any]:
    """Utilization, bandwidth, row hits and power over time, by component, or by declared component when there are
    many or chips that are alike."""
    record = result.record
    series = Series(record, recorded, BINS)
    widths = series.widths_ps
    static = static_attojoules(result)
    found = {}
    for path, instances in _shown(record).items():
        one = series.of(instances, path)
        moved = shares(sum(bytes_by_owner(instances).values()), one.busy if one.busy.any() else widths)
        energy = one.spread(attojoules_by_owner(instances, result), widths)
        declared = instances[0].declared
        every = sum(other.declared == declared for other in record.components)
        found[path] = {
            "declared": declared, "lanes": one.lanes, "busy_ps": one.busy.tolist(),
            "stall_ps": {cause: values.tolist() for cause, values in one.stall.items()},
            "bytes": moved.tolist() if moved.any() else [],
            "row_hits": row_hits(instances, one, widths),
            "energy_j": [value * ATTO for value in energy.tolist()] if energy.any() else [],
            "static_j": static.get(declared, 0) * len(instances) / every * ATTO,
        }  # fmt: skip
    return {"edges_ps": series.edges_ps.tolist(), "components": found, "levels": _levels(recorded)}


def _shown(record: RunRecord) -> dict[str, list[ComponentRecord]]:
    every = sorted(record.components, key=lambda one: natural_key(one.path))
    if record.alike or sum(len(one.lanes) for one in every) <= LANES:
        return {one.path: [one] for one in every}
    groups: dict[str, list[ComponentRecord]] = {}
    for one in every:
        groups.setdefault(one.declared, []).append(one)
    return groups


def _levels(recorded: Recorded) -> dict[str, dict[str, list[int]]]:
    found = {}
    for name, (times, values) in recorded.level_points().items():
        if len(times) > POINTS:
            starts = np.linspace(0, len(times), POINTS, endpoint=False).astype(np.int64)
            times, values = times[starts], np.maximum.reduceat(values, starts)
        found[name] = {"time_ps": times.tolist(), "bytes": values.tolist()}
    return found
