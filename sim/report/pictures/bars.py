"""Bars: energy by component and by operator, and a comparison operator by operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sim.report.pictures.style import PALETTE, clipped, legend_above
from sim.report.power import joules_by_component
from sim.report.result_data import ResultData
from sim.report.table_cells import short
from sim.report.text import operator_title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOP = 20
BAR_IN = 0.15


def energy_height_in(result: ResultData) -> float:
    operators = min(TOP, sum(1 for one in result.operators if one["energy_j"]))
    return 1.6 + BAR_IN * (operators + len(result.components))


def draw_energy(figure: Figure, result: ResultData) -> None:
    """Above: dynamic and static energy of components; below: dynamic energy of the operators that took most."""
    if result.energy_j is None:
        figure.subplots().text(0.5, 0.5, "no energy is reported: no energy table", ha="center")
        return
    shown = {path: one["energy_j"] for path, one in result.components.items() if any(one["energy_j"].values())}
    joules = joules_by_component(result)
    order = sorted((number for number in joules), key=lambda number: (-sum(joules[number].values()), number))[:TOP]
    above, below = figure.subplots(2, 1, height_ratios=(max(1, len(shown)) + 1, max(1, len(order)) + 1))
    kinds = (("dynamic", PALETTE[0]), ("static", PALETTE[1]))
    _stacked(above, [short(path) for path in shown], [
        (tint, [one[kind] or 0.0 for one in shown.values()]) for kind, tint in kinds
    ], "energy by component (J)")  # fmt: skip
    legend_above(above, list(kinds))
    parts = sorted({path for number in order for path in joules[number]})
    tints = {path: PALETTE[place % len(PALETTE)] for place, path in enumerate(parts)}
    _stacked(below, [operator_title(result.operators[number]) for number in order], [
        (tints[path], [joules[number].get(path, 0.0) for number in order]) for path in parts
    ], "dynamic energy by operator (J)")  # fmt: skip
    legend_above(below, [(short(path), tint) for path, tint in tints.items()])


def _stacked(axes: Any, labels: list[str], series: list[tuple[str, list[float]]], title: str) -> None:
    left = [0.0] * len(labels)
    for tint, values in series:
        axes.barh(range(len(labels)), values, left=left, color=tint, height=0.7)
        left = [start + value for start, value in zip(left, values, strict=True)]
    _names(axes, labels, title)


def _names(axes: Any, labels: list[str], title: str) -> None:
    axes.set_yticks(range(len(labels)), [clipped(label) for label in labels])
    axes.set(ylim=(len(labels) - 0.5, -0.5), xlabel=title)
    axes.tick_params(axis="y", length=0)
    axes.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3), useMathText=True)


def comparison_height_in(data: dict[str, Any]) -> float:
    rows = min(TOP, len(data["operators"]))
    return float(1.0 + rows * (0.08 + 0.09 * len(data["variants"])))


def draw_comparison(figure: Figure, data: dict[str, Any]) -> None:
    """Time of the operators that take longest, a bar per variant. ``data``: what ``compare.json`` holds."""
    rows, names = data["operators"], list(data["variants"])
    slowest = sorted(rows, key=lambda row: -max(one["time_ps"] for one in row["variants"].values()))[:TOP]
    kept = [row for row in rows if row in slowest]
    axes = figure.subplots()
    thick = 0.8 / len(names)
    for place, name in enumerate(names):
        values = [row["variants"].get(name, {"time_s": 0.0})["time_s"] for row in kept]
        offsets = [row - 0.4 + thick * (place + 0.5) for row in range(len(kept))]
        axes.barh(offsets, values, height=thick, color=PALETTE[place % len(PALETTE)])
    _names(axes, [row["name"] for row in kept], "time (s)")
    legend_above(axes, [(name, PALETTE[place % len(PALETTE)]) for place, name in enumerate(names)])
