"""``placement: near_units``: KV caches in the memories with processing units, all else in the others, as ``by_lifetime``.

As AttAcc (Park et al., ASPLOS 2024) keeps keys and values in its own stacks and weights in the GPU's. What finds no room
where it belongs goes to the others. With the units switched off everything prefers the other memories.
"""

from __future__ import annotations

from collections.abc import Sequence

from sim.hardware.layout import Layout, TierView
from sim.mapping.placement.arena import Arena
from sim.mapping.placement.by_lifetime import ByLifetime
from sim.mapping.placement.policy import placements
from sim.trace.expand import TensorInstance
from sim.trace.model import Trace


@placements.register("near_units")
class NearUnits(ByLifetime):
    """See the module docstring."""

    def __init__(self, layout: Layout, trace: Trace, arenas: Sequence[Arena]) -> None:
        super().__init__(layout, trace, arenas)
        self._with_units = {tier.path for tier in layout.tiers if getattr(tier.node.spec, "pim", None) is not None}
        self._working = any(view.memory for view in layout.engines)
        self._cache = False

    def home(self, tensor: TensorInstance, produced: bool) -> int:
        self._cache = self._working and tensor.role == "kv_cache"
        return super().home(tensor, produced)

    def candidates(self, backing: bool) -> tuple[TierView, ...]:
        tiers = super().candidates(backing)
        return tuple(sorted(tiers, key=lambda tier: (tier.path in self._with_units) != self._cache))
