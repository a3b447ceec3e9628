"""Tile geometry of a matrix segment: how M, N, K and the batch are cut, and how many input elements a cut touches.

GEMM and convolution share one nest. A convolution is cut along M in whole output rows and along K in whole channels, so
its input is read as slabs: fewer elements than the im2col matrix holds, with the halo rows that neighbouring tiles share.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sim.core.arith import ceil_div, smaller
from sim.trace.work import ConvShape, MatrixSegment


class Cut(NamedTuple):
    """One piece of a dimension: its GEMM extent, and the factor it contributes to the elements of A."""

    extent: int
    a_factor: int


class Geometry:
    """Units and extents of one segment. ``m_unit``/``k_unit``: GEMM extent of one unit of M (a row) and K (a channel)."""

    def __init__(self, segment: MatrixSegment) -> None:
        self.segment = segment
        conv = segment.conv
        self.m_unit = conv.out_w if conv else 1
        self.k_unit = conv.kernel_h * conv.kernel_w if conv else 1
        self.m_units = segment.m // self.m_unit
        self.k_units = segment.k // self.k_unit

    def m_cut(self, first: int, count: int) -> Cut:
        """Units [first, first+count) of M."""
        conv = self.segment.conv
        if conv is None:
            return Cut(count, count)
        return Cut(count * conv.out_w, _slab_rows(conv, first, count) * conv.input_columns)

    def input_row(self, first: int) -> int:
        """The row of A (of a convolution: the pixel of its input) at which unit ``first`` of M begins to read."""
        conv = self.segment.conv
        if conv is None:
            return first
        image, row = divmod(first, conv.out_h)
        return (image * conv.in_h + min(conv.in_h - 1, max(0, row * conv.stride_h - conv.pad_top))) * conv.in_w

    def k_cut(self, count: int) -> Cut:
        """``count`` units of K."""
        return Cut(count * self.k_unit, count)

    def m_factor(self, count: Any) -> Any:
        """Upper bound of the A factor of ``count`` units of M, on arrays too (exact for tiles away from the border)."""
        conv = self.segment.conv
        if conv is None:
            return count
        images, rows = count // conv.out_h, count % conv.out_h
        spanned = (rows - 1) * conv.stride_h + (conv.kernel_h - 1) * conv.dilation_h + 1
        partial = smaller(smaller(spanned, rows * conv.kernel_h), conv.in_h) * (rows > 0)
        whole = min(conv.in_h, conv.out_h * conv.kernel_h)
        return (images * whole + partial) * conv.input_columns


def _slab_rows(conv: ConvShape, first: int, count: int) -> int:
    """Input rows of output rows [first, first+count), counted over all images."""
    total, row, left = 0, first, count
    while left > 0:
        inside = row % conv.out_h
        take = min(left, conv.out_h - inside)
        total += conv.input_rows(inside, take)
        row, left = row + take, left - take
    return total


def sizes(extent: int, granule: int, most: int) -> list[int]:
    """Candidate tile sizes of a dimension: the whole, granule * 2^i and * 3 * 2^i, and even parts rounded up to the granule.

    Above two granules, neighbours are a factor of at most 3/2 apart, so that little of a scratchpad stays empty; even
    parts avoid a small remainder where tiles are few (``scripts/bench --mapping`` measures both).
    The list depends on the shape and the array only, never on a bandwidth or capacity, so that a better machine can
    choose from at least the same candidates. ``most`` bounds how many even parts are tried.
    """
    found = {extent}
    size = granule
    while size < extent:
        found |= {each for each in (size, 3 * size) if each < extent}
        size *= 2
    for parts in range(2, most + 1):
        even = ceil_div(ceil_div(extent, parts), granule) * granule
        if even < extent:
            found.add(even)
    return sorted(found)


def fine_sizes(extent: int, granule: int, most: int) -> list[int]:
    """Sizes that leave part of an array's columns empty: below the granule, and even parts as they are.

    Worth trying where a whole K only fits beside few results (a small scratchpad), or where ``granule`` just does not.
    """
    found = {ceil_div(extent, parts) for parts in range(2, most + 1)} | {granule - granule // 8}
    size = granule
    while size > 1:
        found |= {3 * size // 4, size // 2}
        size //= 2
    return sorted(size for size in found if 0 < size < extent)


def share(extent: int, parts: int, slot: int) -> tuple[int, int]:
    """(first, count) of part ``slot`` when ``extent`` is cut into ``parts`` parts of ceil(extent/parts) each."""
    size = ceil_div(extent, parts)
    first = min(extent, slot * size)
    return first, min(extent, first + size) - first


def grid(*axes: list[int]) -> list[np.ndarray[Any, Any]]:
    """All combinations of the axes as flat int64 arrays, the last axis fastest."""
    mesh = np.meshgrid(*[np.array(axis, dtype=np.int64) for axis in axes], indexing="ij")
    return [part.ravel() for part in mesh]
