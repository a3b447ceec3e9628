"""Where the tiles of matrix work lie in their tensors: closed forms, for addresses.

A (activations) and C (results) lie by rows, batch item after batch item, K (or N) fastest; of a convolution the input lies
image by image, row by row, pixel by pixel with its channels together. A tile that takes a part of the columns has its rows
apart. B lies in the order in which its tiles move: weights are laid out ahead of time for the plan that reads them, columns
of tiles one after another; so a tile of B is one piece. Keys and values with whole heads in a tile lie the same either way.
Slices of a volume are read for several slices of the result: what is read is more than the tensor, and a tile begins at its
share of it, in one piece.

Left out: the columns that a strided 1x1 convolution skips, rows apart in both batch and K, and which slices of a volume are
read.
"""

from __future__ import annotations

from fractions import Fraction

from sim.hardware.pe.systolic import bits_to_bytes, kept_k
from sim.mapping.geometry import Cut, Geometry
from sim.mapping.matrix_shape import MatrixRegionShape
from sim.mapping.plan import RESULTS, Sources, TilePlace

A, B = 0, 1
"""Positions of the operands; the extras of the vector stage follow."""
Size = tuple[int, Cut, int, int]
"""Of a tile: batch items, M, N, and K units."""


class MatrixPlaces:
    """Places of the tiles of one segment. Firsts are in the units of the nest (b, M units, N, K units)."""

    def __init__(self, shape: MatrixRegionShape, geometry: Geometry) -> None:
        segment, conv = shape.segment, shape.segment.conv
        self._shape = shape
        self._geometry = geometry
        self._kept = kept_k(segment.k, shape.sparsity)
        self._a_rows = conv.images * conv.in_h * conv.in_w if conv else segment.m
        self._kinds: dict[int, tuple[Sources, Fraction]] = {
            A: (shape.a, shape.a_bits), B: (shape.b, shape.b_bits), RESULTS: (shape.c, shape.c_bits)
        }  # fmt: skip
        for position, (total, source) in enumerate(shape.extras, start=2):
            self._kinds[position] = source, Fraction(8 * total, shape.results)
        self._rows: dict[tuple[int, Size], tuple[int, int]] = {}
        self._read = self.extent_bytes(A)
        self._there = sum(size for _, size in shape.a.tiers)

    def extent_bytes(self, position: int) -> int:
        """As in :class:`~sim.mapping.plan.StepSchedule`."""
        shape, segment = self._shape, self._shape.segment
        if position == A:
            return self._bytes(A, segment.batch * self._a_rows * self._geometry.k_units)
        if position == B:
            return self._bytes(B, segment.batch * self._kept * segment.n)
        if position == RESULTS:
            return self._bytes(RESULTS, shape.results)
        total, source = shape.extras[position - 2]
        return int(source.transferred(total))

    def of(self, position: int, first: tuple[int, int, int, int], size: Size) -> TilePlace:
        """The place of the tile of an operand, or of the results."""
        b, m, n, k = first
        segment = self._shape.segment
        if position == B:
            before = kept_k(k * self._geometry.k_unit, self._shape.sparsity)
            return TilePlace(self._bytes(B, (b * segment.n + n) * self._kept + before * size[2]))
        if position == A:
            elements = (b * self._a_rows + self._geometry.input_row(m)) * self._geometry.k_units + k
            if segment.conv is not None and self._read > self._there > 0:
                return TilePlace(self._bytes(A, elements) * self._there // self._read)
        else:
            elements = (b * segment.m + m * self._geometry.m_unit) * segment.n + n
        rows = self._rows.get((position, size))
        if rows is None:
            rows = self._rows[position, size] = self._rows_apart(position, size)
        return TilePlace(self._bytes(position, elements), *rows)

    def _rows_apart(self, position: int, size: Size) -> tuple[int, int]:
        """Bytes of a row of a tile, and from one row to the next; 0 where the tile is one piece."""
        (items, cut, n, k), segment = size, self._shape.segment
        source, bits = self._kinds[position]
        if source.here:  # a part of it is not moved, so its rows are not where the transfer's are
            return 0, 0
        if position == A:
            columns, all_columns, rows, all_rows = k, self._geometry.k_units, cut.a_factor, self._a_rows
        else:
            columns, all_columns, rows, all_rows = n, segment.n, cut.extent, segment.m
        if columns < all_columns:
            width, pitch, several = columns, all_columns, items * rows > 1
        else:
            width, pitch, several = rows * all_columns, all_rows * all_columns, items > 1
        row = int(bits_to_bytes(width, bits)) if several and width < pitch else 0
        return (row, int(bits_to_bytes(pitch, bits))) if row else (0, 0)

    def _bytes(self, position: int, elements: int) -> int:
        """Bytes moved of an operand's first ``elements``, without the last where it is only begun."""
        source, bits = self._kinds[position]
        return int(source.transferred(elements * bits.numerator // (8 * bits.denominator)))
