"""Tiers that a core's closed forms cannot tell apart, so that a search made for one placement serves its likes.

Copies of one memory behind the same links are *twins*: exchanging them changes no cost. A network whose layers are alike,
but whose tensors lie on other copies (``placement: spread``), is then searched once per pattern of who shares a copy with
whom. Steps still name the tiers they move: only what a search found is shared, and it names none.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from sim.hardware.layout import CoreView, Layout, TierView
from sim.mapping.plan import Sources


class TwinTiers:
    """The twins among the tiers of ``layout``, as ``core`` sees them."""

    def __init__(self, layout: Layout, core: CoreView) -> None:
        members: dict[object, list[int]] = {}
        for tier in layout.tiers:
            members.setdefault(_looks(layout, core, tier), []).append(tier.index)
        self._twins = {tier: tuple(group) for group in members.values() for tier in group}

    def pattern(self, shape: Any) -> tuple[object, ...]:
        """The fields of a dataclass, with the tiers of every :class:`Sources` in it named in order of appearance.

        Two shapes of one pattern differ at most in which of several twins they name."""
        names: dict[int, int] = {}
        return tuple(self._renamed(getattr(shape, one.name), names) for one in fields(shape))

    def _renamed(self, value: Any, names: dict[int, int]) -> object:
        if isinstance(value, Sources):
            return replace(value, tiers=tuple((self._name(tier, names), weight) for tier, weight in value.tiers))
        if type(value) is tuple:
            return tuple(self._renamed(one, names) for one in value)
        return value

    def _name(self, tier: int, names: dict[int, int]) -> int:
        if tier not in names:
            twins = self._twins[tier]
            names[tier] = twins[sum(1 for named in names if named in twins)]
        return names[tier]


def _looks(layout: Layout, core: CoreView, tier: TierView) -> object:
    """What costs depend on, without the tier's own name. Scratchpads and memories with engines inside have no twins."""
    if tier.core is not None or any(engine.memory == tier.path for engine in layout.engines):
        return tier.path
    hops = tuple(
        (hop.link, hop.source != tier.path and hop.source, hop.destination)
        for hop in layout.routes[tier.index, core.index]
    )
    return (tier.node.path, tier.bytes_per_s, tier.latency_ps, tier.on_chip, layout.caches.get(tier.index),
            layout.behind_cache(tier.index, core.index), hops)  # fmt: skip
