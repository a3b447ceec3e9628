"""The roofline: every operator that multiplies as a point, under the peak of the arrays and the rates of the memories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sim.core.clock import PS_PER_S
from sim.core.units import format_si
from sim.report.pictures.style import PALETTE
from sim.report.result_data import ResultData
from sim.report.table_cells import short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEIGHT_IN = 2.7
MARKERS = "osD^vPX*"


def draw_roofline(figure: Figure, result: ResultData) -> None:
    """Intensity against the slowest backing memory that moved bytes; the other memories' roofs are dashed."""
    axes = figure.subplots()
    axes.set(xscale="log", yscale="log", ylabel="MAC/s")
    tiers = result.roofline["tiers"]
    peak = result.peak_macs_per_s
    if not tiers or not peak:
        axes.text(0.5, 0.5, "no work on arrays, or no bytes moved", ha="center", transform=axes.transAxes)
        return
    tier = min(tiers, key=lambda path: (tiers[path]["bytes_per_s"], path))
    points: dict[str, list[tuple[float, float]]] = {}
    for one in result.operators:
        moved = one["bytes"].get(tier)
        size = moved["read"] + moved["written"] if moved else 0
        if size and one["macs_executed"] and one["time_ps"]:
            rate = one["macs_executed"] * PS_PER_S / one["time_ps"]
            points.setdefault(one["bound_by"] or "-", []).append((one["macs_executed"] / size, rate))
    xs = [x for cloud in points.values() for x, _ in cloud] + [peak / one["bytes_per_s"] for one in tiers.values()]
    left, right = min(xs) / 3, max(xs) * 3
    for path, one in sorted(tiers.items()):
        knee = peak / one["bytes_per_s"]
        style: dict[str, Any] = {"color": "black", "linewidth": 1.0}
        if path != tier:
            style = {"color": "grey", "linewidth": 0.7, "ls": "--"}
        label = f"{short(path)} {format_si(one['bytes_per_s'], 'B/s')}"
        axes.plot([left, knee, right], [left * one["bytes_per_s"], peak, peak], label=label, **style)
    for place, (bound, cloud) in enumerate(sorted(points.items())):
        axes.scatter(
            [x for x, _ in cloud], [y for _, y in cloud], s=10, marker=MARKERS[place % len(MARKERS)], linewidths=0.3,
            color=PALETTE[place % len(PALETTE)], edgecolors="black", label=f"bound by {short(bound)}", zorder=3,
        )  # fmt: skip
    axes.set(xlabel=f"MAC per byte of {short(tier)}", xlim=(left, right))
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
