"""The architecture as boxes in boxes with the traffic between memories, and its routed fabrics coloured by load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sim.core.units import format_si
from sim.report.page.diagram import diagram
from sim.report.page.network import Line, NetworkView, network_views
from sim.report.pictures.style import COLUMN_IN
from sim.report.result_data import ResultData

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ARROW = "#D55E00"
WIDEST = 280
"""Least width of a fabric with its legend."""
SMALL_PT = 5.5
LINE, PATCH = 14, 26
"""Height of a line of text below a fabric, width of a patch of its legend."""


def topology_height_in(result: ResultData) -> float:
    return sum(_heights_in(result))


def _heights_in(result: ResultData) -> list[float]:
    data = diagram(result)
    fabrics = [COLUMN_IN * (view.height + _caption(view)) / max(view.width, WIDEST) for view in network_views(result)]
    return [max(1.2, COLUMN_IN * int(data["height"]) / int(data["width"])), *fabrics]


def _scale(view: NetworkView) -> float:
    """Text has one size on paper, so what it takes in the units of a picture grows with its width."""
    return max(1.0, view.width / (1.5 * WIDEST))


def _caption(view: NetworkView) -> float:
    return LINE * _scale(view) * (len(view.title) + 3)


def draw_topology(figure: Figure, result: ResultData) -> None:
    """What the page of a run draws, at column width: the boxes, and below them every routed fabric."""
    heights = _heights_in(result)
    plots = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    _draw_boxes(plots[0], result)
    for axes, view in zip(plots[1:], network_views(result), strict=True):
        _draw_network(axes, view)


def _draw_network(axes: Any, view: NetworkView) -> None:
    """Routers and links coloured by load; two directions of a connection side by side; the scale below."""
    from matplotlib.patches import PathPatch, Rectangle
    from matplotlib.path import Path

    axes.set(xlim=(0, max(view.width, WIDEST)), ylim=(view.height + _caption(view), 0), aspect="equal")
    axes.axis("off")
    for line in view.lines:
        curve = Path(_points(line), [Path.MOVETO, Path.CURVE3, Path.CURVE3])
        width = 0.6 + 2.4 * line.utilization
        axes.add_patch(PathPatch(curve, facecolor="none", edgecolor=line.colour, linewidth=width))
    for spot in view.spots:
        corner = (spot.x - view.side / 2, spot.y - view.side / 2)
        axes.add_patch(
            Rectangle(corner, view.side, view.side, facecolor=spot.colour, edgecolor="#5b6670", linewidth=0.5)
        )
        axes.text(spot.x, spot.y, spot.name, fontsize=SMALL_PT, ha="center", va="center")
        axes.text(spot.x, spot.label_y, spot.label, fontsize=SMALL_PT - 1, ha="center")
    line_height, patch = LINE * _scale(view), PATCH * _scale(view)
    for place, step in enumerate(view.legend):
        x = 4 + place * 2 * patch
        patch_at = (x, view.height + 2)
        axes.add_patch(
            Rectangle(patch_at, patch, line_height / 2, facecolor=step.colour, edgecolor="#5b6670", linewidth=0.3)
        )
        axes.text(x, view.height + 2 + 1.5 * line_height, step.text, fontsize=SMALL_PT - 1)
    for place, text in enumerate(view.title):
        axes.text(4, view.height + line_height * (place + 3), text, fontsize=SMALL_PT)


def _points(line: Line) -> list[tuple[float, float]]:
    return [(line.x1, line.y1), (line.bend_x, line.bend_y), (line.x2, line.y2)]


def _draw_boxes(axes: Any, result: ResultData) -> None:
    from matplotlib.patches import FancyArrowPatch

    data = diagram(result)
    axes.set(xlim=(0, data["width"]), ylim=(data["height"], 0), aspect="equal")
    axes.axis("off")
    size = min(SMALL_PT + 1, SMALL_PT * 620 / max(380, data["width"]))
    for box in data["boxes"]:
        _box(axes, box, size)
    most = max((one["bytes"] for one in data["arrows"]), default=1) or 1
    for one in data["arrows"]:
        width = 0.4 + 2.0 * (one["bytes"] / most) ** 0.5
        axes.add_patch(FancyArrowPatch(
            (one["x1"], one["y1"]), (one["x2"], one["y2"]), arrowstyle="-|>", mutation_scale=6, linewidth=width,
            color=ARROW, alpha=0.8, shrinkA=0, shrinkB=0,
        ))  # fmt: skip
        align = {"start": "left", "end": "right", "middle": "center"}[one["label_anchor"]]
        axes.text(
            one["label_x"], one["label_y"], format_si(one["bytes"], "B"), fontsize=size, ha=align, color="#8a3c00"
        )


def _box(axes: Any, box: dict[str, Any], size: float) -> None:
    from matplotlib.patches import Rectangle

    group = box["kind"] == "group"
    corner = (box["x"], box["y"])
    axes.add_patch(Rectangle(
        corner, box["width"], box["height"], facecolor="#f6f8f9" if group else "white", linewidth=0.5,
        edgecolor="#9aa5ae" if group else "#5b6670",
    ))  # fmt: skip
    copies = f" ×{box['count']}" if box["count"] > 1 else ""
    axes.text(box["x"] + 8, box["y"] + 17, box["name"] + copies, fontsize=size, weight="bold")
    if group:
        return
    slim = box["height"] < 40
    place = (box["x"] + 90, box["y"] + 17) if slim else (box["x"] + 8, box["y"] + 33)
    axes.text(*place, box["kind"], fontsize=size, color="#5b6670")
    if box["busy"] is not None:
        low = (box["x"] + box["width"] - 8, box["y"] + 17) if slim else (box["x"] + box["width"] - 8, box["y"] + 49)
        axes.text(*low, f"{100 * box['busy']:.1f} % busy", fontsize=size, ha="right", color="#0072B2")
