"""``placement: spread``: as ``by_lifetime``, but copies of one memory share the tensors, so that all their ports work.

Among the copies of one declaration a tensor goes to the one with the fewest bytes placed so far. The traffic
of one large operator therefore stays on few of them (``interleave`` cuts each tensor over all).
"""

from __future__ import annotations

from collections.abc import Sequence

from sim.hardware.layout import Layout, TierView
from sim.mapping.placement.arena import Arena
from sim.mapping.placement.by_lifetime import ByLifetime
from sim.mapping.placement.policy import placements
from sim.trace.expand import TensorInstance
from sim.trace.model import Trace


@placements.register("spread")
class Spread(ByLifetime):
    """See the module docstring."""

    def __init__(self, layout: Layout, trace: Trace, arenas: Sequence[Arena]) -> None:
        super().__init__(layout, trace, arenas)
        self._placed_bytes = [0] * len(layout.tiers)

    def home(self, tensor: TensorInstance, produced: bool) -> int:
        fresh = tensor.key not in self._homes
        tier = super().home(tensor, produced)
        if fresh:
            self._placed_bytes[tier] += self._homes[tensor.key][2]
        return tier

    def candidates(self, backing: bool) -> tuple[TierView, ...]:
        tiers = super().candidates(backing)
        first: dict[str, int] = {}
        for place, tier in enumerate(tiers):
            first.setdefault(tier.node.path, place)
        return tuple(sorted(tiers, key=lambda tier: (first[tier.node.path], self._placed_bytes[tier.index])))
