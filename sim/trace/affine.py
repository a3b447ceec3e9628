"""Extents that grow with a loop index: ``512 + step`` tokens of context, written as a string in the trace file.

An extent is an ``int`` or an :class:`Affine`; both are resolved with :func:`extent_at`. Only sums of integer multiples
of loop indices are expressible, which is what decode steps need and what keeps sizes checkable without running.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_TERM = re.compile(r"([+-]?)\s*(?:(\d+)\s*\*\s*)?([A-Za-z_]\w*)|([+-]?)\s*(\d+)")


@dataclass(frozen=True)
class Affine:
    """``base + sum(slope * index)``; ``slopes`` is sorted by index name and holds no zero."""

    base: int
    slopes: tuple[tuple[str, int], ...]

    def at(self, indices: Mapping[str, int]) -> int:
        """The value for the given loop indices; KeyError when one is missing."""
        return self.base + sum(slope * indices[name] for name, slope in self.slopes)

    def __str__(self) -> str:
        text = str(self.base)
        for name, slope in self.slopes:
            sign = "+" if slope > 0 else "-"
            text += f" {sign} {name}" if abs(slope) == 1 else f" {sign} {abs(slope)}*{name}"
        return text


Extent = int | Affine


def extent_at(extent: Extent, indices: Mapping[str, int]) -> int:
    """The integer value of an extent under loop indices."""
    return extent if isinstance(extent, int) else extent.at(indices)


def parse_extent(value: object) -> Extent:
    """Read an extent: an integer, or a string such as ``"512 + 2*step"``. Raises ValueError on anything else."""
    if isinstance(value, bool):
        raise ValueError("expected an integer, not a truth value")
    if isinstance(value, int):
        return value
    if not isinstance(value, str):
        raise ValueError(f"expected an integer or a sum such as '512 + step', found {value!r}")
    base, slopes, position = 0, dict[str, int](), 0
    text = value.strip()
    while position < len(text):
        match = _TERM.match(text, position)
        if match is None or (position > 0 and not (match.group(1) or match.group(4))):
            raise ValueError(f"not a sum of integers and loop indices: {value!r}")
        sign = -1 if "-" in (match.group(1) or match.group(4) or "") else 1
        if match.group(3):
            slopes[match.group(3)] = slopes.get(match.group(3), 0) + sign * int(match.group(2) or 1)
        else:
            base += sign * int(match.group(5))
        position = match.end()
        while position < len(text) and text[position].isspace():
            position += 1
    if not text:
        raise ValueError("empty extent")
    kept = tuple(sorted((name, slope) for name, slope in slopes.items() if slope))
    return Affine(base, kept) if kept else base


def scaled(extent: Extent, factor: int) -> Extent:
    """``extent * factor``, still an extent."""
    if isinstance(extent, int):
        return extent * factor
    return Affine(extent.base * factor, tuple((name, slope * factor) for name, slope in extent.slopes))


def affine(base: int, **slopes: int) -> Extent:
    """Build an extent: ``affine(512, step=1)`` is ``512 + step``."""
    kept = tuple(sorted((name, slope) for name, slope in slopes.items() if slope))
    return Affine(base, kept) if kept else base


def total(extents: Iterable[Extent]) -> Extent:
    """The sum of extents, an extent."""
    base, slopes = 0, dict[str, int]()
    for extent in extents:
        if isinstance(extent, int):
            base += extent
            continue
        base += extent.base
        for name, slope in extent.slopes:
            slopes[name] = slopes.get(name, 0) + slope
    return affine(base, **slopes)
