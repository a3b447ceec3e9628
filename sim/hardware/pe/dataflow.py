"""The interface of a systolic dataflow, and the registry of dataflows (one file each in ``dataflows/``)."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from sim.core.registry import Registry


class Reads(NamedTuple):
    """Element counts of one tile at the array's edge (integers or arrays).

    ``a``, ``b``: operand elements read. ``c``: partial or final results written. Of those, ``m*n`` per batch item are
    the tile's results; the rest are partial sums of inner K folds, each of which is read back once.
    """

    a: Any
    b: Any
    c: Any


class Dataflow:
    """Base of all dataflows. R, C: rows and columns of the array; all counts in cycles or elements."""

    name: ClassVar[str]
    #: may the streaming extent be split over several arrays (each with a copy of the stationary operand)?
    stream_splits: ClassVar[bool]

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
        """Edge traffic of a tile; ``kept_k`` is K after structured sparsity (B holds only those)."""
        raise NotImplementedError


dataflows: Registry[type[Dataflow]] = Registry("dataflows", "dataflow")
