"""``dispatch: by_expert``: the experts of a mixture are dealt to two engines, cold ones to memory, hot ones to the other.

The rule of expert co-processing in Yun et al., Duplex, MICRO 2024 (section 5): experts in order of their tokens, those with
fewest to processing in memory, as many as let both engines end together by the predicted times of the two groups (the
paper's look-up table of an expert's time by its tokens). Both work side by side. Where that is not faster than one engine
alone, and for all other operators, as ``by_prediction``.

Left out: the memory bandwidth that one engine takes from the other while both work, and more than two engines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

from sim.hardware.layout import Layout
from sim.mapping.dispatch.policy import Ask, Moment, dispatchers
from sim.mapping.expert_parts import expert_part, tokens_of
from sim.mapping.plan import Part, Plan
from sim.mapping.regions import Region

Deal = tuple[Part, Part]
"""Cold experts in memory, hot ones outside."""


@dispatchers.register("by_expert")
class ByExpert:
    """See the module docstring; equal times go to the engine that is named first."""

    rule: ClassVar[str] = (
        "cold experts to memory and hot ones beside it, so that both end together; else the least time"
    )

    def __init__(self, layout: Layout) -> None:
        self._in_memory = {view.path for view in layout.engines if view.memory}

    def choose(self, region: Region, plans: Sequence[Plan], moment: Moment) -> Plan:
        """As in :class:`~sim.mapping.dispatch.policy.Dispatcher`."""
        return min(plans, key=lambda plan: plan.predicted_ps)

    def divide(self, region: Region, plans: Sequence[Plan], ask: Ask) -> tuple[Part, ...]:
        """As in :class:`~sim.mapping.dispatch.policy.Divider`."""
        tokens = tokens_of(region)
        outside = [plan for plan in plans if plan.engine not in self._in_memory]
        if len(tokens) < 2 or not outside:
            return ()
        coldest_first = sorted(tokens, key=lambda expert: (tokens[expert], expert))
        beside = min(outside, key=lambda plan: plan.predicted_ps).engine
        alone = min(plan.predicted_ps for plan in plans)
        deals = [
            _even(len(tokens), partial(_deal, region, coldest_first, inside, beside, ask))
            for inside in sorted(self._in_memory)
        ]
        best = min((deal for deal in deals if deal is not None), key=_longer, default=None)
        return best if best is not None and _longer(best) < alone else ()


def _deal(region: Region, order: Sequence[int], inside: str, beside: str, ask: Ask, cold: int) -> Deal | None:
    found = [_part(region, chosen, engine, ask) for chosen, engine in ((order[:cold], inside), (order[cold:], beside))]
    if found[0] is None or found[1] is None:
        return None
    return found[0], found[1]


def _part(region: Region, experts: Sequence[int], engine: str, ask: Ask) -> Part | None:
    """These experts on this engine; how many they are, and their tokens, stand in the plan's choices."""
    part = expert_part(region, experts)
    found = ask(part, engine) if part is not None else None
    if part is None or found is None:
        return None
    told = {"experts": len(experts), "tokens": sum(tokens_of(part).values())}
    choices = tuple(replace(choice, split={**choice.split, **told}) for choice in found.plan.choices)
    return found._replace(plan=replace(found.plan, choices=choices))


def _longer(deal: Deal) -> int:
    return max(part.plan.predicted_ps for part in deal)


def _even(experts: int, deal: Callable[[int], Deal | None]) -> Deal | None:
    """The deal whose longer side is shortest: the more cold experts, the longer memory takes, and the shorter the other.

    A deal that cannot be made (memory refuses an expert of many tokens) counts as too many in memory.
    """
    low, high = 1, experts - 1
    while low < high:
        middle = (low + high) // 2
        found = deal(middle)
        if found is None or found[0].plan.predicted_ps >= found[1].plan.predicted_ps:
            high = middle
        else:
            low = middle + 1
    near = [found for found in (deal(cold) for cold in range(max(1, low - 1), low + 1)) if found is not None]
    return min(near, key=_longer, default=None)
