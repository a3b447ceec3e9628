"""DMA: moves a tile's operands between tiers and a scratchpad.

What it models: descriptors set up one after another (``setup_cycles`` each), then any number of transfers in flight;
buffer space (credits) and dependencies, not the DMA, limit how far it runs ahead. A core without a ``dma`` in the YAML
has one with no set-up cost. A ``dma`` outside every core copies whole tensors between memory tiers
(:mod:`sim.hardware.copy_engine`). What it leaves out: a bounded number of outstanding requests, and address generation.

Lanes: ``load`` and ``store``. Busy means: at least one transfer of that direction is in flight.
"""

from __future__ import annotations

from fractions import Fraction

from pydantic import Field

from sim.config.fields import NonNegativeInt, PositiveInt, SizeBytes
from sim.config.spec import ComponentSpec, components
from sim.core.clock import Clock
from sim.core.component import Activity, Component, Context, Lane


class DmaSpec(ComponentSpec):
    """YAML keys of ``kind: dma``."""

    setup_cycles: NonNegativeInt = Field(default=0, description="cycles to set up one transfer")
    chunk: SizeBytes = Field(
        default=4 * 2**20, description="bytes of one piece of a copy between memory tiers (a dma outside every core)"
    )
    outstanding: PositiveInt = Field(
        default=4, description="pieces of copies in flight between two memory tiers (a dma outside every core)"
    )


class Direction:
    """One direction of a DMA: its lane is busy while anything is in flight, and its descriptors are set up in order."""

    def __init__(self, component: Component, lane: Lane, setup: tuple[Clock, int] | None) -> None:
        self._component = component
        self.lane = lane
        self._in_flight = 0
        self._setup = setup
        self._free_at_ps = 0

    def request(self) -> None:
        """A transfer is now known to this direction; until it starts, the lane is stalled rather than idle."""
        self.lane.assign(self._component.engine.now)

    def start(self, activity: Activity, cause: str) -> int:
        """A requested transfer starts now; returns the time at which its descriptor is ready and data may move."""
        now = self._component.engine.now
        self._component.count(activity.owner, "transfers", 1)
        if self._in_flight == 0:
            self.lane.begin(now, cause, activity.owner, activity.tile)
        self._in_flight += 1
        if self._setup is None:
            return now
        clock, cycles = self._setup
        begin = clock.index_at_or_after(max(now, self._free_at_ps))
        self._free_at_ps = clock.edge_ps(begin + cycles)
        return self._free_at_ps

    def finish(self, activity: Activity, what: str) -> None:
        """A transfer of this direction has completed."""
        self._in_flight -= 1
        if self._in_flight == 0:
            self.lane.end(self._component.engine.now, what, activity.owner, activity.tile)
        else:
            self.lane.withdraw(self._component.engine.now, cause="")


@components.register("dma")
class Dma(Component):
    """The DMA of one core."""

    Spec = DmaSpec

    def __init__(
        self, context: Context, path: str, rank: int, declared: str, spec: DmaSpec, hz: Fraction | None
    ) -> None:
        super().__init__(context, path, rank, declared)
        setup = (Clock(hz), spec.setup_cycles) if spec.setup_cycles and hz is not None else None
        self.load = Direction(self, self.lane("load"), setup)
        self.store = Direction(self, self.lane("store"), setup)
