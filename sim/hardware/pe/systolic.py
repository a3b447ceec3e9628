"""PE arrays: GEMM and convolution tiles on R x C processing elements, one or several arrays side by side.

What it models: a tile under a dataflow (:mod:`sim.hardware.pe.dataflows`), serial or double-buffered; MAC rates per
element type (a rate of 2 takes two K values per PE and cycle, 1/2 takes two cycles per K value); N:M structured
sparsity along K; the spread of a tile's folds (or of its stream) over the arrays of a core; edge traffic to the
scratchpad or the arrays' own accumulator. What it leaves out: clock gating.

Busy means: a tile is on the array, from its first operand to its last result.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field

from sim.config.fields import PositiveInt, Rate, SizeBytes, among, at_most
from sim.config.spec import ComponentSpec, components
from sim.core.arith import ceil_div
from sim.core.clock import Clock
from sim.core.component import Component, Context
from sim.core.server import ServerRow
from sim.hardware.pe.dataflow import ArrayShape, Dataflow, Spread, TileExtents, dataflows
from sim.hardware.pe.row_spec import RowStationarySpec
from sim.trace.dtypes import compute_names
from sim.trace.work import ConvShape

ACCUMULATE_BITS = 32
"""Partial sums are 32 bits wide (fp32 or int32), the common width of bf16/fp16/int8 arrays (e.g. TPU, Jouppi 2017)."""


AUTO = "auto"
MAX_SIDE = 2**16
"""PEs along a side: far beyond any array built, and its square is far from the integers' end."""
Side = Annotated[PositiveInt, AfterValidator(at_most(MAX_SIDE))]
ComputeType = Annotated[str, AfterValidator(among(compute_names))]


class SystolicSpec(ComponentSpec):
    """YAML keys of ``kind: systolic_array``."""

    rows: Side = Field(description="PE rows R")
    cols: Side = Field(description="PE columns C")
    dataflow: Annotated[str, AfterValidator(among(lambda: (*dataflows.names(), AUTO)))] = Field(
        default="ws", description="os, ws, is, rs, or auto (chosen per operator)"
    )
    row_stationary: RowStationarySpec | None = Field(
        default=None, description="registers of a PE and buses for rs; stated, auto tries rs too"
    )
    fold_overlap: Literal["none", "load", "double_buffered"] = Field(
        default="double_buffered",
        description="of one fold and the next: nothing overlaps; the stationary operand loads while the fold before drains; "
        "or that, and operands follow directly",
    )
    share: Literal["fastest", "stream"] = Field(
        default="fastest",
        description="how the arrays of a core share a tile: its folds or its stream, whichever ends first; or always the "
        "stream, as arrays do that are driven as one",
    )
    types: Annotated[dict[ComputeType, Rate], Field(min_length=1)] = Field(
        default={"bf16": Fraction(1), "int8": Fraction(1)}, description="element type -> MACs per PE per cycle"
    )
    accumulator: SizeBytes = Field(
        default=0, description="bytes per array for partial sums; 0: partial sums live in the scratchpad"
    )


class MatrixTile(NamedTuple):
    """A tile of matrix work on one core. ``first_k``/``last_k``: does it start, does it finish its results?

    ``b`` independent products of [m,k] x [k,n]; ``kept_k``: K after sparsity; bits per element of A, B and results;
    ``conv``: the convolution that it is a part of, if any.
    """

    b: Any
    m: Any
    n: Any
    k: Any
    kept_k: Any
    first_k: Any
    last_k: Any
    a_bits: Fraction
    b_bits: Fraction
    c_bits: Fraction
    conv: ConvShape | None = None


class Traffic(NamedTuple):
    """Elements and bytes that a tile moves at the edge of its arrays."""

    a: Any
    b: Any
    c: Any
    scratchpad_read: Any
    scratchpad_write: Any
    accumulator_read: Any
    accumulator_write: Any
    register_reads: Any
    register_writes: Any
    hops: Any


class SystolicModel:
    """The closed forms of ``count`` arrays of one core: used by the event that occupies them and by the mapper."""

    def __init__(self, spec: SystolicSpec, clock_hz: Fraction) -> None:
        self.spec = spec
        self.clock = Clock(clock_hz)
        self.arrays = spec.count
        self.shape = ArrayShape(spec.rows, spec.cols, spec.count, spec.fold_overlap, spec.row_stationary,
                                spec.share)  # fmt: skip

    def rate(self, compute_type: str) -> Fraction | None:
        """MACs per PE per cycle for an element type; None when the array cannot multiply it."""
        return self.spec.types.get(compute_type)

    def flows(self, name: str) -> list[type[Dataflow]]:
        """The dataflows that ``name`` stands for: itself, or with ``auto`` all that these arrays can work in."""
        if name != AUTO:
            return [dataflows.get(name)]
        return [flow for flow in map(dataflows.get, dataflows.names()) if flow.offered_by(self.shape)]

    def effective_k(self, kept_k: Any, rate: Fraction) -> Any:
        """Steps along K after the type's rate."""
        return ceil_div(kept_k * rate.denominator, rate.numerator)

    def extents(
        self, b: Any, m: Any, n: Any, kept_k: Any, rate: Fraction, conv: ConvShape | None = None, k: Any = None
    ) -> TileExtents:
        """A tile as dataflows see it; ``k``: before sparsity, the same as ``kept_k`` when left out."""
        return TileExtents(b, m, n, kept_k if k is None else k, kept_k, self.effective_k(kept_k, rate), rate, conv)

    def spread(
        self, flow: type[Dataflow], b: Any, m: Any, n: Any, kept_k: Any, rate: Fraction, conv: ConvShape | None = None
    ) -> Spread:
        """Spread a tile over the arrays: its folds if that is faster, else its stream (where the dataflow allows)."""
        return flow.spread(self.shape, self.extents(b, m, n, kept_k, rate, conv))

    def shares(self, flow: type[Dataflow], spread: Spread) -> list[int]:
        """Cycles of each array that takes part, longest first (integers only)."""
        return flow.shares(self.shape, spread)

    def traffic(self, flow: type[Dataflow], tile: MatrixTile, spread: Spread, rate: Fraction) -> Traffic:
        """Edge traffic of a tile. Partial sums stay in the accumulator when the arrays' accumulators hold the tile."""
        extents = self.extents(tile.b, tile.m, tile.n, tile.kept_k, rate, tile.conv, tile.k)
        reads = flow.edge(self.shape, extents, spread)
        a, b, written, results = reads.a, reads.b, reads.c, tile.b * tile.m * tile.n
        partial_writes = written - results * tile.last_k
        partial_reads = written - results * tile.first_k
        held = self.accumulator_holds(results)
        final = bits_to_bytes(results * tile.last_k, tile.c_bits)
        psum_write, psum_read = partial_writes * (ACCUMULATE_BITS // 8), partial_reads * (ACCUMULATE_BITS // 8)
        return Traffic(
            a=a,
            b=b,
            c=written,
            scratchpad_read=bits_to_bytes(a, tile.a_bits) + bits_to_bytes(b, tile.b_bits) + psum_read * (1 - held),
            scratchpad_write=final + psum_write * (1 - held),
            accumulator_read=(psum_read + results * tile.last_k * (ACCUMULATE_BITS // 8)) * held,
            accumulator_write=written * (ACCUMULATE_BITS // 8) * held,
            register_reads=reads.register_reads,
            register_writes=reads.register_writes,
            hops=reads.hops,
        )

    def accumulator_holds(self, results: Any) -> Any:
        """1 where the arrays' accumulators together hold ``results`` partial sums, else 0."""
        return 1 * (results * (ACCUMULATE_BITS // 8) <= self.spec.accumulator * self.arrays)

    def peak_macs_per_s(self, compute_type: str) -> Fraction:
        """Peak of all arrays of one core for an element type; 0 when it cannot multiply it."""
        rate = self.rate(compute_type)
        return self.spec.rows * self.spec.cols * self.arrays * self.clock.hz * rate if rate else Fraction(0)


def bits_to_bytes(elements: Any, bits: Fraction) -> Any:
    """Bytes of ``elements`` elements of ``bits`` bits each, rounded up."""
    return ceil_div(elements * bits.numerator, 8 * bits.denominator)


def kept_k(k: int, sparsity: tuple[int, int] | None) -> int:
    """K after N:M structured sparsity: floor(K/M)*N + min(N, K mod M)."""
    if sparsity is None:
        return k
    kept, block = sparsity
    return k // block * kept + min(kept, k % block)


@components.register("systolic_array")
class SystolicArrays(Component):
    """The arrays of one core: a server and lane each; the executor spreads a tile's shares over them."""

    Spec = SystolicSpec

    def __init__(self, context: Context, path: str, rank: int, declared: str, spec: SystolicSpec, hz: Fraction) -> None:
        super().__init__(context, path, rank, declared)
        self.model = SystolicModel(spec, hz)
        names = [f"[{place}]" for place in range(spec.count)] if spec.count > 1 else [""]
        for name in names:
            self.lane().name = f"{path}{name}"
        self.servers = ServerRow(self, self.model.clock, self.lanes)
