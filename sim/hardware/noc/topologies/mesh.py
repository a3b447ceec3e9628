"""Mesh of any number of dimensions, dimension-order routing (lowest dimension first), which is free of deadlock.

Port 2d leads up in dimension d, port 2d+1 down; terminals follow.
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

if TYPE_CHECKING:
    from sim.hardware.noc.fabric_topology import Graph


class MeshSpec(TopologySpec):
    """YAML keys of ``topology: mesh``."""

    dims: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = Field(description="routers per dimension, x first")
    concentration: PositiveInt = Field(default=1, description="terminals per router")

    def ends(self) -> int:
        return prod(self.dims) * (1 + self.concentration)


@topologies.register("mesh")
class Mesh(Topology):
    """k-ary n-mesh: no link leads around."""

    Spec = MeshSpec
    example = {"dims": (3, 2, 2)}
    spec: MeshSpec
    wraps = False

    def graph(self) -> Graph:
        dims = self.spec.dims
        graph = empty_graph(prod(dims))
        for router in graph.nodes:
            here = coordinates(router, dims)
            for dim, size in enumerate(dims):
                if here[dim] + 1 == size and not (self.wraps and size > 1):
                    continue
                there = (*here[:dim], (here[dim] + 1) % size, *here[dim + 1 :])
                ring = self.ring_of(dim, here)
                for source, target, port, to_port, way in (
                    (router, index_of(there, dims), 2 * dim, 2 * dim + 1, 0),
                    (index_of(there, dims), router, 2 * dim + 1, 2 * dim, 1),
                ):
                    graph.add_edge(
                        source, target, key=port, port=port, to_port=to_port, latency=self.spec.link_latency,
                        ring=2 * ring + way if ring >= 0 else -1,
                    )  # fmt: skip
        return graph

    def ring_of(self, dim: int, position: tuple[int, ...]) -> int:
        """Number of the ring that the link up in ``dim`` belongs to; -1 in a mesh, which has none."""
        return -1

    def homes(self) -> list[int]:
        return [
            terminal // self.spec.concentration for terminal in range(prod(self.spec.dims) * self.spec.concentration)
        ]

    def next_hop(self, router: int, terminal: int, variant: int) -> Hop:
        dims = self.spec.dims
        here, there = coordinates(router, dims), coordinates(terminal // self.spec.concentration, dims)
        for dim, size in enumerate(dims):
            if here[dim] != there[dim]:
                return self.along(dim, size, here[dim], there[dim], variant)
        return Hop(EJECT)

    def along(self, dim: int, size: int, here: int, there: int, variant: int) -> Hop:
        """The hop within dimension ``dim``."""
        return Hop(2 * dim if here < there else 2 * dim + 1)

    def positions(self) -> list[tuple[float, float]]:
        """x to the right, y down; planes of a third dimension one after the other, and so on."""
        x, y = (*self.spec.dims, 1)[:2]
        planes = [divmod(router, x * y) for router in range(prod(self.spec.dims))]
        return [(float(plane * (x + 1) + place % x), float(place // x)) for plane, place in planes]

    def shape(self) -> tuple[int, ...]:
        dims = self.spec.dims
        return dims if self.spec.concentration == 1 else (self.spec.concentration, *dims)
