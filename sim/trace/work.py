"""What an operator asks of a machine, independent of any machine: matrix work, vector work, or a copy.

Frontends and kinds speak in these terms; the mapper turns them into tiles. Counts are exact integers.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ConvShape:
    """Geometry of a convolution of one group, for the bytes of an input slab. Sizes in elements."""

    images: int
    in_h: int
    in_w: int
    channels: int
    kernel_h: int
    kernel_w: int
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    pad_top: int
    pad_left: int
    out_h: int
    out_w: int

    def input_rows(self, first_out: int, count_out: int) -> int:
        """Input rows inside the image that output rows [first, first+count) of one image read.

        Rows that a stride skips are not read.
        """
        low = first_out * self.stride_h - self.pad_top
        high = (first_out + count_out - 1) * self.stride_h - self.pad_top + (self.kernel_h - 1) * self.dilation_h
        spanned = max(0, min(high, self.in_h - 1) - max(low, 0) + 1)
        return min(spanned, count_out * self.kernel_h)

    @property
    def input_columns(self) -> int:
        """Input columns that a row of outputs reads."""
        return min(self.in_w, self.out_w * self.kernel_w)


@dataclass(frozen=True)
class MatrixSegment:
    """``batch`` independent products C[m,n] = A[m,k] x B[k,n]; a convolution is its im2col form plus its geometry.

    Every batch item has its own A, B and C (a B shared by all items is one item with a larger m).
    """

    batch: int
    m: int
    n: int
    k: int
    conv: ConvShape | None = None

    @property
    def macs(self) -> int:
        return self.batch * self.m * self.n * self.k


@dataclass(frozen=True)
class MatrixWork:
    """Matrix products of one operator. ``sparsity`` is (N, M): N of every M values along k are non-zero in B."""

    segments: tuple[MatrixSegment, ...]
    sparsity: tuple[int, int] | None = None

    @property
    def macs(self) -> int:
        return sum(segment.macs for segment in self.segments)


@dataclass(frozen=True)
class VectorWork:
    """Element-wise or row-wise work: ``rows`` independent rows (a row is never split over tiles).

    ``operations`` are (function, count) pairs, counts for the whole operator; functions are those a vector unit gives
    rates for: add, mul, mac, max, exp, log, div, rsqrt, sin, copy.
    """

    rows: int
    elements: int
    operations: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class CopyWork:
    """Bytes moved and nothing computed (KV append, transpose, concatenation that cannot be a view)."""

    elements: int


@dataclass(frozen=True)
class CollectiveWork:
    """``ranks`` ranks of ``group`` exchange a vector of ``elements`` elements; see :mod:`sim.trace.kinds.collective`."""

    function: str
    elements: int
    ranks: int
    group: str


Work = MatrixWork | VectorWork | CopyWork | CollectiveWork
