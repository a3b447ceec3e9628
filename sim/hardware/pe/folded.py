"""Systolic dataflows: a tile is cut into folds of R x C, operands stream through each.

With (S_r, S_c, T), the extents along rows and columns and the streaming extent, a tile has ceil(S_r/R) * ceil(S_c/C)
folds per batch item. Arrays of a core share the folds, or (where the dataflow allows) the stream of every fold.
Partially filled folds cost as much as full ones, as in hardware without early exit.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sim.core.arith import ceil_div, smaller
from sim.hardware.pe.dataflow import ArrayShape, Dataflow, Reads, Spread, TileExtents, even_parts


class FoldedDataflow(Dataflow):
    """Base of os, ws and is. R, C: rows and columns of the array."""

    #: may the streaming extent be split over several arrays (each with a copy of the stationary operand)?
    stream_splits: ClassVar[bool]
    #: the operand that is copied when the stream is split
    stationary: ClassVar[str]

    @staticmethod
    def extents(m: Any, n: Any, k: Any) -> tuple[Any, Any, Any]:
        """(S_r, S_c, T): extents along rows and columns of the array, and the streaming extent."""
        raise NotImplementedError

    @staticmethod
    def fold_cycles(rows: Any, cols: Any, stream: Any) -> Any:
        """Cycles of one fold alone: from its first operand entering to its last result leaving."""
        raise NotImplementedError

    @staticmethod
    def overlapped_cycles(rows: Any, cols: Any, folds: Any, stream: Any) -> Any:
        """Cycles of ``folds`` folds back to back with ``fold_overlap: double_buffered``."""
        raise NotImplementedError

    @staticmethod
    def reads(m: Any, n: Any, k: Any, kept_k: Any, row_folds: Any, col_folds: Any) -> Reads:
        """Edge traffic of one batch item; ``kept_k`` is K after structured sparsity (B holds only those)."""
        raise NotImplementedError

    @classmethod
    def spread(cls, array: ArrayShape, tile: TileExtents) -> Spread:
        row_extent, col_extent, stream = cls.extents(tile.m, tile.n, tile.steps)
        folds = tile.b * ceil_div(row_extent, array.rows) * ceil_div(col_extent, array.cols)
        whole = cls.cycles(array, ceil_div(folds, array.arrays), stream)
        if not cls.stream_splits or array.arrays == 1:
            return Spread(folds, stream, folds != folds, whole)
        split = cls.cycles(array, folds, ceil_div(stream, array.arrays))
        if array.share == "stream":
            return Spread(folds, stream, folds == folds, split)
        return Spread(folds, stream, split < whole, smaller(whole, split))

    @classmethod
    def shares(cls, array: ArrayShape, spread: Spread) -> list[int]:
        if spread.by_stream:
            return [cls.cycles(array, spread.folds, part) for part in even_parts(spread.stream, array.arrays)]
        return [cls.cycles(array, part, spread.stream) for part in even_parts(spread.folds, array.arrays)]

    @classmethod
    def edge(cls, array: ArrayShape, tile: TileExtents, spread: Spread) -> Reads:
        row_extent, col_extent, _ = cls.extents(tile.m, tile.n, tile.steps)
        row_folds, col_folds = ceil_div(row_extent, array.rows), ceil_div(col_extent, array.cols)
        one = cls.reads(tile.m, tile.n, tile.k, tile.kept_k, row_folds, col_folds)
        copies = 1 + spread.by_stream * (array.arrays - 1)
        return Reads(
            a=tile.b * one.a * (copies if cls.stationary == "a" else 1),
            b=tile.b * one.b * (copies if cls.stationary == "b" else 1),
            c=tile.b * one.c,
        )

    @classmethod
    def streaming(cls, array: ArrayShape, tile: TileExtents, spread: Spread) -> Any:
        return spread.folds * spread.stream

    @classmethod
    def cycles(cls, array: ArrayShape, folds: Any, stream: Any) -> Any:
        """Cycles of ``folds`` folds of ``stream`` steps on one array."""
        if array.double_buffered:
            return cls.overlapped_cycles(array.rows, array.cols, folds, stream)
        if array.overlap == "load":
            return cls.loaded_cycles(array.rows, array.cols, folds, stream)
        return folds * cls.fold_cycles(array.rows, array.cols, stream)

    @classmethod
    def loaded_cycles(cls, rows: Any, cols: Any, folds: Any, stream: Any) -> Any:
        """Cycles of ``folds`` folds with ``fold_overlap: load``; where nothing loads first, that of folds one by one."""
        return folds * cls.fold_cycles(rows, cols, stream)

    @classmethod
    def explain(cls, array: ArrayShape, tile: TileExtents, spread: Spread) -> list[str]:
        row_extent, col_extent, stream = cls.extents(tile.m, tile.n, tile.steps)
        row_folds, col_folds = -(-row_extent // array.rows), -(-col_extent // array.cols)
        folds = spread.folds if spread.by_stream else -(-spread.folds // array.arrays)
        length = -(-stream // array.arrays) if spread.by_stream else stream
        how = "the stream is split" if spread.by_stream else "the folds are split"
        return [
            f"folds = b * ceil(S_r/R) * ceil(S_c/C) = {tile.b} * ceil({row_extent}/{array.rows}) * "
            f"ceil({col_extent}/{array.cols}) = {tile.b * row_folds * col_folds}, T = {stream}",
            f"{how} over the arrays: {folds} folds of T = {length} on the busiest",
            f"cycles = {cls.formula(array, folds, length)}",
        ]

    @classmethod
    def formula(cls, array: ArrayShape, folds: int, stream: int) -> str:
        """The closed form with its numbers."""
        return f"closed form of dataflow {cls.name}"
