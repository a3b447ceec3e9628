"""Weight stationary (ws): each PE keeps one element of B; A streams through, partial sums move down the columns.

One fold: R cycles to load the weights, then T = M rows stream with a skew of R + C - 2. Overlapped (a second weight
register per PE): the next fold's weights load behind the streaming, so the interval is max(R, T): free when T >= R and
charged when not; the first load and the last skew remain. With ``fold_overlap: load`` a fold waits for the last result of
the one before: the interval is R + C + T - 2.
"""

from __future__ import annotations

from typing import Any

from sim.core.arith import larger
from sim.hardware.pe.dataflow import ArrayShape, Reads, dataflows
from sim.hardware.pe.folded import FoldedDataflow


@dataflows.register("ws")
class WeightStationary(FoldedDataflow):
    """S_r = K, S_c = N, T = M."""

    name = "ws"
    stream_splits = True
    stationary = "b"

    @staticmethod
    def extents(m: Any, n: Any, k: Any) -> tuple[Any, Any, Any]:
        return k, n, m

    @staticmethod
    def fold_cycles(rows: Any, cols: Any, stream: Any) -> Any:
        return 2 * rows + cols + stream - 2

    @staticmethod
    def overlapped_cycles(rows: Any, cols: Any, folds: Any, stream: Any) -> Any:
        return rows + (folds - 1) * larger(rows, stream) + rows + cols + stream - 2

    @classmethod
    def loaded_cycles(cls, rows: Any, cols: Any, folds: Any, stream: Any) -> Any:
        return rows + folds * (rows + cols + stream - 2)

    @staticmethod
    def reads(m: Any, n: Any, k: Any, kept_k: Any, row_folds: Any, col_folds: Any) -> Reads:
        return Reads(a=col_folds * m * k, b=kept_k * n, c=row_folds * m * n)

    @classmethod
    def formula(cls, array: ArrayShape, folds: int, stream: int) -> str:
        rows, cols = array.rows, array.cols
        if array.overlap == "load":
            return f"R + folds * (R+C+T-2) = {rows} + {folds} * ({rows} + {cols} + {stream} - 2)"
        if not array.double_buffered:
            return f"folds * (2R+C+T-2) = {folds} * (2*{rows} + {cols} + {stream} - 2)"
        last = f"({rows} + {cols} + {stream} - 2)"
        return f"R + (folds-1) * max(R, T) + R+C+T-2 = {rows} + {folds - 1} * max({rows}, {stream}) + {last}"
