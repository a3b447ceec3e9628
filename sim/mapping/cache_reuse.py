"""Which loads of tiles hit in a cache, in closed form: the reuse distance of each loop against the cache's capacity.

The model is a fully associative LRU cache over tiles. Between two loads of one tile by one core lie the bytes that all
cores move meanwhile, each byte once; the tile is still there when they fit. Cores that share an operand load the same tile
at about the same time: where the tiles in flight fit, each of them misses its part of it and finds the others'. Both say
only *that* a tile hits, and both the mapper's cost and the steps of a nest ask here, so that they agree.

Left out: cores that drift apart by more than a tile, and a hit that arrives before the miss it depends on (the miss is
in flight; the later core does not wait for it).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sim.core.arith import ceil_div
from sim.mapping.plan import Sources


class Reuse(NamedTuple):
    """Of one operand: ``again`` is 1 where a tile loaded again by its core hits; ``shared``: cores that miss it together."""

    again: Any = 0
    shared: Any = 1

    def missed(self, source: Sources, size_bytes: Any, loads: Any) -> Any:
        """Bytes that one core misses when it loads ``size_bytes`` in all, each byte ``loads`` times (or arrays)."""
        if source.cached:
            return 0 * size_bytes * loads
        return ceil_div(size_bytes * (loads - (loads - 1) * self.again), self.shared)

    def hit(self, source: Sources, size_bytes: int, again: bool) -> int:
        """Bytes of one load that hit. ``again``: this core has loaded the tile before."""
        if source.cached or (again and self.again):
            return size_bytes
        return size_bytes - int(ceil_div(size_bytes, self.shared))


NO_REUSE = Reuse()


def through(source: Sources, size_bytes: Any) -> Any:
    """How much of ``size_bytes`` of an operand or result goes through a cache."""
    return source.transferred(size_bytes) if source.cache else 0 * size_bytes


def reuse(source: Sources, distance: Any, in_flight: Any, sharers: int) -> Reuse:
    """``distance`` and ``in_flight``: bytes through the cache between two loads of a tile, and of one step of all cores."""
    if not source.cache:
        return NO_REUSE
    return Reuse((distance <= source.cache) * 1, 1 + (sharers - 1) * (in_flight <= source.cache))
