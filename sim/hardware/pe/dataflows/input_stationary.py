"""Input stationary (is): each PE keeps one element of A; B streams through, partial sums move down the columns.

The mirror image of weight stationary with A and B exchanged; the overlap argument is the same.
"""

from __future__ import annotations

from typing import Any

from sim.hardware.pe.dataflow import Reads, dataflows
from sim.hardware.pe.dataflows.weight_stationary import WeightStationary


@dataflows.register("is")
class InputStationary(WeightStationary):
    """S_r = K, S_c = M, T = N."""

    name = "is"
    stream_splits = True
    stationary = "a"

    @staticmethod
    def extents(m: Any, n: Any, k: Any) -> tuple[Any, Any, Any]:
        return k, m, n

    @staticmethod
    def reads(m: Any, n: Any, k: Any, kept_k: Any, row_folds: Any, col_folds: Any) -> Reads:
        return Reads(a=m * k, b=col_folds * kept_k * n, c=row_folds * m * n)
