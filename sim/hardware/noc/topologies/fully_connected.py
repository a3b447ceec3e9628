"""Fully connected: a link between every two routers; one hop, no dependencies between links, free of deadlock.

Port i of router r leads to router i when i < r, to router i + 1 otherwise; terminals follow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from sim.config.fields import PositiveInt
from sim.hardware.noc.fabric_topology import EJECT, Hop, Topology, TopologySpec, empty_graph, topologies

if TYPE_CHECKING:
    from sim.hardware.noc.fabric_topology import Graph


class FullyConnectedSpec(TopologySpec):
    """YAML keys of ``topology: fully_connected``."""

    routers: PositiveInt = Field(description="number of routers")
    concentration: PositiveInt = Field(default=1, description="terminals per router")

    def ends(self) -> int:
        return self.routers * (1 + self.concentration)


def port_towards(here: int, there: int) -> int:
    """The port of router ``here`` that leads to ``there``, among all others in order."""
    return there if there < here else there - 1


@topologies.register("fully_connected")
class FullyConnected(Topology):
    """All to all."""

    Spec = FullyConnectedSpec
    example = {"routers": 5}
    spec: FullyConnectedSpec

    def graph(self) -> Graph:
        graph = empty_graph(self.spec.routers)
        for one in range(self.spec.routers):
            for other in range(self.spec.routers):
                if one != other:
                    port = port_towards(one, other)
                    graph.add_edge(
                        one, other, key=port, port=port, to_port=port_towards(other, one),
                        latency=self.spec.link_latency, ring=-1,
                    )  # fmt: skip
        return graph

    def homes(self) -> list[int]:
        return [terminal // self.spec.concentration for terminal in range(self.spec.routers * self.spec.concentration)]

    def next_hop(self, router: int, terminal: int, variant: int) -> Hop:
        home = terminal // self.spec.concentration
        return Hop(EJECT if home == router else port_towards(router, home))
