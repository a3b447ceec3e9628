"""What the plan of one matrix segment depends on besides the machine."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from sim.mapping.plan import Sources
from sim.trace.work import MatrixSegment


@dataclass(frozen=True)
class MatrixRegionShape:
    """All that the plan of one matrix segment depends on, besides the machine. Hashable: the key of the plan cache.

    ``extras``: operands of the vector stage (bytes, source); ``operations``: of the fused chain, for all results of the
    segment. Bits are per element.
    """

    segment: MatrixSegment
    sparsity: tuple[int, int] | None
    compute_type: str
    a_bits: Fraction
    b_bits: Fraction
    c_bits: Fraction
    a: Sources
    b: Sources
    c: Sources
    extras: tuple[tuple[int, Sources], ...]
    operations: tuple[tuple[str, int], ...]

    @property
    def results(self) -> int:
        return self.segment.batch * self.segment.m * self.segment.n

    def part(self, total: int, before: int, results: int) -> int:
        """The share of ``total`` of the block of results [before, before + results): exact over all blocks."""
        whole = self.results
        return total * (before + results) // whole - total * before // whole
