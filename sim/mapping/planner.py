"""The planner: region x placement x machine -> plan, with a cache, because networks repeat themselves.

Every engine (:mod:`sim.mapping.engines`) is asked how it would execute the region; the dispatch strategy
(:mod:`sim.mapping.dispatch`) takes one of the answers. A region that fits nowhere is refused with what it needs and what
there is.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sim.config.policy import MappingPin
from sim.core.errors import InputError, Problem
from sim.hardware.layout import Layout
from sim.hardware.noc.traffic_collectives import chunk_bytes
from sim.mapping.dispatch.policy import IDLE, Divider, Moment, Narrowing, dispatchers
from sim.mapping.engines.core_class import stream_capacity
from sim.mapping.engines.engine import Explains, PlanningEngine, Request, compute_type, engine_kinds
from sim.mapping.kept_weights import WEIGHTS, Kept, here
from sim.mapping.pins import check_pins, pin_of
from sim.mapping.placement.policy import placements
from sim.mapping.plan import Offers, Part, Plan, Sources, divided
from sim.mapping.regions import Region
from sim.trace.expand import Slice
from sim.trace.work import CollectiveWork, VectorWork

Homes = Mapping[tuple[str, Any], int]
"""Tensor key -> tier index."""


NOT_ASKED = "not asked, as the rule takes another that can"
CACHED_PLANS = 512
"""Plans kept for repeated regions; bounds memory where every decode step has shapes of its own."""


class Planner:
    """Plans regions on one machine. ``dataflow`` overrides the arrays' own choice for the whole run."""

    def __init__(self, layout: Layout, dataflow: str | None = None) -> None:
        self.layout = layout
        policy = layout.architecture.policy
        self._pins = policy.mapping
        self._dataflow = dataflow
        self._cache: OrderedDict[object, tuple[Plan, ...]] = OrderedDict()
        self.resident = {core.index: 0 for core in layout.cores}
        for tier in layout.tiers:
            inside = tier.core if tier.core is not None else tier.buffer_of
            if inside in self.resident:
                self.resident[inside] = tier.capacity
        self.engines: list[PlanningEngine] = [
            engine for kind in engine_kinds.names() for engine in engine_kinds.get(kind).of(layout, self.resident)
        ]
        self.stripes = placements.get(policy.placement).stripes(layout) | layout.buffer_stripes
        self._dispatcher = dispatchers.get(policy.dispatch)(layout)
        check_pins(layout, dataflow, [engine.name for engine in self.engines])

    def operands(self, region: Region) -> list[tuple[Slice, ...]]:
        """The region's operands by position, as the plan's loads name them."""
        return region.operands

    def plan(
        self, region: Region, homes: Homes, moment: Moment = IDLE, cached: frozenset[Any] = frozenset(),
        kept: Kept | None = None,
    ) -> Plan:  # fmt: skip
        """The plan for ``region`` with its tensors where ``homes`` says, as dispatched at this ``moment``.

        ``cached``: keys of tensors that are in a cache by then; ``kept``: weights that the cores hold.
        """
        request = self._request(region, homes, cached, kept)
        found = self._plans(request)
        if not found:
            raise InputError([self._refusal(request.region, request.sizes)])
        if isinstance(self._dispatcher, Divider) and request.pin is None:
            parts = self._dispatcher.divide(region, found, lambda part, engine: self._part(part, engine, homes, cached))
            if parts:
                return divided(parts, found[0].offers)
        return found[0] if len(found) == 1 else self._dispatcher.choose(region, found, moment)

    def _part(self, part: Region, engine: str, homes: Homes, cached: frozenset[Any]) -> Part | None:
        """What ``engine`` would do of a divided region; None when it cannot."""
        request = self._request(part, homes, cached)
        plan = next((one for one in self._plans(request) if one.engine == engine), None)
        if plan is None:
            return None
        loads = tuple(sum(size for _, size in one.tiers) for one in request.operands)
        return Part(plan, loads, sum(size for _, size in request.output.tiers))

    def predicted_ps(self, region: Region, homes: Homes) -> int | None:
        """Time the fastest plan for ``region`` is predicted to take; None when no engine can execute it."""
        return min((plan.predicted_ps for plan in self._plans(self._request(region, homes))), default=None)

    def _plans(self, request: Request) -> tuple[Plan, ...]:
        """One plan per engine that can execute the region."""
        region = request.region
        key = (
            self._signature(region), region.wiring, region.appended, request.operands, request.sizes, request.output,
            request.outputs, tuple(one.size_bytes for one in region.outputs), request.pin,
        )  # fmt: skip
        found = self._cache.get(key)
        if found is None:
            found = self._cache[key] = self._made(request)
            if len(self._cache) > CACHED_PLANS:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(key)
        return found

    def _made(self, request: Request) -> tuple[Plan, ...]:
        """Plans of the engines that the dispatcher would take, or where these have none, of the others."""
        groups = [self.engines]
        if isinstance(self._dispatcher, Narrowing) and request.region.appended is None:
            first = self._dispatcher.first(request.region)
            groups = [[one for one in self.engines if first(one.name) == wanted] for wanted in (True, False)]
        for group in groups:
            plans = tuple(plan for engine in group if (plan := engine.plan(request)) is not None)
            if plans:
                plans = tuple(plan for plan in plans if plan.required) or plans
                offers = self._offers(request, plans, {engine.name for engine in group})
                return plans if offers is None else tuple(replace(plan, offers=offers) for plan in plans)
        return ()

    def _offers(self, request: Request, plans: Sequence[Plan], asked: Collection[str]) -> Offers | None:
        """What is told of a choice among engines, of which only some may have been asked; None where there is only one."""
        offered = {plan.engine for plan in plans}
        declined = []
        for engine in self.engines:
            reason = engine.reason(request) if isinstance(engine, Explains) else ""
            if reason:
                declined.append((engine.name, reason))
            elif engine.name not in asked and engine.name not in offered:
                declined.append((engine.name, NOT_ASKED))
        if len(plans) + len(declined) < 2:
            return None
        return Offers(self._dispatcher.rule, tuple((plan.engine, plan.predicted_ps) for plan in plans), tuple(declined))

    def _request(
        self, region: Region, homes: Homes, cached: frozenset[Any] = frozenset(), kept: Kept | None = None
    ) -> Request:
        slices = self.operands(region)
        operands = [self.sources(one, homes, cached) for one in slices]
        pin = self.pin(region.head.name)
        if kept is not None:
            operands[WEIGHTS] = here(slices[WEIGHTS])
            pin = kept.pinned(pin)
        return Request(
            region,
            tuple(operands),
            tuple(sum(part.size_bytes for part in one) for one in slices),
            self.sources(region.tail.outputs, homes),
            pin,
            tuple(self.sources(kept, homes) if kept else None for kept in region.leaving) if region.parts else (),
        )

    def _signature(self, region: Region) -> object:
        return tuple(
            (one.operator.kind, one.work, tuple(sorted(one.operator.attributes.items(), key=str)),
             tuple(slices[0].tensor.dtype for _, slices in one.inputs if slices))
            for one in region.operators
        )  # fmt: skip

    def pin(self, name: str) -> MappingPin | None:
        """What the user has fixed of the mapping of an operator; None where nothing."""
        pattern = pin_of(self._pins, name)
        pin = None if pattern is None else self._pins[pattern]
        if self._dataflow is None:
            return pin
        return (pin or MappingPin()).model_copy(update={"dataflow": self._dataflow})

    def sources(self, slices: Sequence[Slice], homes: Homes, cached: frozenset[Any] = frozenset()) -> Sources:
        """Tiers of an operand's parts; what lies in the only core's own scratchpad needs no transfer."""
        tiers: dict[int, int] = {}
        here = 0
        for one in slices:
            tier = homes[one.tensor.key]
            if self.layout.tiers[tier].core is None:
                copies = self.stripes.get(tier, (tier,))
                for copy, part in zip(copies, chunk_bytes(one.size_bytes, len(copies)), strict=True):
                    tiers[copy] = tiers.get(copy, 0) + part
            else:
                here += one.size_bytes
        caches = {self.layout.caches.get(tier) for tier in tiers}
        cache = caches.pop() if len(caches) == 1 else None
        found = cache is not None and all(one.tensor.key in cached for one in slices)
        parts = tuple((tier, size) for tier, size in sorted(tiers.items()) if size or len(tiers) == 1)
        return Sources(parts, here, all(one.tensor.persistent for one in slices),
                       cache.capacity if cache is not None else 0, found)  # fmt: skip

    def _refusal(self, region: Region, sizes: tuple[int, ...]) -> Problem:
        spaces = [
            stream_capacity(cores[0], self.resident[cores[0].index]) for cores in self.layout.core_classes.values()
        ]
        kind, work = region.head.operator.kind, region.head.work
        if isinstance(work, CollectiveWork):
            message = (
                f"operator {region.head.name!r} is a collective, but {self.layout.architecture.name} joins no chips"
            )
            return Problem(message, region.head.operator.place, found=f"{work.ranks} ranks")
        chain = [one.name for one in region.operators if isinstance(one.work, VectorWork)]
        if chain and not any(core.vector_model for core in self.layout.cores):
            return Problem(f"no core has a vector_unit, which {', '.join(map(repr, chain))} needs (part of the region of "
                           f"{region.head.name!r})", region.head.operator.place, found=kind)  # fmt: skip
        types = sorted({name for core in self.layout.cores if core.array_model for name in core.array_model.spec.types})
        return Problem(
            f"operator {region.head.name!r} ({kind}) fits no core: its smallest tile needs more scratchpad than there is, "
            f"or no unit can execute it (arrays multiply: {', '.join(types) or 'none'})",
            region.head.operator.place,
            found=f"operands of {', '.join(map(str, sizes))} bytes in {compute_type(region)}",
            allowed="; ".join(f"{space[0]} bytes for inputs, {space[1]} for results" for space in spaces),
        )
