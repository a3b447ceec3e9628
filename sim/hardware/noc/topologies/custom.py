"""A fabric of the user's own edges, with shortest-path or up/down routing.

``shortest_path`` takes the fewest links, the lowest-numbered neighbour where several are as near; on a graph with circles
its routes may form one too, and are then refused. ``up_down`` orders routers by their distance from a root and never goes up
after down, which cannot form a circle on any connected graph, at the price of longer ways through the root (Schroeder et
al., "Autonet: a high-speed, self-configuring local area network using point-to-point links", IEEE JSAC 9(8), 1991).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from sim.config.fields import PositiveInt
from sim.config.spec import Fault
from sim.hardware.noc.fabric_topology import EJECT, Hop, Topology, TopologySpec, empty_graph, topologies

if TYPE_CHECKING:
    from sim.hardware.noc.fabric_topology import Graph

UNREACHED = -1
NO_PORT = 0xFFFF
"""Port of a route that leads nowhere: the check for connectedness reports it with the pair's names."""


class CustomSpec(TopologySpec):
    """YAML keys of ``topology: custom``."""

    routers: PositiveInt = Field(description="number of routers; they count from 0")
    edges: list[Annotated[tuple[int, ...], Field(json_schema_extra={"minItems": 2, "maxItems": 3})]] = Field(
        description="pairs [router, router], each once, or triples with the link's latency in cycles; edges lead both ways"
    )
    homes: Annotated[list[int], Field(min_length=1)] = Field(description="the router of each terminal")
    routing: Literal["shortest_path", "up_down"] = Field(default="shortest_path", description="how routes are found")

    def ends(self) -> int:
        return self.routers + len(self.homes)

    @classmethod
    def faults(cls, sound: Mapping[str, Any]) -> Iterator[Fault]:
        routers = sound.get("routers", math.inf)
        there = f"routers 0 to {routers - 1}" if "routers" in sound else "routers from 0"
        joined: set[frozenset[int]] = set()
        for at, edge in enumerate(sound.get("edges", ())):
            yield from (Fault(("edges", at), *told) for told in _wrong_edge(edge, routers, there))
            pair = frozenset(edge[:2])
            if pair in joined:
                message = "edges: a route takes one edge between two routers, so no second one is used"
                yield Fault(("edges", at), message, str(list(edge)))
            joined.add(pair)
        for at, home in enumerate(sound.get("homes", ())):
            if not 0 <= home < routers:
                yield Fault(("homes", at), "homes: no such router", f"terminal {at} on router {home}", there)


def _wrong_edge(edge: tuple[int, ...], routers: float, there: str) -> Iterator[tuple[str, str, str]]:
    """What is wrong with an edge, as message, found and allowed."""
    found = str(list(edge))
    if not 2 <= len(edge) <= 3:
        yield "edges: not an edge", found, "[router, router] or [router, router, cycles]"
    if not all(0 <= end < routers for end in edge[:2]):
        yield "edges: no such router", found, there
    if len(edge) > 1 and edge[0] == edge[1]:
        yield "edges: an edge joins two different routers", found, "[router, another router]"
    if len(edge) == 3 and edge[2] < 1:
        yield "edges: the latency of an edge", found, "at least 1 cycle"


@topologies.register("custom")
class Custom(Topology):
    """Ports of a router count its edges in the order they are written; terminals follow."""

    Spec = CustomSpec
    example = {"routers": 3, "edges": [(0, 1), (1, 2, 4)], "homes": [0, 1, 2, 2]}
    spec: CustomSpec
    drawn_by = "edges"
    without_circle = "`routing: up_down`, or edges that close no circle"

    def graph(self) -> Graph:
        graph = empty_graph(self.spec.routers)
        free = [0] * self.spec.routers
        for edge in self.spec.edges:
            one, other = edge[0], edge[1]
            latency = edge[2] if len(edge) == 3 else self.spec.link_latency
            ports = free[one], free[other]
            graph.add_edge(one, other, key=ports[0], port=ports[0], to_port=ports[1], latency=latency, ring=-1)
            graph.add_edge(other, one, key=ports[1], port=ports[1], to_port=ports[0], latency=latency, ring=-1)
            free[one] += 1
            free[other] += 1
        return graph

    def homes(self) -> list[int]:
        return list(self.spec.homes)

    @cached_property
    def _neighbours(self) -> list[list[tuple[int, int]]]:
        """Per router (neighbour, port), by neighbour."""
        found: list[list[tuple[int, int]]] = [[] for _ in range(self.spec.routers)]
        for source, target, data in self.graph().edges(data=True):
            found[source].append((target, data["port"]))
        return [sorted(neighbours) for neighbours in found]

    @cached_property
    def _ranks(self) -> list[int]:
        """Position of each router in breadth-first order from router 0; "up" leads to a lower rank."""
        order, seen = [], set()
        for root in range(self.spec.routers):
            line = [root] if root not in seen else []
            seen.add(root)
            for router in line:
                order.append(router)
                for neighbour, _ in self._neighbours[router]:
                    if neighbour not in seen:
                        seen.add(neighbour)
                        line.append(neighbour)
        ranks = [0] * self.spec.routers
        for rank, router in enumerate(order):
            ranks[router] = rank
        return ranks

    def _distances(self, target: int, down_only: bool) -> list[int]:
        """Links from each router to ``target``; with ``down_only`` by links that lead down."""
        distance = [UNREACHED] * self.spec.routers
        distance[target] = 0
        line = [target]
        for router in line:
            for neighbour, _ in self._neighbours[router]:
                if distance[neighbour] != UNREACHED or (down_only and self._ranks[neighbour] > self._ranks[router]):
                    continue
                distance[neighbour] = distance[router] + 1
                line.append(neighbour)
        return distance

    def _next_ports(self, target: int) -> list[int]:
        down_only = self.spec.routing == "up_down"
        distance = self._distances(target, down_only)
        ports = [NO_PORT] * self.spec.routers
        for router in sorted(range(self.spec.routers), key=lambda router: self._ranks[router]):
            if router == target:
                continue
            if distance[router] > 0:
                near = [
                    (neighbour, port)
                    for neighbour, port in self._neighbours[router]
                    if distance[neighbour] == distance[router] - 1
                    and not (down_only and self._ranks[neighbour] < self._ranks[router])
                ]
                ports[router] = near[0][1]
            elif down_only:
                ports[router] = self._port_up(router, target, distance)
        return ports

    def _port_up(self, router: int, target: int, distance: list[int]) -> int:
        """The port to the neighbour above from which the target is nearest; ``distance`` learns this router's."""
        above = [
            (distance[neighbour], neighbour, port)
            for neighbour, port in self._neighbours[router]
            if self._ranks[neighbour] < self._ranks[router] and distance[neighbour] != UNREACHED
        ]
        if not above:
            return NO_PORT
        nearest, _, port = min(above)
        distance[router] = nearest + 1
        return port

    @cached_property
    def _tables(self) -> dict[int, list[int]]:
        return {home: self._next_ports(home) for home in set(self.spec.homes)}

    def next_hop(self, router: int, terminal: int, variant: int) -> Hop:
        home = self.spec.homes[terminal]
        return Hop(EJECT if router == home else self._tables[home][router])
