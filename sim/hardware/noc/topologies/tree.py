"""Tree: every router but the root has one parent; routed up to the common ancestor and down, free of deadlock.

Terminals hang on the lowest level. The root carries all traffic between its subtrees; a fat tree has more parents.
Routers count level by level from the root (router 0). Ports 0..arity-1 lead down, port arity up; at the lowest level only
up; terminals follow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.hardware.noc.fabric_topology import EJECT, Hop, LevelsSpec, Topology, empty_graph, topologies

if TYPE_CHECKING:
    from sim.hardware.noc.fabric_topology import Graph


class TreeSpec(LevelsSpec):
    """YAML keys of ``topology: tree``."""


@topologies.register("tree")
class Tree(Topology):
    """A k-ary tree."""

    Spec = TreeSpec
    example = {"arity": 2, "levels": 3}
    spec: TreeSpec

    def _first(self, level: int) -> int:
        """The number of the first router of a level."""
        return sum(self.spec.arity**above for above in range(level))

    def graph(self) -> Graph:
        arity, latency = self.spec.arity, self.spec.link_latency
        graph = empty_graph(self._first(self.spec.levels))
        for level in range(self.spec.levels - 1):
            for place in range(arity**level):
                for port in range(arity):
                    parent, child = self._first(level) + place, self._first(level + 1) + place * arity + port
                    graph.add_edge(parent, child, key=port, port=port, to_port=arity, latency=latency, ring=-1)
                    graph.add_edge(child, parent, key=arity, port=arity, to_port=port, latency=latency, ring=-1)
        return graph

    def homes(self) -> list[int]:
        first = self._first(self.spec.levels - 1)
        return [first + terminal // self.spec.arity for terminal in range(self.spec.arity**self.spec.levels)]

    def next_hop(self, router: int, terminal: int, variant: int) -> Hop:
        arity, levels = self.spec.arity, self.spec.levels
        level = next(depth for depth in range(levels) if router < self._first(depth + 1))
        leaf = terminal // arity
        if leaf // arity ** (levels - 1 - level) != router - self._first(level):
            return Hop(arity)
        if level == levels - 1:
            return Hop(EJECT)
        return Hop(leaf // arity ** (levels - 2 - level) % arity)
