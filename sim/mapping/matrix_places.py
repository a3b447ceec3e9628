"""Where the tiles of matrix work lie in their tensors: closed forms, for addresses.

A (activations) and C (results) lie by rows, batch item after batch item, K (or N) fastest; of a convolution the input lies
image by image, row by row, pixel by pixel with its channels together. A tile that takes a part of the columns has its rows
apart. B lies in the order in which its tiles move: weights are laid out ahead of time for the plan that reads them, columns
of tiles one after another; so a tile of B is one piece. Keys and values with whole heads in a tile lie the same either way.

Left out: the columns that a strided 1x1 convolution skips, and rows apart in both batch and K.
"""

from __future__ import annotations

from fractions import Fraction

from sim.hardware.pe.systolic import bits_to_bytes, kept_k
from sim.mapping.geometry import Cut, Geometry
from sim.mapping.matrix_shape import MatrixRegionShape
from sim.mapping.plan import RESULTS, Sources, TilePlace

A, B = 0, 1
"""Positions of the operands; the extras of the vector stage follow."""


class MatrixPlaces:
    """Places of the tiles of one segment. Firsts are in the units of the nest (b, M units, N, K units)."""

    def __init__(self, shape: MatrixRegionShape, geometry: Geometry) -> None:
        segment, conv = shape.segment, shape.segment.conv
        self._shape = shape
        self._geometry = geometry
        self._kept = kept_k(segment.k, shape.sparsity)
        self._a_rows = conv.images * conv.in_h * conv.in_w if conv else segment.m

    def extent_bytes(self, position: int) -> int:
        """As in :class:`~sim.mapping.plan.StepSchedule`."""
        shape, segment = self._shape, self._shape.segment
        if position == A:
            return self._bytes(shape.a, segment.batch * self._a_rows * self._geometry.k_units, shape.a_bits)
        if position == B:
            return self._bytes(shape.b, segment.batch * self._kept * segment.n, shape.b_bits)
        if position == RESULTS:
            return self._bytes(shape.c, shape.results, shape.c_bits)
        total, source = shape.extras[position - 2]
        return int(source.transferred(total))

    def of(self, position: int, first: tuple[int, int, int, int], size: tuple[int, Cut, int, int]) -> TilePlace:
        """The place of the tile of an operand. ``size``: batch items, M, N, and K units."""
        shape = self._shape
        if position == A:
            return self._a(first, size)
        if position == B:
            b, _, n, k = first
            before = kept_k(k * self._geometry.k_unit, shape.sparsity)
            elements = (b * shape.segment.n + n) * self._kept + before * size[2]
            return TilePlace(self._bytes(shape.b, elements, shape.b_bits))
        if position == RESULTS:
            return self._results(first, size, shape.c, shape.c_bits)
        total, source = shape.extras[position - 2]
        return self._results(first, size, source, Fraction(8 * total, shape.results))

    def _a(self, first: tuple[int, int, int, int], size: tuple[int, Cut, int, int]) -> TilePlace:
        (b, m, _, k), (items, cut, _, units) = first, size
        pitch, rows = self._geometry.k_units, cut.a_factor
        elements = (b * self._a_rows + self._geometry.input_row(m)) * pitch + k
        return self._place(self._shape.a, self._shape.a_bits, elements, (units, pitch), (rows, self._a_rows), items)

    def _results(
        self, first: tuple[int, int, int, int], size: tuple[int, Cut, int, int], source: Sources, bits: Fraction
    ) -> TilePlace:
        (b, m, n, _), (items, cut, columns, _) = first, size
        segment = self._shape.segment
        elements = (b * segment.m + m * self._geometry.m_unit) * segment.n + n
        return self._place(source, bits, elements, (columns, segment.n), (cut.extent, segment.m), items)

    def _place(
        self, source: Sources, bits: Fraction, elements: int, columns: tuple[int, int], rows: tuple[int, int], items: int
    ) -> TilePlace:  # fmt: skip
        """``columns``, ``rows``: of the tile, and of the whole; ``items`` of the batch."""
        offset = self._bytes(source, elements, bits)
        if source.here:  # a part of it is not moved, so its rows are not where the transfer's are
            return TilePlace(offset)
        if columns[0] < columns[1]:
            width, pitch, several = *columns, items * rows[0] > 1
        else:
            width, pitch, several = rows[0] * columns[1], rows[1] * columns[1], items > 1
        row = bits_to_bytes(width, bits) if several and width < pitch else 0
        return TilePlace(offset, int(row), int(bits_to_bytes(pitch, bits))) if row else TilePlace(offset)

    @staticmethod
    def _bytes(source: Sources, elements: int, bits: Fraction) -> int:
        return int(source.transferred(int(elements * bits) >> 3))
