"""The routers and links of a fabric as coloured shapes in plain coordinates, drawn by the page and by pictures.

Two directions of a connection run side by side, right-hand traffic. Colour and width are the link's load relative to
the busiest; the text names the busiest and its load.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sim.report.result_data import ResultData

STEP, SIDE, MARGIN = 92.0, 34.0, 46.0
APART = 5.0
COLD, HOT = (222, 230, 236), (196, 60, 20)


@dataclass(frozen=True)
class Line:
    """A link: its ends, its load (0 to 1 of its cycles) and its share of the busiest link's."""

    name: str
    x1: float
    y1: float
    x2: float
    y2: float
    utilization: float
    share: float
    colour: str


@dataclass(frozen=True)
class Spot:
    """A router, its centre, its load, and who hangs on it."""

    name: str
    x: float
    y: float
    utilization: float
    share: float
    endpoints: tuple[str, ...]
    colour: str


@dataclass(frozen=True)
class NetworkView:
    """One fabric to draw."""

    path: str
    width: float
    height: float
    side: float
    lines: tuple[Line, ...]
    spots: tuple[Spot, ...]
    title: str


def network_views(result: ResultData) -> list[NetworkView]:
    """Every fabric of a run that carried something."""
    return [_view(path, one) for path, one in result.components.items() if one.get("routers")]


def colour_of(share: float) -> str:
    """From cold to hot as #rrggbb."""
    red, green, blue = (round(cold + (hot - cold) * share) for cold, hot in zip(COLD, HOT, strict=True))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _view(path: str, row: dict[str, Any]) -> NetworkView:
    routers, links = row["routers"], row["links"]
    most = max((one["utilization"] for one in links.values()), default=0.0) or 1.0
    place = {name: (MARGIN + one["x"] * STEP, MARGIN + one["y"] * STEP) for name, one in routers.items()}
    lines = [
        _line(name, place[router], place[str(target)], links.get(name, {"utilization": 0.0})["utilization"], most)
        for router, one in routers.items() for name, target in one["to"].items()
    ]  # fmt: skip
    lines.sort(key=lambda line: line.share)
    spots = [
        Spot(name, *place[name], one["utilization"], one["utilization"] / most, tuple(one["endpoints"]),
             colour_of(one["utilization"] / most))
        for name, one in routers.items()
    ]  # fmt: skip
    width = max(x for x, _ in place.values()) + MARGIN
    height = max(y for _, y in place.values()) + MARGIN
    hottest = row["hottest_links"][0]
    title = f"{path}: busiest link {hottest}, {100 * links[hottest]['utilization']:.1f} % of its cycles"
    return NetworkView(path, width, height, SIDE, tuple(lines), tuple(spots), title)


def _line(name: str, start: tuple[float, float], end: tuple[float, float], load: float, most: float) -> Line:
    dx, dy = end[0] - start[0], end[1] - start[1]
    long = (dx * dx + dy * dy) ** 0.5 or 1.0
    side_x, side_y = -dy / long * APART, dx / long * APART
    inset_x, inset_y = dx / long * SIDE / 2, dy / long * SIDE / 2
    return Line(
        name, start[0] + side_x + inset_x, start[1] + side_y + inset_y, end[0] + side_x - inset_x,
        end[1] + side_y - inset_y, load, load / most, colour_of(load / most),
    )  # fmt: skip
