"""Flattened butterfly: a grid whose rows (in each dimension) are fully connected; one hop per dimension, in order.

Kim, Dally and Abts, "Flattened butterfly: a cost-efficient topology for high-radix networks", ISCA 2007. Ports of
dimension d follow those of dimension d-1; within one they count the other routers of the row in order.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from sim.config.fields import PositiveInt
from sim.hardware.noc.fabric_topology import (
    EJECT,
    Hop,
    Topology,
    TopologySpec,
    coordinates,
    empty_graph,
    index_of,
    topologies,
)
from sim.hardware.noc.topologies.fully_connected import port_towards

if TYPE_CHECKING:
    from sim.hardware.noc.fabric_topology import Graph


class FlattenedButterflySpec(TopologySpec):
    """YAML keys of ``topology: flattened_butterfly``."""

    dims: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = Field(description="routers per dimension, x first")
    concentration: PositiveInt = Field(default=1, description="terminals per router")

    def ends(self) -> int:
        return prod(self.dims) * (1 + self.concentration)


@topologies.register("flattened_butterfly")
class FlattenedButterfly(Topology):
    """Dimension-order routing, free of deadlock: a dimension is left for good."""

    Spec = FlattenedButterflySpec
    example = {"dims": (3, 2), "concentration": 2}
    spec: FlattenedButterflySpec

    def _port(self, dim: int, here: int, there: int) -> int:
        return sum(size - 1 for size in self.spec.dims[:dim]) + port_towards(here, there)

    def graph(self) -> Graph:
        dims = self.spec.dims
        graph = empty_graph(prod(dims))
        for router in range(prod(dims)):
            here = coordinates(router, dims)
            for dim, size in enumerate(dims):
                for step in range(size):
                    if step == here[dim]:
                        continue
                    other = index_of((*here[:dim], step, *here[dim + 1 :]), dims)
                    port = self._port(dim, here[dim], step)
                    graph.add_edge(
                        router, other, key=port, port=port, to_port=self._port(dim, step, here[dim]),
                        latency=self.spec.link_latency, ring=-1,
                    )  # fmt: skip
        return graph

    def homes(self) -> list[int]:
        return [
            terminal // self.spec.concentration for terminal in range(prod(self.spec.dims) * self.spec.concentration)
        ]

    def next_hop(self, router: int, terminal: int, variant: int) -> Hop:
        dims = self.spec.dims
        here, there = coordinates(router, dims), coordinates(terminal // self.spec.concentration, dims)
        for dim in range(len(dims)):
            if here[dim] != there[dim]:
                return Hop(self._port(dim, here[dim], there[dim]))
        return Hop(EJECT)

    def shape(self) -> tuple[int, ...]:
        dims = self.spec.dims
        return dims if self.spec.concentration == 1 else (self.spec.concentration, *dims)
