"""Where the figures of arrows go: beside their arrow, clear of boxes and of each other as far as there is room."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

PLACES = (0.3, 0.45, 0.6, 0.75, 0.15, 0.9)
"""Shares of the way from the lower end of an arrow, in order of preference."""
AWAY = (7.0, 24.0, 38.0)
"""Distances of a figure from a level arrow, in order of preference: the last is beyond the boxes that it joins."""
HEIGHT, ADVANCE, CLEAR = 13.0, 7.5, 7.0
"""Of a line of text, of one character, and between an arrow and its figure, in pixels of the page."""


class Area(NamedTuple):
    """A rectangle."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Area) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


def place_labels(arrows: list[dict[str, Any]], boxes: Iterable[dict[str, Any]], texts: list[str]) -> None:
    """Give every arrow ``label_x``, ``label_y`` and ``label_anchor``; ``texts``: what its label says."""
    taken = [
        Area(one["x"], one["y"], one["x"] + one["width"], one["y"] + one["height"])
        for one in boxes if one["kind"] != "group"
    ]  # fmt: skip
    for arrow, text in zip(arrows, texts, strict=True):
        width = len(text) * ADVANCE
        level = abs(arrow["y1"] - arrow["y2"]) < HEIGHT
        found = (
            [_by_level(arrow, off, width) for off in AWAY] if level else [_beside(arrow, at, width) for at in PLACES]
        )
        area, label = next((one for one in found if not any(map(one[0].meets, taken))), found[0])
        taken.append(area)
        arrow |= label


def _by_level(arrow: dict[str, Any], off: float, width: float) -> tuple[Area, dict[str, Any]]:
    """The area and the place of a label above or below a level arrow, so far off."""
    x, y = (arrow["x1"] + arrow["x2"]) / 2, arrow["y1"]
    bottom = y + (HEIGHT + off if arrow["right"] else -off)
    area = Area(x - width / 2, bottom - HEIGHT, x + width / 2, bottom)
    return area, {"label_x": x, "label_y": bottom - 2, "label_anchor": "middle"}


def _beside(arrow: dict[str, Any], share: float, width: float) -> tuple[Area, dict[str, Any]]:
    """The area and the place of a label so far up its arrow, on the side away from the arrow of the other direction."""
    (low_x, low_y), (high_x, high_y) = sorted(
        ((arrow["x1"], arrow["y1"]), (arrow["x2"], arrow["y2"])), key=lambda point: -point[1]
    )
    x, y = low_x + share * (high_x - low_x), low_y + share * (high_y - low_y)
    lean = HEIGHT * (high_x - low_x) / (low_y - high_y)  # how far the arrow leans over the height of the text
    if arrow["right"]:
        left = x + CLEAR + max(0.0, lean)
        return Area(left, y - HEIGHT, left + width, y), {"label_x": left, "label_y": y - 2, "label_anchor": "start"}
    right = x - CLEAR + min(0.0, lean)
    return Area(right - width, y - HEIGHT, right, y), {"label_x": right, "label_y": y - 2, "label_anchor": "end"}
