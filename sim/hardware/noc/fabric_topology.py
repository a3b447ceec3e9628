"""What a topology of a routed fabric is: routers, directed links between their ports, terminals, and a route function.

A topology is a class registered in :data:`topologies` with a ``Spec`` (its YAML keys). It draws a
:class:`networkx.MultiDiGraph` and says, for a packet at a router, which neighbour port comes next and in which class of
virtual channels; :mod:`sim.hardware.noc.routing` freezes both into tables before the run. What is left out: routes that
look at the load (adaptive routing).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import cos, pi, sin
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from pydantic import Field

from sim.config.fields import PositiveInt
from sim.config.spec import Fault, FrozenSpec
from sim.core.registry import Registry

if TYPE_CHECKING:
    import networkx

    Graph = networkx.MultiDiGraph[int]

topologies: Registry[type[Topology]] = Registry("topologies", "topology")

EJECT = -1


class Hop(NamedTuple):
    """Where a packet goes next: the output port (:data:`EJECT` at its last router) and the class of virtual channels."""

    port: int
    vc_class: int = 0


class TopologySpec(FrozenSpec):
    """YAML keys that all topologies have."""

    link_latency: PositiveInt = Field(
        default=1, description="cycles of the fabric's clock that a flit spends on a link"
    )

    def ends(self) -> int:
        """Routers plus terminals (or a bound on them), known without drawing the graph, so that absurd ones are refused."""
        raise NotImplementedError


class LevelsSpec(TopologySpec):
    """YAML keys of trees."""

    arity: PositiveInt = Field(description="children of a router, and terminals of one at the lowest level")
    levels: PositiveInt = Field(description="levels of routers; there are arity**levels terminals")

    def ends(self) -> int:
        """As in :class:`TopologySpec`; beyond 64 levels a bound."""
        height = min(self.levels, 64)
        bound: int = self.levels * self.arity ** (height - 1) + self.arity**height
        return bound

    @classmethod
    def faults(cls, sound: Mapping[str, Any]) -> Iterator[Fault]:
        """One child at each router makes a chain with a single terminal."""
        if sound.get("arity") == 1:
            yield Fault(("arity",), "arity: a tree of one child per router has a single terminal", 1, "at least 2")


class Topology:
    """Base of all topologies. Routers and terminals count from 0; so do the ports of a router, links before terminals.

    ``variants`` is the number of equally good route sets among which a packet draws one (both ways around a ring at half
    its length, the parents in a fat tree); ``classes`` the number of virtual-channel classes its routes need.
    """

    Spec: ClassVar[type[TopologySpec]] = TopologySpec
    example: ClassVar[dict[str, Any]] = {}
    """YAML keys of a small instance, for documentation and contract tests."""
    variants: int = 1
    classes: int = 1
    drawn_by: ClassVar[str] = "topology"
    """The key that messages about its routes point at."""
    without_circle: ClassVar[str] = "routes that close no circle, such as dimension order, or more classes of channels"
    """What to do about routes that can deadlock, for messages."""

    def __init__(self, spec: Any) -> None:
        self.spec = spec

    def graph(self) -> Graph:
        """Routers as nodes 0, 1, ...; an edge per directed link with ``port`` (at its source), ``to_port`` (at its
        destination), ``latency`` (cycles) and ``ring`` (links of one number keep a packet's class; -1: none)."""
        raise NotImplementedError

    def homes(self) -> list[int]:
        """The router of each terminal."""
        raise NotImplementedError

    def next_hop(self, router: int, terminal: int, variant: int) -> Hop:
        """Where a packet for ``terminal`` goes from ``router``. Depends on nothing else, so that tables can hold it."""
        raise NotImplementedError

    def positions(self) -> list[tuple[float, float]]:
        """Where a picture puts each router, in steps between neighbours: around a circle unless there is a better place."""
        count = len(self.graph())
        radius = max(1.0, count / 6)
        angles = [2 * pi * router / count for router in range(count)]
        return [(radius * (1 + sin(angle)), radius * (1 - cos(angle))) for angle in angles]

    def shape(self) -> tuple[int, ...]:
        """Sizes by which terminals are numbered, fastest first (for traffic patterns that speak of coordinates)."""
        return (len(self.homes()),)


def empty_graph(routers: int) -> Graph:
    """A graph of ``routers`` routers without links."""
    import networkx

    graph: Graph = networkx.MultiDiGraph()
    graph.add_nodes_from(range(routers))
    return graph


def coordinates(index: int, dims: tuple[int, ...]) -> tuple[int, ...]:
    """Mixed-radix digits of ``index``, fastest first."""
    digits = []
    for size in dims:
        digits.append(index % size)
        index //= size
    return tuple(digits)


def index_of(position: tuple[int, ...], dims: tuple[int, ...]) -> int:
    """Inverse of :func:`coordinates`."""
    index = 0
    for digit, size in zip(reversed(position), reversed(dims), strict=True):
        index = index * size + digit
    return index
