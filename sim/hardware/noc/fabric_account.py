"""What a fabric did in a run, by way, port and link: how much it carried for whom, and how long messages took.

Counted as messages go are only their bytes by operator and their sizes, for each pair of ends; everything else follows
from the routes. Of routes among which packets are dealt, an operator's bytes are said to be over those links alone that
all of them share, so what is called its busiest channel did carry that much.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from fractions import Fraction

from sim.core.clock import PS_PER_S
from sim.hardware.noc.message_network import MessageNetwork
from sim.hardware.noc.multicast_tree import tree_of
from sim.hardware.noc.port_use import Carried, PortUse
from sim.hardware.noc.routes import Routes

BIN_BITS = 5
"""Latencies are counted in bins named by their first so many bits: a sixteenth of the value wide."""


def bin_of(latency_ps: int) -> tuple[int, int]:
    """The least and the largest latency of the bin that this one is in."""
    spare = max(0, latency_ps.bit_length() - BIN_BITS)
    least = latency_ps >> spare << spare
    return least, least + (1 << spare) - 1


class WayAccount:
    """All messages between the same endpoints. ``carried``: bytes by operator; ``sizes``: messages by flits."""

    __slots__ = ("carried", "destinations", "ends", "head_cycles", "sizes", "source")

    def __init__(
        self, source: str, destinations: tuple[str, ...], ends: tuple[int, tuple[int, ...]], head_cycles: int
    ) -> None:
        self.source, self.destinations, self.ends, self.head_cycles = source, destinations, ends, head_cycles
        self.carried: defaultdict[int, int] = defaultdict(int)
        self.sizes: defaultdict[int, int] = defaultdict(int)


class FabricAccount:
    """``terminals``: of each endpoint. :meth:`arrived` is told the time that each message took."""

    def __init__(self, routes: Routes, terminals: Mapping[str, int], hz: Fraction) -> None:
        self._routes, self._terminals, self._hz = routes, terminals, hz
        self._ways: list[WayAccount] = []
        self._latencies: defaultdict[int, int] = defaultdict(int)
        self._taken_ps = self._longest_ps = 0

    def way(self, source: str, destinations: tuple[str, ...], head: Callable[[int, int], int]) -> WayAccount:
        """A new account for messages between these endpoints; ``head``: cycles of a head alone between two terminals."""
        start, ends = self._terminals[source], tuple(sorted(self._terminals[name] for name in destinations))
        made = WayAccount(source, destinations, (start, ends), max(head(start, end) for end in ends))
        self._ways.append(made)
        return made

    def arrived(self, latency_ps: int) -> None:
        """A message has arrived, so long after it was sent."""
        spare = latency_ps.bit_length() - BIN_BITS
        self._latencies[latency_ps >> spare << spare if spare > 0 else latency_ps] += 1
        self._taken_ps += latency_ps
        if latency_ps > self._longest_ps:
            self._longest_ps = latency_ps

    def messages(self) -> dict[str, int]:
        """Counts of messages, of the time they took in sum, at most and in an idle network, and of latencies by bin."""
        idle_ps = sum(
            count * int((way.head_cycles + flits - 1) * PS_PER_S / self._hz)
            for way in self._ways for flits, count in way.sizes.items()
        )  # fmt: skip
        found = {f"latency_ps {least}": count for least, count in sorted(self._latencies.items())}
        return found | {
            "message_count": sum(self._latencies.values()), "message_ps": self._taken_ps, "message_idle_ps": idle_ps,
            "message_max_ps": self._longest_ps,
        }  # fmt: skip

    def carried(self) -> Carried:
        """Bytes by operator over each port and each link between routers that carried any."""
        found: defaultdict[str, Counter[int]] = defaultdict(Counter)
        for way in self._ways:
            for channel in self._channels(way):
                found[channel].update(way.carried)
        return found

    def port_uses(self, network: object) -> tuple[PortUse, ...]:
        """What passed each port, once nothing is under way in ``network``."""
        flits: Counter[str] = Counter()
        size: Counter[str] = Counter()
        for way in self._ways:
            for name in _ports(way):
                flits[name] += sum(one * count for one, count in way.sizes.items())
                size[name] += sum(way.carried.values())
        waited = network.port_waits() if isinstance(network, MessageNetwork) else None
        found = []
        for endpoint, terminal in self._terminals.items():
            for place, name in enumerate((f"{endpoint} out", f"{endpoint} in")):
                waited_ps = None if waited is None else self._ps(int(waited[place][terminal]))
                found.append(PortUse(name, size[name], self._ps(flits[name]), waited_ps))
        return tuple(found)

    def _ps(self, cycles: int) -> int:
        return int(cycles * PS_PER_S / self._hz)

    def _channels(self, way: WayAccount) -> list[str]:
        """The channels that all bytes of a way take: ports first."""
        routes, (start, ends) = self._routes, way.ends
        if len(ends) > 1:
            at_port = routes.link_at_port.ravel()
            shared = {int(at_port[node.port]) for node in tree_of(routes, start, ends)} - {-1}
        else:
            every = [{link for link, _ in routes.path(start, ends[0], one)} for one in range(routes.variants)]
            shared = set.intersection(*every)
        return [*_ports(way), *(f"link {routes.links.name(link)}" for link in sorted(shared))]


def _ports(way: WayAccount) -> list[str]:
    return [f"{way.source} out", *(f"{name} in" for name in dict.fromkeys(way.destinations))]
