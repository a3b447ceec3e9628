"""Parameters of the routers of a fabric. Times are cycles of the fabric's clock."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from sim.config.fields import PositiveInt
from sim.config.spec import FrozenSpec

Cycles = Annotated[int, Field(ge=0)]
MOST_PER_MASK = 62


class RouterSpec(FrozenSpec):
    """An input-queued router with virtual channels. A hop takes :attr:`router_cycles` and then the link's latency."""

    virtual_channels: Annotated[int, Field(ge=1, le=MOST_PER_MASK)] = Field(default=8, description="per input port")
    buffer_flits: PositiveInt = Field(default=8, description="flits that a virtual channel can hold")
    routing_delay: Cycles = Field(default=0, description="cycles to compute a route; 0: it is looked up one hop ahead")
    vc_allocation_delay: PositiveInt = Field(default=1, description="cycles to allocate an output virtual channel")
    switch_allocation_delay: PositiveInt = Field(default=1, description="cycles to allocate the switch")
    switch_traversal_delay: PositiveInt = Field(default=1, description="cycles through the switch")
    credit_delay: Cycles = Field(default=2, description="cycles from the arrival of a credit to its use")
    speculative: bool = Field(
        default=False, description="allocate channel and switch in one cycle (an ideal speculation that never fails)"
    )
    injection_latency: PositiveInt = Field(
        default=1, description="cycles on the link between a terminal and its router"
    )

    @property
    def head_delay(self) -> int:
        """Cycles from the arrival of a head to its first request for a channel."""
        return self.routing_delay + self.vc_allocation_delay - 1

    @property
    def switch_delay(self) -> int:
        """Cycles from the grant of the switch to the link."""
        return self.switch_allocation_delay - 1 + self.switch_traversal_delay

    @property
    def router_cycles(self) -> int:
        """Cycles of a head in an idle router, its link not counted."""
        stages = (
            self.routing_delay + self.vc_allocation_delay + self.switch_allocation_delay + self.switch_traversal_delay
        )
        return stages - (1 if self.speculative else 0)

    @model_validator(mode="after")
    def _speculation(self) -> Self:
        if self.speculative and self.vc_allocation_delay != 1:
            raise ValueError("`speculative` needs `vc_allocation_delay: 1`")
        return self
