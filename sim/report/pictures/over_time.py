"""Pictures over time: the timeline of lanes, and the utilization of components stacked with their stalls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sim.hardware.layout import natural_key
from sim.observe.recorder import STALL, merge_windows
from sim.observe.recording import Recorded
from sim.observe.series import ComponentSeries, Series
from sim.report.chips import alike_notes, simulated_components
from sim.report.labels import labels
from sim.report.pictures.style import clipped, colour, legend_on_top, time_unit
from sim.report.result_data import ResultData
from sim.report.table_cells import short
from sim.run.record import ComponentRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LANES = 48
"""Above this many lanes only those of the first instance of each replicated component are drawn."""
PANELS = 16
BINS = 160
SLICES = 20_000
LANE_IN, PANEL_IN = 0.13, 0.42


def shown_components(result: ResultData) -> list[ComponentRecord]:
    """Components in order of their paths, of chips that are alike those of one; one of each kind when there are many."""
    every = simulated_components(result.record)
    if sum(len(one.lanes) for one in every) <= LANES:
        return every
    first = {one.declared: one.path for one in reversed(every)}
    return [one for one in every if first[one.declared] == one.path]


def timeline_height_in(result: ResultData) -> float:
    lanes = sum(len(one.lanes) for one in shown_components(result))
    return 0.9 + LANE_IN * min(lanes, 2 * LANES)


def draw_timeline(figure: Figure, result: ResultData, recorded: Recorded) -> None:
    """A row per lane; coloured where it is busy or stalled."""
    lanes = [lane.name for one in shown_components(result) for lane in one.lanes][: 2 * LANES]
    table = np.stack(recorded.slices(), axis=1)
    if len(table) > SLICES:
        table = merge_windows(table, max(1, result.time_ps // 2000, recorded.window_ps))
    scale, unit = time_unit(result.time_ps)
    axes = figure.subplots()
    names = [what.replace(STALL, "stall: ") for what in recorded.whats]
    used = set()
    for row, lane in enumerate(lanes):
        if lane not in recorded.lanes:
            continue
        own = table[table[:, 0] == recorded.lanes.index(lane)]
        for what in np.unique(own[:, 3]).tolist():
            spans = own[own[:, 3] == what]
            used.add(what)
            bars = [(start / scale, (end - start) / scale) for start, end in spans[:, 1:3].tolist()]
            axes.broken_barh(bars, (row - 0.4, 0.8), facecolors=colour(names[what], what), linewidth=0)
    axes.set(
        xlim=(0, max(result.time_ps, 1) / scale),
        ylim=(len(lanes) - 0.5, -0.5),
    )
    axes.set_xlabel("; ".join([f"time ({unit})", *alike_notes(result.record)]))
    called = labels(lanes)
    axes.set_yticks(range(len(lanes)), [clipped(called[lane]) for lane in lanes])
    axes.tick_params(axis="y", length=0)
    legend_on_top(
        figure, [(names[what], colour(names[what], what)) for what in sorted(used, key=lambda one: names[one])]
    )


def utilization_height_in(result: ResultData) -> float:
    return 0.9 + PANEL_IN * len(_panels(result))


def draw_utilization(figure: Figure, result: ResultData, recorded: Recorded) -> None:
    """A panel per component (mean over its instances): busy, stalls by cause, and what is left is idle."""
    series = Series(result.record, recorded, BINS)
    scale, unit = time_unit(result.time_ps)
    panels = _panels(result)
    all_axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    found = [series.of(instances, path) for path, instances in panels.items()]
    causes = sorted({cause for one in found for cause in one.stall})
    entries = [("busy", colour("busy"))] + [
        (f"stall: {cause}", colour(f"stall: {cause}", place)) for place, cause in enumerate(causes)
    ]
    for axes, one in zip(all_axes, found, strict=True):
        _panel(axes, one, series, scale, entries)
    all_axes[-1].set(xlabel=f"time ({unit})", xlim=(0, max(result.time_ps, 1) / scale))
    legend_on_top(figure, entries)


def _panels(result: ResultData) -> dict[str, list[ComponentRecord]]:
    """Declared components with all their instances, the busiest ones when there are many."""
    groups: dict[str, list[ComponentRecord]] = {}
    for one in sorted(result.record.components, key=lambda one: natural_key(one.path)):
        groups.setdefault(one.declared, []).append(one)
    share = {path: result.components[path]["busy_ps"] / max(1, result.components[path]["lanes"]) for path in groups}
    kept = sorted(groups, key=lambda path: (-share[path], natural_key(path)))[:PANELS]
    return {path: instances for path, instances in groups.items() if path in kept}


def _panel(axes: Any, one: ComponentSeries, series: Series, scale: float, entries: list[tuple[str, str]]) -> None:
    whole = series.widths_ps * max(1, one.lanes)
    edges = series.edges_ps / scale
    base = np.zeros(len(whole))
    for name, tint in entries:
        values = one.busy if name == "busy" else one.stall.get(name.removeprefix("stall: "))
        if values is not None and len(values):
            top = base + 100 * values / whole
            axes.stairs(top, edges, baseline=base, fill=True, color=tint, linewidth=0)
            base = top
    axes.set(ylim=(0, 100), yticks=(0, 100))
    axes.text(
        0.995, 0.93, clipped(short(one.path), 40), transform=axes.transAxes, ha="right", va="top", fontsize=6,
        bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1},
    )  # fmt: skip
