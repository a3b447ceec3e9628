"""The interface of a dataflow, and the registry of dataflows (one file each in ``dataflows/``).

A dataflow says how one tile of matrix work lies on the processing elements (PEs) of a core's arrays, how long that takes
and what crosses the edge of the arrays. All of it works on integers and on numpy integer arrays alike.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, ClassVar, NamedTuple

from sim.core.registry import Registry
from sim.hardware.pe.row_spec import RowStationarySpec
from sim.trace.work import ConvShape


class ArrayShape(NamedTuple):
    """``arrays`` arrays of ``rows`` x ``cols`` PEs; ``overlap``: of folds, and ``share``: of arrays in a tile, as in
    :class:`~sim.hardware.pe.systolic.SystolicSpec`."""

    rows: int
    cols: int
    arrays: int
    overlap: str
    row_stationary: RowStationarySpec | None
    share: str = "fastest"

    @property
    def double_buffered(self) -> bool:
        """Do the next fold's operands load behind the current one, and follow it directly?"""
        return self.overlap == "double_buffered"


class TileExtents(NamedTuple):
    """``b`` products of [m,k] x [k,n]. ``kept_k``: k after sparsity; ``steps``: that at the element type's rate.

    ``conv``: the convolution whose im2col form this is (m whole output rows, k whole channels), if it is one.
    ``rate``: MACs per PE and cycle.
    """

    b: Any
    m: Any
    n: Any
    k: Any
    kept_k: Any
    steps: Any
    rate: Fraction
    conv: ConvShape | None


class Spread(NamedTuple):
    """How a tile lies on the arrays of a core (integers or arrays).

    ``folds``: parts that may go to different arrays, each of ``stream`` steps; ``by_stream``: the arrays share the steps
    of every fold instead; ``cycles``: of the busiest array. ``layout``: what else the dataflow wants to remember.
    """

    folds: Any
    stream: Any
    by_stream: Any
    cycles: Any
    layout: Any = None


class Reads(NamedTuple):
    """Element counts of one tile at the array's edge (integers or arrays).

    ``a``, ``b``: operand elements read. ``c``: partial or final results written. Of those, ``m*n`` per batch item are
    the tile's results; the rest are partial sums of inner K folds, each of which is read back once. Inside the PEs,
    where a dataflow counts it: words read from and written to registers, and partial sums passed to a neighbour.
    """

    a: Any
    b: Any
    c: Any
    register_reads: Any = 0
    register_writes: Any = 0
    hops: Any = 0


class Dataflow:
    """Base of all dataflows; all counts in cycles or elements."""

    name: ClassVar[str]

    @classmethod
    def offered_by(cls, array: ArrayShape) -> bool:
        """Is the dataflow among those that ``auto`` tries on such an array? Asked for by name, it always is."""
        return True

    @classmethod
    def spread(cls, array: ArrayShape, tile: TileExtents) -> Spread:
        """How ``tile`` lies on the arrays, in the way that takes the fewest cycles."""
        raise NotImplementedError

    @classmethod
    def shares(cls, array: ArrayShape, spread: Spread) -> list[int]:
        """Cycles of each array that takes part, longest first (integers only)."""
        raise NotImplementedError

    @classmethod
    def edge(cls, array: ArrayShape, tile: TileExtents, spread: Spread) -> Reads:
        """What crosses the edge of the arrays, for the whole tile."""
        raise NotImplementedError

    @classmethod
    def streaming(cls, array: ArrayShape, tile: TileExtents, spread: Spread) -> Any:
        """Cycles, summed over the arrays, in which PEs take operands: what is busy beyond them is filling and draining."""
        raise NotImplementedError

    @classmethod
    def explain(cls, array: ArrayShape, tile: TileExtents, spread: Spread) -> list[str]:
        """The closed form of ``spread.cycles`` with its numbers, a line each (integers only)."""
        return [f"cycles = {spread.cycles}: closed form of dataflow {cls.name}"]


dataflows: Registry[type[Dataflow]] = Registry("dataflows", "dataflow")


def even_parts(total: int, parts: int) -> list[int]:
    """``total`` split into at most ``parts`` positive parts that differ by at most one, largest first."""
    base, extra = divmod(total, parts)
    return [base + (place < extra) for place in range(parts) if base + (place < extra)]
