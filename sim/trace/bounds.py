"""Extents over whole loops: the smallest and largest value, and the iterations at which to look.

Extents are linear in the loop indices, so each takes its extremes at the ends of the loops.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

from sim.trace.affine import Affine, Extent

#: The open repeat blocks, outermost first: (index, count).
Loops = tuple[tuple[str, int], ...]

MAX_EXTENT = 2**40
MAX_ELEMENTS = 2**50
MAX_OPERATIONS = 2**62
MAX_COUNT = 2**24
MAX_DEPTH = 6


def extent_range(extent: Extent, loops: Loops) -> tuple[int, int]:
    """Smallest and largest value of ``extent`` over all iterations; KeyError(index) when an index is not a loop's."""
    if isinstance(extent, int):
        return extent, extent
    counts = dict(loops)
    ends = [(slope * (counts[index] - 1)) for index, slope in extent.slopes]
    return extent.base + sum(min(0, end) for end in ends), extent.base + sum(max(0, end) for end in ends)


def indices_of(value: Any) -> set[str]:
    """Loop indices that a dimension (an extent, or nested tuples of extents) depends on."""
    if isinstance(value, Affine):
        return {index for index, _ in value.slopes}
    if isinstance(value, tuple):
        return {index for entry in value for index in indices_of(entry)}
    return set()


def corners(loops: Loops, used: Iterable[str]) -> Iterator[dict[str, int]]:
    """First and last iteration of every loop in ``used``, combined; the other loops stand at 0."""
    wanted = set(used)
    ends = [sorted({0, count - 1}) if index in wanted else [0] for index, count in loops]
    for values in product(*ends):
        yield {index: value for (index, _), value in zip(loops, values, strict=True)}
