"""How long bytes take between tiers and a core, for the mapper: the closed forms of tiers and links, on arrays too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sim.core.arith import ceil_div, larger
from sim.core.clock import PS_PER_S
from sim.hardware.cache_layout import CacheView
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
    """Bytes of one operand for one core; ``sharers`` cores take the same bytes from one message (integers or arrays).

    ``hit`` of them are found in the cache in front of its tiers.
    """

    source: Sources
    amount: Any
    sharers: Any = 1
    hit: Any = 0


class Paths:
    """Tiers and links as one core sees them."""

    def __init__(self, layout: Layout, core: CoreView) -> None:
        self._layout = layout
        self._core = core
        self._links = {link.path: link for link in layout.links}

    def slowest_ps(self, flows: Sequence[Flow], cores: Any, from_cores: Any = 0) -> Any:
        """Time of the busiest tier, cache or link port when each of ``cores`` cores transfers these bytes per operand.

        ``from_cores``: bytes that come from other cores besides.
        """
        slowest: Any = 0
        ports: dict[tuple[str, str], Any] = {}
        caches: dict[CacheView, Any] = {}
        for tier, (amount, sent, missed) in sorted(_by_tier(flows, cores).items()):
            slowest = larger(slowest, rate_ps(missed, self._layout.tiers[tier].bytes_per_s))
            if tier in self._layout.caches:
                cache = self._layout.caches[tier]
                caches[cache] = caches.get(cache, 0) + sent
            behind = self._layout.behind_cache(tier, self._core.index)
            for place, hop in enumerate(self._layout.routes[tier, self._core.index]):
                out = sent if self._links[hop.link].one_port_per_endpoint else amount
                carried = (missed, missed) if place < behind else (out, amount)
                for end, each in zip((hop.source, hop.destination), carried, strict=True):
                    ports[hop.link, end] = ports.get((hop.link, end), 0) + each
        for cache, amount in caches.items():
            slowest = larger(slowest, rate_ps(amount, cache.bytes_per_s))
        between = self._layout.link_between_cores
        if between is not None:
            key = between.path, self._core.scratchpad_path
            ports[key] = ports.get(key, 0) + from_cores
        for (link, _), amount in sorted(ports.items()):
            slowest = larger(slowest, rate_ps(amount, self._links[link].model.bytes_per_s))
        return slowest

    def message_ps(self, amount: Any) -> Any:
        """Time of one message of ``amount`` bytes alone from one core's scratchpad to another's."""
        link = self._layout.link_between_cores
        return 0 * amount if link is None else rate_ps(amount, link.model.bytes_per_s) + link.model.latency_ps

    def off_chip(self, flows: Sequence[Flow], cores: Any) -> Any:
        """Bytes of these flows of ``cores`` cores that go through off-chip tiers."""
        total: Any = 0
        for source, each, sharers, hit in flows:
            amount = (each - hit) * ceil_div(cores, sharers)
            whole = sum(weight for _, weight in source.tiers)
            weight = sum(weight for tier, weight in source.tiers if not self._layout.tiers[tier].on_chip)
            if weight:
                total = total + (amount if weight == whole else amount * weight // whole)
        return total

    def transfer_ps(self, source: Sources, amount: Any) -> Any:
        """Time of one transfer of ``amount`` bytes alone, latencies included; from the cache where it is there whole."""
        slowest: Any = 0
        latency = 0
        for tier, _ in source.tiers:
            view, cache = self._layout.tiers[tier], self._layout.caches.get(tier)
            on_way, hops = 0, self._layout.routes[tier, self._core.index]
            if source.cached:
                hops = hops[self._layout.behind_cache(tier, self._core.index) :]
            else:
                slowest, on_way = larger(slowest, rate_ps(amount, view.bytes_per_s)), view.latency_ps
            if cache is not None:
                slowest, on_way = larger(slowest, rate_ps(amount, cache.bytes_per_s)), on_way + cache.latency_ps
            for hop in hops:
                model = self._links[hop.link].model
                slowest = larger(slowest, rate_ps(amount, model.bytes_per_s))
                on_way += model.latency_ps
            latency = max(latency, on_way)
        return slowest + latency


def _by_tier(flows: Sequence[Flow], cores: Any) -> dict[int, tuple[Any, Any, Any]]:
    """Tier -> bytes into one core, those sent for all ``cores``, and of these the ones that miss in the cache before it."""
    tiers: dict[int, tuple[Any, Any, Any]] = {}
    for source, amount, sharers, hit in flows:
        whole = sum(weight for _, weight in source.tiers)
        for tier, weight in source.tiers:
            moved, missed = (
                part if len(source.tiers) == 1 else ceil_div(part * weight, whole) for part in (amount, amount - hit)
            )
            before = tiers.get(tier, (0, 0, 0))
            times = ceil_div(cores, sharers)
            tiers[tier] = before[0] + moved, before[1] + moved * times, before[2] + missed * times
    return tiers
