"""Vector unit: element-wise and row-wise work at a rate per lane and function.

What it models: sum over functions of ceil(operations / (lanes * rate)) cycles, plus a fixed pipeline latency per tile.
It also multiplies matrices (function ``mac``), which the mapper may choose for shapes that starve an array. What it
leaves out: register files, instruction issue, bank conflicts below the scratchpad's bandwidth.

Busy means: a tile is in the unit's pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

from pydantic import Field

from sim.config.fields import NonNegativeInt, PositiveInt, Rate
from sim.config.spec import ComponentSpec, components
from sim.core.arith import ceil_div
from sim.core.clock import Clock
from sim.core.component import Activity, Component, Context
from sim.core.server import ClockedServer

FUNCTIONS = ("add", "mul", "mac", "max", "exp", "log", "div", "rsqrt", "sin", "copy")


class VectorSpec(ComponentSpec):
    """YAML keys of ``kind: vector_unit``."""

    lanes: PositiveInt = Field(description="elements processed side by side")
    rates: dict[str, Rate] = Field(default={}, description="function -> elements per lane per cycle; default 1 each")
    latency_cycles: NonNegativeInt = Field(default=0, description="pipeline latency per tile")


class VectorModel:
    """The closed form of one vector unit (``count`` units split a tile evenly)."""

    def __init__(self, spec: VectorSpec, clock_hz: Fraction) -> None:
        self.spec = spec
        self.clock = Clock(clock_hz)
        self.lanes = spec.lanes * spec.count

    def peak_macs_per_s(self) -> Fraction:
        """Multiply-accumulates per second of all lanes."""
        return self.lanes * self.spec.rates.get("mac", Fraction(1)) * self.clock.hz

    def cycles(self, operations: Iterable[tuple[str, Any]]) -> Any:
        """Cycles of a tile with these operation counts."""
        total: Any = self.spec.latency_cycles
        for function, count in operations:
            rate = self.spec.rates.get(function, Fraction(1)) * self.lanes
            total = total + ceil_div(count * rate.denominator, rate.numerator)
        return total


@components.register("vector_unit")
class VectorUnit(Component):
    """The vector units of one core as one lane."""

    Spec = VectorSpec

    def __init__(self, context: Context, path: str, rank: int, declared: str, spec: VectorSpec, hz: Fraction) -> None:
        super().__init__(context, path, rank, declared)
        self.model = VectorModel(spec, hz)
        self.server = ClockedServer(self, self.model.clock, self.lane())

    def submit(
        self,
        operations: tuple[tuple[str, int], ...],
        cause: str,
        activity: Activity,
        done: Callable[[], None],
        started: Callable[[], None] | None = None,
    ) -> None:
        """Run one tile's operations; ``started`` runs when they enter the pipeline."""
        for function, count in operations:
            self.count(activity.owner, f"op_{function}", count)
        self.server.submit(self.model.cycles(operations), done, cause, "vector", activity, started)
