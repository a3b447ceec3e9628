"""Torus of any number of dimensions, minimal dimension-order routing, dateline classes against deadlock.

In each ring a packet stays in one class of virtual channels: those whose way crosses the dateline (between the last and
the first router) in class 0, the others in class 1. At half the length of an even ring both ways are minimal, and
a packet draws one of them.
"""

from __future__ import annotations

from math import prod

from sim.hardware.noc.fabric_topology import Hop, Topology, topologies
from sim.hardware.noc.topologies.mesh import Mesh, MeshSpec


class TorusSpec(MeshSpec):
    """YAML keys of ``topology: torus``."""


@topologies.register("torus")
class Torus(Mesh):
    """k-ary n-cube."""

    Spec = TorusSpec
    example = {"dims": (4, 3)}
    spec: TorusSpec
    wraps = True
    classes = 2

    def __init__(self, spec: TorusSpec) -> None:
        super().__init__(spec)
        self._tied = [dim for dim, size in enumerate(spec.dims) if size % 2 == 0]
        self.variants = 1 << len(self._tied)

    def positions(self) -> list[tuple[float, float]]:
        """Those of a mesh; around a circle when there is one dimension only."""
        one = sum(size > 1 for size in self.spec.dims) == 1
        return Topology.positions(self) if one else super().positions()

    def ring_of(self, dim: int, position: tuple[int, ...]) -> int:
        others = [*position[:dim], 0, *position[dim + 1 :]]
        number = 0
        for digit, size in zip(reversed(others), reversed(self.spec.dims), strict=True):
            number = number * size + digit
        return dim * prod(self.spec.dims) + number

    def along(self, dim: int, size: int, here: int, there: int, variant: int) -> Hop:
        ahead = (there - here) % size
        up = 2 * ahead < size
        if 2 * ahead == size:
            up = variant >> self._tied.index(dim) & 1 == 0
        crosses = there < here if up else there > here
        return Hop(2 * dim if up else 2 * dim + 1, 0 if crosses else 1)
