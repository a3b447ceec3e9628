"""k-ary n-tree (fat tree of constant width), routed up to the nearest common ancestor and down again.

Level 0 is at the terminals; each of the ``levels`` has arity**(levels-1) routers. A router is (level, word) with a word
of levels-1 digits; going up from level l replaces digit l of the word, so that any parent leads to a common ancestor.
Which parent is drawn per packet: the digits of ``variant`` choose them level by level. Ports 0..arity-1 lead down, the next
``arity`` up; at level 0 the terminals' ports come last instead of first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from sim.config.fields import PositiveInt
from sim.hardware.noc.fabric_topology import EJECT, Hop, LevelsSpec, Topology, empty_graph, topologies

if TYPE_CHECKING:
    from sim.hardware.noc.fabric_topology import Graph

MOST_VARIANTS = 64


class FatTreeSpec(LevelsSpec):
    """YAML keys of ``topology: fat_tree``."""

    arity: PositiveInt = Field(description="children (and parents) of a router")


@topologies.register("fat_tree")
class FatTree(Topology):
    """Above :data:`MOST_VARIANTS` ways up, a packet takes the same digit at every level (arity ways)."""

    Spec = FatTreeSpec
    example = {"arity": 2, "levels": 3}
    spec: FatTreeSpec

    def __init__(self, spec: FatTreeSpec) -> None:
        super().__init__(spec)
        ways = spec.arity ** (spec.levels - 1)
        self.variants = ways if ways <= MOST_VARIANTS else spec.arity
        self._independent = ways <= MOST_VARIANTS
        self._width = ways

    def graph(self) -> Graph:
        arity, width = self.spec.arity, self._width
        graph = empty_graph(width * self.spec.levels)
        for level in range(self.spec.levels - 1):
            stride = arity**level
            for word in range(width):
                digit = word // stride % arity
                for up in range(arity):
                    child, parent = level * width + word, (level + 1) * width + word + (up - digit) * stride
                    latency = self.spec.link_latency
                    graph.add_edge(
                        child, parent, key=arity + up, port=arity + up, to_port=digit, latency=latency, ring=-1
                    )
                    graph.add_edge(parent, child, key=digit, port=digit, to_port=arity + up, latency=latency, ring=-1)
        return graph

    def homes(self) -> list[int]:
        return [terminal // self.spec.arity for terminal in range(self.spec.arity * self._width)]

    def next_hop(self, router: int, terminal: int, variant: int) -> Hop:
        arity = self.spec.arity
        level, word = divmod(router, self._width)
        target = terminal // arity
        if word // arity**level == target // arity**level:  # an ancestor: all digits above are right
            if level == 0:
                return Hop(EJECT)
            return Hop(target // arity ** (level - 1) % arity)
        digit = variant // arity**level % arity if self._independent else variant
        return Hop(arity + digit)
