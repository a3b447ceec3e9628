"""Which regions to join: ``policy.fusion: pipeline`` joins all that can be, ``auto`` what is predicted to gain.

A *chain* is a run of regions in program order of which each reads a result of one before it in the chain and all can be
stages (:mod:`sim.mapping.pipeline_stages`). A chain is cut into joined and single regions: ``pipeline`` takes the longest
that fits from the left; ``auto`` takes the cut with the least sum of predicted times, so that by prediction it is never
slower than ``elementwise``. Attention is decided in the same way: as one region, or as its three operators.

Left out: chains longer than :data:`LONGEST`, chains across the end of a repeat block's last use of a tensor (they join as
far as their tensors allow), and regions that are not next to each other in program order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sim.core.errors import InputError
from sim.mapping.pipeline_stages import joinable, units_of
from sim.mapping.placement.policy import Placement
from sim.mapping.planner import Planner
from sim.mapping.regions import GRADIENT, Region, join, split_attention
from sim.trace.expand import Slice

LONGEST = 6
"""Regions in one joined region at most; bounds what has to be planned."""
JOINING = ("pipeline", "auto")


class Fusion:
    """Cuts the regions of one job into those that are executed."""

    def __init__(self, planner: Planner, placement: Placement, fusion: str) -> None:
        self._planner = planner
        self._placement = placement
        self._auto = fusion == "auto"
        self._joins = fusion in JOINING
        self._gradients = fusion in ("attention", "auto")

    def regions(self, formed: Iterable[Region]) -> Iterator[Region]:
        """The regions to execute, in program order and lazily; each is asked for when those before have begun."""
        if self._gradients:
            formed = self._with_gradients(formed)
        if not self._joins:
            for region in formed:
                yield from self._attention(region)
        else:
            yield from self._joining(formed)

    def _with_gradients(self, formed: Iterable[Region]) -> Iterator[Region]:
        """Backward passes of attention joined where that can be executed."""
        held: list[Region] = []
        for region in formed:
            held.append(region)
            while held and tuple(one.head.operator.kind for one in held) != GRADIENT[: len(held)]:
                yield held.pop(0)
            if len(held) == len(GRADIENT):
                joined = join(tuple(held))
                homes = self._homes((joined,)) if joined.is_gradient else None
                able = homes is not None and self._planner.predicted_ps(joined, homes) is not None
                yield from (joined,) if able else held
                held = []
        yield from held

    def _joining(self, formed: Iterable[Region]) -> Iterator[Region]:
        chain: list[Region] = []
        for region in formed:
            if chain and not (len(chain) < LONGEST and self._extends(chain, region)):
                yield from self._cut(tuple(chain))
                chain = []
            if region.is_attention or region.parts or not joinable(region):
                yield from self._attention(region)
            else:
                chain.append(region)
        if chain:
            yield from self._cut(tuple(chain))

    def _extends(self, chain: list[Region], region: Region) -> bool:
        made = {one.tensor.key for part in chain for one in part.tail.outputs}
        return (
            not region.parts
            and joinable(region)
            and any(one.tensor.key in made for slices in region.operands for one in slices)
        )

    def _attention(self, region: Region) -> Iterator[Region]:
        """Fused attention as one region if that can be executed and, with ``auto``, is predicted to gain."""
        if not region.is_attention:
            yield region
            return
        apart = split_attention(region)
        homes = self._homes((region,))
        whole = None if homes is None else self._planner.predicted_ps(region, homes)
        if whole is not None and self._auto:
            single = self._sum(apart, self._homes(apart))
            whole = whole if single is None or whole <= single else None
        yield from (region,) if whole is not None else apart

    def _cut(self, chain: tuple[Region, ...]) -> Iterator[Region]:
        homes = self._homes(chain) if len(chain) > 1 else None
        if homes is None:
            yield from chain
            return
        yield from self._least(chain, homes) if self._auto else self._longest(chain, homes)

    def _longest(self, chain: tuple[Region, ...], homes: dict[Any, int]) -> Iterator[Region]:
        start = 0
        while start < len(chain):
            for stop in range(len(chain), start, -1):
                joined = self._joined(chain[start:stop])
                if stop - start == 1 or (joined is not None and self._planner.predicted_ps(joined, homes) is not None):
                    yield chain[start] if stop - start == 1 or joined is None else joined
                    start = stop
                    break

    def _least(self, chain: tuple[Region, ...], homes: dict[Any, int]) -> list[Region]:
        """The cut with the least predicted sum; of equal ones that with the most regions (dynamic programming)."""
        best: list[tuple[int, list[Region]]] = [(0, [])]
        for stop in range(1, len(chain) + 1):
            options = []
            for start in range(stop - 1, -1, -1):
                region = chain[start] if stop - start == 1 else self._joined(chain[start:stop])
                predicted = None if region is None else self._planner.predicted_ps(region, homes)
                if region is not None and (predicted is not None or stop - start == 1):
                    options.append((best[start][0] + (predicted or 0), -start, [*best[start][1], region]))
            cost, _, regions = min(options, key=lambda one: one[:2])
            best.append((cost, regions))
        return best[-1][1]

    def _joined(self, parts: tuple[Region, ...]) -> Region | None:
        """The parts as one region, if every part is tied to the others and all advance together."""
        joined = join(parts)
        tied = {maker for part in joined.wiring for makers in part for maker in makers}
        loose = [place for place, part in enumerate(joined.wiring) if place not in tied and not any(part)]
        return joined if not loose and units_of(joined) is not None else None

    def _sum(self, regions: tuple[Region, ...], homes: dict[Any, int] | None) -> int | None:
        times = [] if homes is None else [self._planner.predicted_ps(one, homes) for one in regions]
        return None if None in times or not times else sum(time or 0 for time in times)

    def _homes(self, regions: tuple[Region, ...]) -> dict[Any, int] | None:
        """Where the tensors of these regions would live if each were executed by itself; None without room for that.

        What was placed for the question is released again.
        """
        homes: dict[Any, int] = {}
        asked: list[Slice] = []
        try:
            for region in regions:
                for slices in region.operands:
                    for one in slices:
                        homes[one.tensor.key] = self._placement.home(one.tensor, produced=False)
                for one in region.outputs:
                    if not self._placement.placed(one.tensor):
                        asked.append(one)
                    homes[one.tensor.key] = self._placement.home(one.tensor, produced=True)
        except InputError:
            return None
        finally:
            for one in asked:
                self._placement.release(one.tensor)
        return homes
