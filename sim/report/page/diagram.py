"""Where the boxes and arrows of the architecture's diagram go: plain coordinates, drawn by the page and by pictures.

A group is a box around its members: groups inside it on top, its links as a band below them, then its components, with
those that exchange tiles last. A replicated part is drawn once, with its count. Arrows are the traffic between
memories. Coordinates grow to the right and down, in pixels of the page.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sim.config.spec import links
from sim.core.units import format_si
from sim.report.page.arrow_labels import place_labels
from sim.report.result_data import ResultData

WIDTH, HEIGHT, BAND = 150, 56, 26
GAP, TITLE, MARGIN = 22, 24, 14
COLUMNS = 4
SHIFT = 14


@dataclass
class Box:
    """A group or a component. ``path`` is declared; children's coordinates are absolute."""

    path: str
    kind: str
    count: int
    width: int = WIDTH
    height: int = HEIGHT
    x: int = 0
    y: int = 0
    children: list[Box] = field(default_factory=list)

    def move(self, dx: int, dy: int) -> None:
        self.x, self.y = self.x + dx, self.y + dy
        for child in self.children:
            child.move(dx, dy)

    def every(self) -> Iterable[Box]:
        yield self
        for child in self.children:
            yield from child.every()


def diagram(result: ResultData) -> dict[str, Any]:
    """``width``, ``height``, ``boxes`` (path, name, kind, count, x, y, width, height, busy) and ``arrows``."""
    ends = {one[end] for one in result.traffic for end in ("source", "destination")}
    root = _tree(result, ends)
    root.move(MARGIN - root.x, MARGIN - root.y)
    boxes = [_plain(box, result) for box in root.every()]
    places = {box["path"]: box for box in boxes}
    arrows = [
        {"source": one["source"], "destination": one["destination"], "bytes": one["bytes"],
         **_line(places[one["source"]], places[one["destination"]], one["source"] < one["destination"])}
        for one in result.traffic if one["source"] in places and one["destination"] in places
    ]  # fmt: skip
    place_labels(arrows, boxes, [format_si(one["bytes"], "B") for one in arrows])
    return {"width": root.width + 2 * MARGIN, "height": root.height + 2 * MARGIN, "boxes": boxes, "arrows": arrows}


def _plain(box: Box, result: ResultData) -> dict[str, Any]:
    one = result.components.get(box.path)
    whole = result.time_ps * one["lanes"] if one else 0
    return {
        "path": box.path, "name": _name(box, result), "kind": box.kind,
        "count": box.count, "x": box.x, "y": box.y, "width": box.width, "height": box.height,
        "busy": one["busy_ps"] / whole if one and whole else None,
    }  # fmt: skip


def _name(box: Box, result: ResultData) -> str:
    """The last part of the path, with the component that it is a part of."""
    head, _, last = box.path.rpartition(".")
    if box.kind in links and last.isdigit():
        return "link"
    return f"{head.rpartition('.')[2]}.{last}" if head in result.components else last


def _tree(result: ResultData, ends: set[str]) -> Box:
    """The outermost group with everything in it, laid out."""
    groups: dict[str, list[str]] = {"": []}
    for path in result.components:
        holder = _holder(path, result)
        upto = ""
        for part in holder.split(".") if holder else []:
            below = f"{upto}.{part}" if upto else part
            if below not in groups:
                groups[below] = []
                groups[upto].append(below)
            upto = below
        groups[holder].append(path)
    root = ""
    while len(groups[root]) == 1 and groups[root][0] in groups:
        root = groups[root][0]
    return _group(root, groups, result, ends, 1) or Box(result.architecture["name"], "group", 1)


def _holder(path: str, result: ResultData) -> str:
    """The group of a component; links stand in a list ``links`` of their group, parts of a component beside it."""
    head, _, last = path.rpartition(".")
    while head in result.components:
        head = head.rpartition(".")[0]
    return head.removesuffix("links").removesuffix(".") if last.isdigit() else head


def _group(path: str, groups: dict[str, list[str]], result: ResultData, ends: set[str], outer: int) -> Box:
    inner, bands_of, parts = [], [], []
    for member in groups[path]:
        if member in groups:
            inner.append(member)
        elif result.components[member]["kind"] in links:
            bands_of.append(member)
        else:
            parts.append(member)
    parts.sort(key=lambda member: member in ends)
    below = [name for name in result.components if name.startswith(f"{path}.")]
    count = min((result.components[name]["count"] for name in below), default=1) if inner or parts else 1
    boxes = [_group(member, groups, result, ends, count) for member in inner]
    leaves = [_leaf(member, result, count) for member in parts]
    x, y = MARGIN, TITLE + MARGIN // 2
    rows = [boxes[at : at + 2] for at in range(0, len(boxes), 2)]
    columns = 2 if len(leaves) <= 4 and not boxes else COLUMNS
    bands = [Box(member, result.components[member]["kind"], result.components[member]["count"], height=BAND)
             for member in bands_of]  # fmt: skip
    width = 0
    order: list[list[Box]] = [*rows, *([band] for band in bands)]
    order += [leaves[at : at + columns] for at in range(0, len(leaves), columns)]
    for row in order:
        place = x
        for box in row:
            box.move(place - box.x, y - box.y)
            place += box.width + GAP
        width = max(width, place - GAP + MARGIN)
        y += max(box.height for box in row) + (GAP * 2 if boxes else GAP)
    for band in bands:
        band.width = width - 2 * MARGIN
    y = y + MARGIN - (GAP * 2 if boxes else GAP)
    name = path or result.architecture["name"]
    return Box(name, "group", max(1, count // outer), max(width, 120), y, 0, 0, [*boxes, *bands, *leaves])


def _leaf(path: str, result: ResultData, outer: int) -> Box:
    one = result.components[path]
    return Box(path, one["kind"], max(1, one["count"] // max(1, outer)))


def _line(source: dict[str, Any], target: dict[str, Any], forward: bool) -> dict[str, Any]:
    """From edge to edge; the two directions of a pair run side by side, ``right``: this is the one on the right (below)."""
    shift = SHIFT if forward else -SHIFT
    low = source["y"] < target["y"]
    x1, x2 = source["x"] + source["width"] / 2 + shift, target["x"] + target["width"] / 2 + shift
    if source["y"] == target["y"]:
        y1 = y2 = source["y"] + source["height"] / 2 + shift / 2
        right = source["x"] < target["x"]
        x1, x2 = source["x"] + source["width"] * right, target["x"] + target["width"] * (not right)
        return {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "right": forward}
    y1, y2 = source["y"] + source["height"] * low, target["y"] + target["height"] * (not low)
    return {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "right": forward}
