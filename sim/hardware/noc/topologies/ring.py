"""Ring: a torus of one dimension."""

from __future__ import annotations

from pydantic import Field

from sim.config.fields import PositiveInt
from sim.hardware.noc.fabric_topology import TopologySpec, topologies
from sim.hardware.noc.topologies.torus import Torus, TorusSpec


class RingSpec(TopologySpec):
    """YAML keys of ``topology: ring``."""

    routers: PositiveInt = Field(description="routers around the ring")
    concentration: PositiveInt = Field(default=1, description="terminals per router")

    def ends(self) -> int:
        return self.routers * (1 + self.concentration)


@topologies.register("ring")
class Ring(Torus):
    """Both directions, dateline classes."""

    Spec = RingSpec  # type: ignore[assignment]
    example = {"routers": 6}

    def __init__(self, spec: RingSpec) -> None:
        dims = (spec.routers,)
        super().__init__(TorusSpec(dims=dims, concentration=spec.concentration, link_latency=spec.link_latency))
