"""What an ONNX value is while a graph is lowered: its shape, its type, and where its elements lie.

A value is *pieces* of trace tensors, in row-major order. A reshape, a contiguous slice or a concatenation of contiguous
parts is another list of pieces and costs nothing; an operator reads the pieces as uses of one port. Constants known to
the last element (shape arithmetic) also carry their data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any

from sim.trace.model import Use

#: ONNX element types (``onnx.TensorProto.DataType``) that ``dtype`` replaces: float, float16, double, bfloat16.
FLOAT_TYPES = frozenset({1, 10, 11, 16})
#: The other element types that can be stored in a trace. Unsigned types are held as the signed type of their width.
STORED_TYPES = {
    2: "uint8", 3: "int8", 4: "int16", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 12: "int32", 13: "int64",
    17: "fp8_e4m3", 18: "fp8_e4m3", 19: "fp8_e5m2", 20: "fp8_e5m2", 21: "int4", 22: "int4", 23: "fp4",
}  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """``elements`` consecutive elements of the trace tensor ``tensor``, which has ``whole`` elements."""

    tensor: str
    elements: int
    whole: int


@dataclass(frozen=True)
class Value:
    """An ONNX value. ``broadcast``: its pieces are repeated to make up its shape.

    ``padding`` (top, left, bottom, right): its shape counts that many zeros around the image that its pieces do not
    hold; only a convolution reads such a value.
    """

    name: str
    shape: tuple[int, ...]
    element_type: int
    pieces: tuple[Piece, ...]
    constant: bool = False
    data: Any = None
    broadcast: bool = False
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    unknown: bool = False

    @property
    def elements(self) -> int:
        """Number of elements of the shape (a scalar has one)."""
        return prod(self.shape)

    @property
    def uses(self) -> tuple[Use, ...]:
        """The pieces as uses of one operator port."""
        return tuple(Use(p.tensor, None if p.elements == p.whole else p.elements) for p in self.pieces)

    def viewed(self, name: str, shape: tuple[int, ...]) -> Value:
        """The same elements under another name and shape."""
        return replace(self, name=name, shape=shape, data=None)

    def typed(self, element_type: int) -> Value:
        """The same elements, taken for another element type."""
        return replace(self, element_type=element_type, data=None)

    def part(self, name: str, shape: tuple[int, ...], start: int) -> Value:
        """The ``prod(shape)`` consecutive elements from ``start`` on, as a value of their own."""
        left, skip, pieces = prod(shape), start, []
        for piece in self.pieces:
            taken = min(max(piece.elements - skip, 0), left)
            skip = max(skip - piece.elements, 0)
            left -= taken
            if taken:
                pieces.append(Piece(piece.tensor, taken, piece.whole))
        return replace(self, name=name, shape=shape, pieces=tuple(pieces), data=None)


def joined(name: str, shape: tuple[int, ...], values: list[Value]) -> Value:
    """The elements of ``values`` one after the other, as one value."""
    pieces: list[Piece] = []
    for piece in (piece for value in values for piece in value.pieces):
        pieces.append(piece)
    return replace(
        values[0], name=name, shape=shape, pieces=tuple(pieces), constant=all(v.constant for v in values), data=None
    )
