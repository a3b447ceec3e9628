"""``kind: roofline``: an engine known by its peaks only, such as a published GPU that others are compared with.

What it models: matrix work at a peak per element type times a sustained share, other work at the rate of its vector
units, bytes at the pace of the memory tiers it is linked to, contended by whoever else uses them; one kernel (region)
after another, each pipelined in tiles. What it leaves out: caches, the shape of its multipliers, occupancy, and launch
cost (add a ``host``). The two sustained shares are parameters: give them with their source. Busy means: multiplying or
computing, at the sustained rate.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated

from pydantic import AfterValidator, Field

from sim.config.fields import ComputeRate, Rate
from sim.config.spec import components
from sim.core.clock import PS_PER_S, Clock
from sim.core.component import Component, Context
from sim.core.server import ClockedServer
from sim.hardware.engine import EngineSpec

PICOSECONDS = Clock(Fraction(PS_PER_S))
"""An engine without a clock of its own is timed in picoseconds."""
Operations = tuple[tuple[str, int], ...]


def _share(value: Fraction) -> Fraction:
    if value > 1:
        raise ValueError("a share of peak is at most 1")
    return value


Share = Annotated[Rate, AfterValidator(_share)]


class RooflineSpec(EngineSpec):
    """YAML keys of ``kind: roofline``."""

    types: dict[str, ComputeRate] = Field(
        description="element type -> peak of matrix products, such as '312 TFLOP/s' (a multiply-add counts two)"
    )
    sustained: Share = Field(default=Fraction(1), description="fraction of that peak that large products reach")
    vector: ComputeRate = Field(description="peak of element-wise work, such as '19.5 TFLOP/s'")
    vector_sustained: Share = Field(default=Fraction(1), description="fraction of `vector` that kernels reach")


class RooflineModel:
    """Closed forms of one engine (no state). Times in picoseconds."""

    def __init__(self, spec: RooflineSpec) -> None:
        self.spec = spec

    def peak_macs_per_s(self, compute_type: str) -> Fraction:
        """Peak for an element type; 0 where it is not multiplied."""
        return self.spec.types.get(compute_type, Fraction(0)) / 2

    def matrix_ps(self, macs: int, compute_type: str) -> int:
        """Time of ``macs`` multiply-accumulates at the sustained rate."""
        return _ceil(macs * PS_PER_S / (self.peak_macs_per_s(compute_type) * self.spec.sustained))

    def vector_ps(self, operations: Operations) -> int:
        """Time of element-wise operations, each counted as one; a multiply-add as two."""
        whole = sum(count * (2 if name == "mac" else 1) for name, count in operations)
        return _ceil(whole * PS_PER_S / (self.spec.vector * self.spec.vector_sustained))


def _ceil(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)


@components.register("roofline")
class Roofline(Component):
    """One roofline engine in a run: one lane, served in order."""

    Spec = RooflineSpec

    def __init__(
        self, context: Context, path: str, rank: int, declared: str, spec: RooflineSpec, hz: Fraction | None
    ) -> None:
        super().__init__(context, path, rank, declared)
        self.model = RooflineModel(spec)
        self.server = ClockedServer(self, PICOSECONDS, self.lane())
