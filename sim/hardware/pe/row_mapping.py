"""Row stationary: how the rows of a convolution are laid on R x C PEs, and what a processing pass costs.

A logical PE set is kernel_rows x output_rows PEs: PE (i, j) holds filter row i, slides it along input row j*stride + i
and adds its partial sums to those from PE (i-1, j), so that filter rows are shared along rows, input rows along
diagonals, and partial sums are added up columns. Sets are cut to ``width`` output rows (a *strip*, which may occupy
several bands of the array, as 27 rows lie as 14 + 13 on a 14-wide array; it is cut only where it is wider than the
array), and repeated over ``t`` groups of filters and ``r`` groups of channels; the ``r`` sets of one filter group stand
above each other, one chain of partial sums. Each PE works on ``p`` filters and ``q`` channels in turn, as many as its
registers hold. A kernel with more rows than the array, or longer rows than a PE holds, is cut into parts that are
treated as more channels.

Steps of a pass, per PE: for each of F output columns, p*q*S products and p additions of the partial sums from below
(the adder takes either a product or a partial sum: PE datapath of Chen et al., JSSC 2017, as remembered, not looked
up). Zero padding is not read, but is multiplied like any value.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from sim.core.arith import ceil_div, larger, smaller
from sim.hardware.pe.row_spec import RowStationarySpec
from sim.trace.work import ConvShape

UNBOUNDED = 2**40
"""Rows of an image of a plain matrix product: it has one image of as many rows as there are."""
FINE = 16
"""Extents up to which every distinct way of cutting an array is tried; beyond, powers of two and the whole."""


class Rows(NamedTuple):
    """A convolution as rows: kernel R x S, stride, dilation, F output columns; rows of an image out and in; columns in."""

    kernel_rows: int
    kernel_cols: int
    stride: int
    dilation: int
    width: int
    image_rows: int
    in_rows: int
    in_cols: int

    @classmethod
    def of(cls, conv: ConvShape | None) -> Rows:
        """A matrix product is a 1x1 convolution whose output rows have one column."""
        if conv is None:
            return cls(1, 1, 1, 1, 1, UNBOUNDED, UNBOUNDED, 1)
        return cls(conv.kernel_h, conv.kernel_w, conv.stride_h, conv.dilation_h, conv.out_w, conv.out_h, conv.in_h,
                   conv.input_columns)  # fmt: skip

    def strips(self, rows: Any, width: Any) -> Any:
        """Strips of at most ``width`` output rows in ``rows`` of them; none spans two images."""
        whole, left = rows // self.image_rows, rows % self.image_rows
        return whole * ceil_div(self.image_rows, width) + ceil_div(left, width)

    def rows_read(self, rows: Any, width: Any) -> Any:
        """Input rows read for ``rows`` output rows in strips of ``width``: those of each strip once."""
        whole, left = rows // self.image_rows, rows % self.image_rows
        per_image = self._of_strips(self.image_rows, width) if self.image_rows < UNBOUNDED else 0
        return whole * per_image + self._of_strips(left, width)

    def _of_strips(self, rows: Any, width: Any) -> Any:
        full = smaller(rows, rows // width)
        return full * self.span(width) + self.span(rows - full * width)

    def span(self, rows: Any) -> Any:
        """Input rows under ``rows`` neighbouring output rows, away from the border."""
        between = (rows - 1) * self.stride + (self.kernel_rows - 1) * self.dilation + 1
        return smaller(smaller(between, rows * self.kernel_rows), self.in_rows) * (rows > 0)


class Placement(NamedTuple):
    """PE sets on an array: ``height`` kernel rows each, ``width`` output rows, ``t`` filter groups, ``r`` channel groups.

    ``side``: output rows of a set in one band of the array; ``parts``: pieces that the kernel is cut into;
    ``kernel_cols``: columns of one.
    """

    side: int
    height: int
    width: Any
    t: Any
    r: Any
    parts: int
    kernel_cols: int


class Passes(NamedTuple):
    """What follows from a placement: ``p`` filters and ``q`` channels per PE; blocks of filters and of channels; strips.

    Cycles: ``work`` of a PE in one strip, ``strip`` with waiting for the buses, ``load`` of the filters of a pass,
    ``chain`` for the last sum to climb its column.
    """

    p: Any
    q: Any
    filter_blocks: Any
    channel_blocks: Any
    strips: Any
    work: Any
    strip: Any
    load: Any
    chain: Any

    def cycles(self, phases: Any, strips: Any, double_buffered: bool) -> Any:
        """``phases`` loads of filters, each used for ``strips`` strips.

        Double-buffered, the next filters load meanwhile and the next strip enters the chain before the last has left.
        """
        if not double_buffered:
            return phases * (self.load + strips * self.strip + self.chain)
        return self.load + (phases - 1) * larger(self.load, strips * self.strip) + strips * self.strip + self.chain


def passes(
    rows: Rows, place: Placement, registers: RowStationarySpec, rate: Fraction, e: Any, m: Any, c: Any
) -> Passes:
    """Passes of ``e`` output rows, ``m`` filters and ``c`` channels (of one group) under a placement."""
    s, units = place.kernel_cols, c * place.parts
    most_q = max(1, min(registers.ifmap_words // s, registers.filter_words // s))
    channel_blocks = ceil_div(units, most_q * place.r)
    q = ceil_div(units, place.r * channel_blocks)
    most_p = smaller(registers.psum_words + 0 * q, registers.filter_words // (q * s))
    filter_blocks = ceil_div(m, most_p * place.t)
    p = ceil_div(m, place.t * filter_blocks)
    filled = smaller(place.width + 0 * e, smaller(e, rows.image_rows))
    window = ceil_div(p * q * s * rate.denominator, rate.numerator) + p
    work = rows.width * window
    strip = larger(work, q * rows.in_cols)
    load = p * q * s
    if registers.ifmap_bus:
        read = smaller(q * place.r, units) * rows.span(filled) * rows.in_cols
        strip = larger(strip, ceil_div(read, registers.ifmap_bus * place.parts))
    if registers.psum_bus:
        strip = larger(strip, ceil_div(p * place.t * filled * rows.width, registers.psum_bus))
    if registers.filter_bus:
        load = larger(load, ceil_div(load * place.height * place.r * place.t, registers.filter_bus))
    return Passes(p, q, filter_blocks, channel_blocks, rows.strips(e, place.width), work, strip, load,
                  place.height * place.r - 1)  # fmt: skip


@lru_cache(maxsize=256)
def placements(
    array_rows: int, array_cols: int, kernel_rows: int, kernel_cols: int, registers: RowStationarySpec
) -> tuple[Placement, ...]:
    """All ways to lay sets on an array that no other beats in width, side, t and r at once; the widest first."""
    row_parts = -(-kernel_rows // array_rows)
    held = min(registers.ifmap_words, registers.filter_words)
    col_parts = -(-kernel_cols // held)
    height, cols = -(-kernel_rows // row_parts), -(-kernel_cols // col_parts)
    bands = array_rows // height
    found = set()
    for beside in cuts(array_cols):
        side = array_cols // beside
        for r in cuts(bands):
            slots = bands // r * beside
            found |= {(side * (slots // t), side, r, t) for t in cuts(slots)}
    kept: list[tuple[int, int, int, int]] = []
    for one in sorted(found, reverse=True):
        if not any(all(more >= less for more, less in zip(other, one, strict=True)) for other in kept):
            kept.append(one)
    return tuple(Placement(side, height, width, t, r, row_parts * col_parts, cols) for width, side, r, t in kept)


def cuts(extent: int) -> list[int]:
    """Numbers of parts worth trying along ``extent``: the largest of each part size, or powers of two where many."""
    if extent <= FINE:
        return sorted({extent // part for part in range(1, extent + 1)})
    return sorted({extent, *(1 << power for power in range(extent.bit_length()) if 1 << power <= extent)})
