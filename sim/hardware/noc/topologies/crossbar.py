"""Crossbar: one router with all terminals; messages meet at its ports only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from sim.config.fields import PositiveInt
from sim.hardware.noc.fabric_topology import EJECT, Hop, Topology, TopologySpec, empty_graph, topologies

if TYPE_CHECKING:
    from sim.hardware.noc.fabric_topology import Graph


class CrossbarTopologySpec(TopologySpec):
    """YAML keys of ``topology: crossbar``."""

    terminals: PositiveInt = Field(description="number of terminals")

    def ends(self) -> int:
        return 1 + self.terminals


@topologies.register("crossbar")
class CrossbarTopology(Topology):
    """A single switch."""

    Spec = CrossbarTopologySpec
    example = {"terminals": 5}
    spec: CrossbarTopologySpec

    def graph(self) -> Graph:
        return empty_graph(1)

    def homes(self) -> list[int]:
        return [0] * self.spec.terminals

    def next_hop(self, router: int, terminal: int, variant: int) -> Hop:
        return Hop(EJECT)
