"""Output stationary (os): each PE keeps one result; A streams in from the left, B from the top.

One fold: skew of R + C - 2 cycles, then T = K products per PE. Overlapped: the next fold's operands follow directly (an
interval of T) while the finished results shift out through the column, which takes R cycles and so bounds the interval
from below: interval = max(T, R).
"""

from __future__ import annotations

from typing import Any

from sim.core.arith import larger
from sim.hardware.pe.dataflow import ArrayShape, Reads, dataflows
from sim.hardware.pe.folded import FoldedDataflow


@dataflows.register("os")
class OutputStationary(FoldedDataflow):
    """S_r = M, S_c = N, T = K."""

    name = "os"
    stream_splits = False
    stationary = "c"

    @staticmethod
    def extents(m: Any, n: Any, k: Any) -> tuple[Any, Any, Any]:
        return m, n, k

    @staticmethod
    def fold_cycles(rows: Any, cols: Any, stream: Any) -> Any:
        return rows + cols + stream - 2

    @staticmethod
    def overlapped_cycles(rows: Any, cols: Any, folds: Any, stream: Any) -> Any:
        return (folds - 1) * larger(stream, rows) + rows + cols + stream - 2

    @staticmethod
    def reads(m: Any, n: Any, k: Any, kept_k: Any, row_folds: Any, col_folds: Any) -> Reads:
        return Reads(a=col_folds * m * k, b=row_folds * kept_k * n, c=m * n)

    @classmethod
    def formula(cls, array: ArrayShape, folds: int, stream: int) -> str:
        rows, one = array.rows, f"({array.rows} + {array.cols} + {stream} - 2)"
        if not array.double_buffered:
            return f"folds * (R+C+T-2) = {folds} * {one}"
        return f"(folds-1) * max(T, R) + R+C+T-2 = {folds - 1} * max({stream}, {rows}) + {one}"
