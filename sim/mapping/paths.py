"""How long bytes take between tiers and a core, for the mapper: the closed forms of tiers and links, on arrays too."""

from __future__ import annotations

from typing import Any, NamedTuple

from sim.core.arith import ceil_div, larger
from sim.core.clock import PS_PER_S
from sim.hardware.layout import CoreView, Layout
from sim.mapping.plan import Sources

_SCALE = 1 << 20


def rate_ps(amount: Any, per_s: Any) -> Any:
    """Picoseconds of ``amount`` bytes (or cycles) at ``per_s`` per second, rounded up; 64-bit safe on arrays.

    The factor is kept with 20 fractional bits and the amount is split, so that products stay below 2^63.
    """
    factor = int(PS_PER_S * _SCALE / per_s)
    return (amount >> 20) * factor + ceil_div((amount & (_SCALE - 1)) * factor, _SCALE)


class Flow(NamedTuple):
    """Bytes of one operand for one core; ``sharers`` cores take the same bytes from one message."""

    source: Sources
    amount: Any
    sharers: int = 1


class Paths:
    """Tiers and links as one core sees them."""

    def __init__(self, layout: Layout, core: CoreView) -> None:
        self._layout = layout
        self._core = core
        self._links = {link.path: link for link in layout.links}

    def slowest_ps(self, flows: list[Flow], cores: int) -> Any:
        """Time of the busiest tier or link port when each of ``cores`` cores transfers these bytes per operand."""
        tiers: dict[int, Any] = {}
        sent: dict[int, Any] = {}
        for source, amount, sharers in flows:
            whole = sum(weight for _, weight in source.tiers)
            for tier, weight in source.tiers:
                part = amount if len(source.tiers) == 1 else ceil_div(amount * weight, whole)
                tiers[tier] = tiers.get(tier, 0) + part
                sent[tier] = sent.get(tier, 0) + part * ceil_div(cores, sharers)
        slowest: Any = 0
        ports: dict[tuple[str, str], Any] = {}
        for tier, amount in sorted(tiers.items()):
            slowest = larger(slowest, rate_ps(sent[tier], self._layout.tiers[tier].bytes_per_s))
            for hop in self._layout.routes[tier, self._core.index]:
                out = sent[tier] if self._links[hop.link].one_port_per_endpoint else amount
                ports[hop.link, hop.source] = ports.get((hop.link, hop.source), 0) + out
                ports[hop.link, hop.destination] = ports.get((hop.link, hop.destination), 0) + amount
        for (link, _), amount in sorted(ports.items()):
            slowest = larger(slowest, rate_ps(amount, self._links[link].model.bytes_per_s))
        return slowest

    def off_chip(self, flows: list[Flow], cores: int) -> Any:
        """Bytes of these flows of ``cores`` cores that go through off-chip tiers."""
        total: Any = 0
        for source, each, sharers in flows:
            amount = each * ceil_div(cores, sharers)
            whole = sum(weight for _, weight in source.tiers)
            weight = sum(weight for tier, weight in source.tiers if not self._layout.tiers[tier].on_chip)
            if weight:
                total = total + (amount if weight == whole else amount * weight // whole)
        return total

    def transfer_ps(self, source: Sources, amount: Any) -> Any:
        """Time of one transfer of ``amount`` bytes alone, latencies included."""
        slowest: Any = 0
        latency = 0
        for tier, _ in source.tiers:
            view = self._layout.tiers[tier]
            slowest = larger(slowest, rate_ps(amount, view.bytes_per_s))
            on_way = view.latency_ps
            for hop in self._layout.routes[tier, self._core.index]:
                model = self._links[hop.link].model
                slowest = larger(slowest, rate_ps(amount, model.bytes_per_s))
                on_way += model.latency_ps
            latency = max(latency, on_way)
        return slowest + latency
