"""Dragonfly: groups of fully connected routers, one global link between every two groups; minimal routing.

Kim, Dally, Scott and Abts, "Technology-driven, highly-scalable dragonfly topology", ISCA 2008. A group has
``routers_per_group`` (a) routers with ``global_links`` (h) links to other groups each, so there are a*h + 1 groups. A route
is local, global, local; local links after the global one use a second class of virtual channels.

Global link g of a group (g = router * h + index) leads to group g when g is below the group's own number, to g + 1
otherwise. Ports: a-1 local ones, then h global ones, then terminals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from sim.config.fields import PositiveInt
from sim.hardware.noc.fabric_topology import EJECT, Hop, Topology, TopologySpec, empty_graph, topologies
from sim.hardware.noc.topologies.fully_connected import port_towards

if TYPE_CHECKING:
    from sim.hardware.noc.fabric_topology import Graph


class DragonflySpec(TopologySpec):
    """YAML keys of ``topology: dragonfly``."""

    routers_per_group: PositiveInt = Field(description="routers of a group")
    global_links: PositiveInt = Field(description="links of a router to other groups")
    concentration: PositiveInt = Field(default=1, description="terminals per router")
    global_latency: PositiveInt | None = Field(
        default=None, description="cycles that a flit spends on a global link; default: `link_latency`"
    )

    def ends(self) -> int:
        return self.routers_per_group * (self.routers_per_group * self.global_links + 1) * (1 + self.concentration)


@topologies.register("dragonfly")
class Dragonfly(Topology):
    """Balanced when routers_per_group = 2 * global_links = 2 * concentration."""

    Spec = DragonflySpec
    example = {"routers_per_group": 2, "global_links": 1}
    spec: DragonflySpec
    classes = 2

    @property
    def _groups(self) -> int:
        return self.spec.routers_per_group * self.spec.global_links + 1

    def _gateway(self, group: int, towards: int) -> tuple[int, int]:
        """(router within ``group``, its port) of the global link to the group ``towards``."""
        router, index = divmod(port_towards(group, towards), self.spec.global_links)
        return router, self.spec.routers_per_group - 1 + index

    def graph(self) -> Graph:
        size = self.spec.routers_per_group
        graph = empty_graph(self._groups * size)
        for group in range(self._groups):
            base = group * size
            for one in range(size):
                for other in range(size):
                    if one != other:
                        port, to_port = port_towards(one, other), port_towards(other, one)
                        graph.add_edge(
                            base + one, base + other, key=port, port=port, to_port=to_port,
                            latency=self.spec.link_latency, ring=-1,
                        )  # fmt: skip
            for towards in range(self._groups):
                if towards != group:
                    one, port = self._gateway(group, towards)
                    other, to_port = self._gateway(towards, group)
                    graph.add_edge(
                        base + one, towards * size + other, key=port, port=port, to_port=to_port,
                        latency=self.spec.global_latency or self.spec.link_latency, ring=-1,
                    )  # fmt: skip
        return graph

    def homes(self) -> list[int]:
        routers = self._groups * self.spec.routers_per_group
        return [terminal // self.spec.concentration for terminal in range(routers * self.spec.concentration)]

    def next_hop(self, router: int, terminal: int, variant: int) -> Hop:
        size = self.spec.routers_per_group
        group, here = divmod(router, size)
        home, there = divmod(terminal // self.spec.concentration, size)
        if group == home:
            return Hop(EJECT) if here == there else Hop(port_towards(here, there), 1)
        gateway, port = self._gateway(group, home)
        return Hop(port) if here == gateway else Hop(port_towards(here, gateway))
