"""The routers and links of a fabric as coloured shapes in plain coordinates, drawn by the page and by pictures.

Two directions of a connection run side by side, right-hand traffic; a link that would lead through another router goes
around it in an arc. Colour and width say the load, on one scale from 0 to 100 % of the cycles for every picture. Routers
are called by their number and, where there is room, by the endpoints that hang on them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sim.report.labels import labels
from sim.report.path_ranges import without_indices
from sim.report.result_data import ResultData

STEP, SIDE, MARGIN = 92.0, 34.0, 52.0
APART, BULGE = 5.0, 54.0
"""Of a straight link from the middle line; of an arc's control point, twice as far as the arc goes."""
OVER, UNDER = -SIDE / 2 - 4, SIDE / 2 + 12
"""From the centre of a router to the line on which its endpoints are written."""
COLD, HOT = (222, 230, 236), (196, 60, 20)
ALL_NAMED = 16
"""Routers up to which every endpoint is named; above, only those of which there are few."""
FEW = 4
SCALE = (0.0, 0.25, 0.5, 0.75, 1.0)

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """A link: its ends, the control point of the curve between them (half-way on a straight one), and its load, 0 to 1."""

    name: str
    x1: float
    y1: float
    bend_x: float
    bend_y: float
    x2: float
    y2: float
    utilization: float
    colour: str


@dataclass(frozen=True)
class Spot:
    """A router, its centre, its load, who hangs on it, and what is written over it (in the upper half) or under it, on
    the line ``label_y``."""

    name: str
    x: float
    y: float
    utilization: float
    endpoints: tuple[str, ...]
    label: str
    label_y: float
    colour: str


@dataclass(frozen=True)
class Step:
    """A patch of the legend."""

    text: str
    colour: str


@dataclass(frozen=True)
class NetworkView:
    """One fabric to draw; ``title`` in lines."""

    path: str
    width: float
    height: float
    side: float
    lines: tuple[Line, ...]
    spots: tuple[Spot, ...]
    legend: tuple[Step, ...]
    title: tuple[str, ...]


def network_views(result: ResultData) -> list[NetworkView]:
    """Every fabric of a run."""
    return [_view(path, one) for path, one in result.components.items() if one.get("routers")]


def colour_of(load: float) -> str:
    """From cold at 0 to hot at 1, as #rrggbb."""
    red, green, blue = (round(cold + (hot - cold) * load) for cold, hot in zip(COLD, HOT, strict=True))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _view(path: str, row: dict[str, Any]) -> NetworkView:
    routers, links = row["routers"], row["links"]
    place = {name: (MARGIN + one["x"] * STEP, MARGIN + one["y"] * STEP) for name, one in routers.items()}
    lines = []
    for router, one in routers.items():
        for number, (name, target) in enumerate(one["to"].items()):
            again = str(target) in map(str, list(one["to"].values())[:number])
            others = [spot for other, spot in place.items() if other not in (router, str(target))]
            load = links[name]["utilization"] if name in links else 0.0
            lines.append(_line(name, place[router], place[str(target)], load, others, again))
    lines.sort(key=lambda line: line.utilization)
    hung = router_labels(routers)
    middle = sum(y for _, y in place.values()) / len(place)
    spots = tuple(
        Spot(name, *place[name], one["utilization"], tuple(one["endpoints"]), hung[name],
             place[name][1] + (OVER if place[name][1] < middle else UNDER), colour_of(one["utilization"]))
        for name, one in routers.items()
    )  # fmt: skip
    width = max(x for x, _ in place.values()) + MARGIN
    height = max(y for _, y in place.values()) + MARGIN
    legend = tuple(Step(f"{100 * load:.0f} %", colour_of(load)) for load in SCALE)
    return NetworkView(path, width, height, SIDE, tuple(lines), spots, legend, _title(path, row))


def _title(path: str, row: dict[str, Any]) -> tuple[str, ...]:
    told = [f"{path}: load of its links, share of all cycles"]
    for what, kind in (("link", "links"), ("port", "ports")):
        if row[f"hottest_{kind}"]:
            name = row[f"hottest_{kind}"][0]
            told.append(f"busiest {what}: {labels(row[kind])[name] if what == 'port' else name}, "
                        f"{100 * row[kind][name]['utilization']:.1f} %")  # fmt: skip
    return tuple(told)


def router_labels(routers: dict[str, dict[str, Any]]) -> dict[str, str]:
    """What hangs on each router, as far as there is room to say so: what there are few of, first."""
    kinds = Counter(without_indices(name) for one in routers.values() for name in one["endpoints"])
    called = labels(name for one in routers.values() for name in one["endpoints"])
    found = {}
    for router, one in routers.items():
        named = [name for name in one["endpoints"] if len(routers) <= ALL_NAMED or kinds[without_indices(name)] <= FEW]
        named.sort(key=lambda name: kinds[without_indices(name)])
        more = f" +{len(named) - 1}" if len(named) > 1 else ""
        found[router] = called[named[0]] + more if named else ""
    return found


def _line(name: str, start: Point, end: Point, load: float, others: list[Point], again: bool) -> Line:
    """``others``: where routers are that it does not join; ``again``: another one joins the same two in this direction."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    long = (dx * dx + dy * dy) ** 0.5 or 1.0
    along, aside = (dx / long, dy / long), (-dy / long, dx / long)
    arc = again or _hits(start, along, long, others)
    apart, inset, bend = (SIDE / 2, APART, BULGE) if arc else (APART, SIDE / 2, APART)
    (x1, y1), (x2, y2) = (
        (at[0] + aside[0] * apart + way * along[0] * inset, at[1] + aside[1] * apart + way * along[1] * inset)
        for at, way in ((start, 1), (end, -1))
    )
    middle = ((start[0] + end[0]) / 2 + aside[0] * bend, (start[1] + end[1]) / 2 + aside[1] * bend)
    return Line(name, x1, y1, *middle, x2, y2, load, colour_of(load))


def _hits(start: Point, along: Point, long: float, others: list[Point]) -> bool:
    """Does the straight way lead through another router?"""
    for x, y in others:
        far = (x - start[0]) * along[0] + (y - start[1]) * along[1]
        beside = abs((y - start[1]) * along[0] - (x - start[0]) * along[1])
        if 0 < far < long and beside < SIDE / 2 + APART:
            return True
    return False
