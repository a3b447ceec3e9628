"""A routed fabric between memories: cores and memory controllers sit on routers, messages take links hop by hop.

``{kind: fabric, topology: mesh, dims: [4, 4], connects: [core.pad, dram], place: {"core[3].pad": 12}, width: 32 B,
clock: noc}``: endpoints take terminals in the order of ``connects`` unless ``place`` names one. A message is cut into
packets of at most ``packet`` bytes; its end is the arrival of the last, so contention, back-pressure and the time of
flight are all inside. A multicast takes each link of its tree once. Left out: requests (a load moves its data only).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache, partial
from typing import Any, ClassVar, NamedTuple

from pydantic import Field

from sim.config.fields import NonNegativeInt, SizeBytes
from sim.config.spec import Fault, LinkSpec, Steps, links
from sim.core.clock import PS_PER_S
from sim.core.component import Activity, Component, Context, Lane
from sim.hardware.noc.fabric_account import FabricAccount, WayAccount
from sim.hardware.noc.fabric_driver import FabricDriver
from sim.hardware.noc.fabric_engine import engine_of
from sim.hardware.noc.fabric_faults import ends_faults, place_faults, size_faults
from sim.hardware.noc.fabric_keys import KEPT_ROUTES, FabricKeys, routes_of, with_topology_keys
from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.fabric_topology import TopologySpec
from sim.hardware.noc.idle_cycles import idle_head_cycles
from sim.hardware.noc.link import Link, LinkModel, Passage, Passages
from sim.hardware.noc.message_network import MessageNetwork
from sim.hardware.noc.packet_network import PacketNetwork
from sim.hardware.noc.port_use import Carried, PortUse


class FabricLinkKeys(LinkSpec, FabricKeys):
    """YAML keys of ``kind: fabric``; those of the topology stand beside ``topology``."""

    counted: ClassVar[tuple[str, ...]] = ("bytes", "hop_bytes")
    width: SizeBytes = Field(description="bytes of a flit: what a link carries per cycle of `clock`")
    packet: SizeBytes = Field(default=4096, description="bytes of the largest packet; longer messages are cut")
    train: SizeBytes = Field(
        default=0,
        description="bytes of a long message that `model: packet` books at once on each link; 0: packet by packet",
    )
    place: dict[str, NonNegativeInt] = Field(
        default_factory=dict, description="terminal of an endpoint, by instance path such as chip.core[3].pad"
    )

    @classmethod
    def faults(cls, sound: Mapping[str, Any]) -> Iterator[Fault]:
        yield from super().faults(sound)
        yield from size_faults(sound)
        yield from place_faults(sound)

    @classmethod
    def named_endpoints(cls, sound: Mapping[str, Any]) -> dict[str, Steps]:
        return {name: ("place", name) for name in sound.get("place", ())}

    @classmethod
    def faults_with(cls, sound: Mapping[str, Any], endpoints: tuple[str, ...]) -> Iterator[Fault]:
        return ends_faults(sound, len(endpoints))


FabricLinkSpec = with_topology_keys(FabricLinkKeys, "FabricLinkSpec")


class FabricLinkModel(LinkModel):
    """Closed form for the mapper: the rate of a terminal's port, and the mean time of a head alone in the network."""

    def __init__(self, spec: FabricLinkKeys, clock_hz: Fraction) -> None:
        self.bytes_per_s, self.packet_bytes = spec.width * clock_hz, spec.width
        idle = mean_idle_cycles(spec.topology, spec.topology_spec(), spec.router)
        self.latency_ps = int(idle * PS_PER_S / clock_hz)


@lru_cache(maxsize=KEPT_ROUTES)
def mean_idle_cycles(name: str, topology: TopologySpec, router: RouterSpec) -> Fraction:
    """Cycles of a single flit from one terminal to another, mean over all pairs."""
    routes = routes_of(name, topology)
    pairs = [(one, other) for one in range(routes.terminals) for other in range(routes.terminals) if one != other]
    total = sum(idle_head_cycles(routes, router, one, other) for one, other in pairs)
    return Fraction(total, max(1, len(pairs)))


def terminals_of(spec: FabricLinkKeys, endpoints: tuple[str, ...]) -> dict[str, int]:
    """The terminal of every endpoint; they fit the fabric (:meth:`FabricLinkKeys.faults_with`)."""
    taken = set(spec.place.values())
    free = iter([terminal for terminal in range(len(spec.build().homes())) if terminal not in taken])
    return {name: spec.place[name] if name in spec.place else next(free) for name in endpoints}


class FabricPassages:
    """Through a fabric: out of the source's port, over every link of the route, into the destination's port."""

    def __init__(self, spec: FabricLinkKeys, clock_hz: Fraction, endpoints: tuple[str, ...]) -> None:
        self._routes, self._router, self._hz = spec.routes(), spec.router, clock_hz
        self._terminals = terminals_of(spec, endpoints)

    def between(self, source: str, destination: str) -> Passage:
        """As in :class:`~sim.hardware.noc.link.Passages`."""
        routes, ends = self._routes, (self._terminals[source], self._terminals[destination])
        channels: Counter[Hashable] = Counter({(source, "out"): routes.variants, (destination, "in"): routes.variants})
        for variant in range(routes.variants):
            channels.update(link for link, _ in routes.path(*ends, variant))
        cycles = idle_head_cycles(routes, self._router, *ends)
        return Passage(dict(channels), routes.variants, int(cycles * PS_PER_S / self._hz))


class _Port:
    """An endpoint's way in or out: its lane, and the messages that are on their way from (to) it."""

    __slots__ = ("lane", "under_way")

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.under_way = 0


class _Way(NamedTuple):
    """What all messages between the same endpoints share. ``wires``: links that a price per hop counts, which is one where
    a single router is the whole network."""

    ends: tuple[int, tuple[int, ...]]
    hops: int
    wires: int
    ports: tuple[_Port, ...]
    account: WayAccount


@links.register("fabric")
class Fabric(Link):
    """Two lanes per endpoint, busy while a message is under way from (to) it; its links are counted, not lanes."""

    Spec = FabricLinkSpec

    def __init__(
        self, context: Context, path: str, rank: int, declared: str, spec: Any, hz: Fraction | None,
        endpoints: tuple[str, ...],
    ) -> None:  # fmt: skip
        Component.__init__(self, context, path, rank, declared)
        self.model = self.model_of(spec, hz)
        self.latency_ps = 0  # the time of flight is in the network
        self.endpoints = endpoints
        self._terminals = terminals_of(spec, endpoints)
        self._ports = {(name, way): _Port(self.lane(f"{name}.{way}")) for name in endpoints for way in ("out", "in")}
        self._spec, self._width, self.routes, self._router = spec, spec.width, spec.routes(), spec.router
        self._ways: dict[tuple[str, tuple[str, ...]], _Way] = {}
        self._under_way = self._active_ps = self._active_since_ps = 0
        assert hz is not None
        self._hz = hz
        self._account = FabricAccount(self.routes, self._terminals, hz)
        engine = engine_of(spec.model, self.routes, spec.router, hz, spec.width, spec.packet // spec.width,
                           spec.train // spec.width)  # fmt: skip
        self._fabric = engine
        self._driver = FabricDriver(self, engine)

    @classmethod
    def model_of(cls, spec: Any, clock_hz: Fraction | None) -> FabricLinkModel:
        assert clock_hz is not None
        return FabricLinkModel(spec, clock_hz)

    @classmethod
    def passages(cls, spec: Any, clock_hz: Fraction | None, endpoints: tuple[str, ...]) -> Passages:
        assert clock_hz is not None
        return FabricPassages(spec, clock_hz, endpoints)

    def multicast(
        self, source: str, destinations: tuple[str, ...], stream: Hashable, size_bytes: int, activity: Activity,
        done: Callable[[], None],
    ) -> None:  # fmt: skip
        way = self._ways.get((source, destinations))
        if way is None:
            way = self._ways[source, destinations] = self._way(source, destinations)
        owner, sent_ps = activity.owner, self.engine.now
        flits = max(1, -(-size_bytes // self._width))
        self.actions[owner, "bytes"] += size_bytes
        self.actions[owner, "hop_bytes"] += size_bytes * way.wires
        self.ledger[owner, "flit_hops"] += flits * way.hops
        way.account.carried[owner] += size_bytes
        way.account.sizes[flits] += 1
        for port in way.ports:
            if port.under_way == 0:
                port.lane.occupy(sent_ps)
            port.under_way += 1

        if self._under_way == 0:
            self._active_since_ps = sent_ps
        self._under_way += 1

        def arrived() -> None:
            now = self.engine.now
            self._account.arrived(now - sent_ps)
            self._under_way -= 1
            if self._under_way == 0:
                self._active_ps += now - self._active_since_ps
            for port in way.ports:
                port.under_way -= 1
                close = port.lane.hand_over if port.under_way else port.lane.end
                close(now, "transfer", owner, activity.tile)
            done()

        self._driver.send(way.ends, size_bytes, arrived)

    def _way(self, source: str, destinations: tuple[str, ...]) -> _Way:
        account = self._account.way(source, destinations, partial(idle_head_cycles, self.routes, self._router))
        ports = self._ports[source, "out"], *(self._ports[name, "in"] for name in destinations)
        hops = self._fabric.links_of(account.ends)
        return _Way(account.ends, hops, hops if len(self.routes.links) else 1, ports, account)

    def carried(self) -> Carried:
        return self._account.carried()

    def port_uses(self) -> tuple[PortUse, ...]:
        return self._account.port_uses(self._fabric.settled())

    def messages(self) -> dict[str, int]:
        """Counts of messages and of the time that they took (:meth:`FabricAccount.messages`)."""
        return self._account.messages()

    def waiting(self) -> dict[str, int]:
        """``stalled LINK``: cycles a link was free while a packet waited for buffers; ``waited LINK``: cycles of all packets
        from asking for it to starting on it. The flit model does not tell."""
        network = self._fabric.settled()
        if not isinstance(network, MessageNetwork):
            return {}
        names = [self.routes.links.name(link) for link in range(len(self.routes.links))]
        columns = zip(("stalled", "waited"), network.waited_cycles(), strict=True)
        return {f"{what} {name}": int(n) for what, cycles in columns for name, n in zip(names, cycles, strict=True)}

    def link_flits(self) -> dict[str, int]:
        """Flits that each link between routers has carried, by name; all of them when nothing is under way."""
        flits = self._fabric.settled().link_flits()
        return {self.routes.links.name(link): int(count) for link, count in enumerate(flits)}

    def network_plan(self) -> dict[str, Any]:
        """``routers``, by number: where they are drawn, and their endpoints; ``links``: source and target router by name."""
        links, homes = self.routes.links, self.routes.terminal_router
        hung: dict[int, list[str]] = {}
        for name, terminal in self._terminals.items():
            hung.setdefault(int(homes[terminal]), []).append(name)
        places = enumerate(self._spec.build().positions())
        return {
            "routers": [{"x": x, "y": y, "endpoints": hung.get(router, [])} for router, (x, y) in places],
            "links": {links.name(one): [int(links.source[one]), int(links.target[one])] for one in range(len(links))},
        }

    def warnings(self) -> list[str]:
        """What the network model says about its limits, of the time that messages were under way."""
        network = self._fabric.settled()
        cycles = int(self._active_ps * self._hz / PS_PER_S)
        endpoints = {terminal: name for name, terminal in self._terminals.items()}
        found = network.warnings(cycles, endpoints) if isinstance(network, PacketNetwork) else []
        return [f"{self.path}: {text}" for text in found]
