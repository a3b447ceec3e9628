"""Plans of collectives: the algorithm and protocol that are predicted to take least time on the links between chips.

Predicted time = launch + sum over the steps of (step + longest latency + the busiest channel's bytes / its rate), the
steps one after the other (the run lets messages go as soon as those they need have arrived). Channels are the ports that
messages of a step share, and in a routed fabric every link on their routes; so neighbours pay on a ring, and direct messages
where one switch joins all. ``policy.collectives`` pins an algorithm.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from sim.core.arith import ceil_div
from sim.core.clock import PS_PER_S
from sim.core.errors import InputError, Place, Problem
from sim.hardware.chip_groups import Group
from sim.hardware.collectives import CollectivesModel, usable
from sim.hardware.engine import EngineView
from sim.hardware.layout import Layout
from sim.hardware.noc import traffic_collectives as algorithms
from sim.hardware.noc.link import Passage
from sim.mapping.engines.engine import Request, engine_kinds
from sim.mapping.plan import Choice, Plan, Sources, Split
from sim.trace.dtypes import data_type
from sim.trace.work import CollectiveWork

STAGE = ("send", "recv")
"""The two ends of a message between stages of a pipeline."""


@dataclass(frozen=True)
class CollectiveSchedule:
    """One collective: its messages between ranks, by which protocol, what this chip reads and leaves, and its cost.

    ``groups``: the chips that are the ranks; several groups do the same at the same time, the simulated chip's among them.
    """

    messages: algorithms.Schedule
    protocol: str
    size_bytes: int
    loads: Split
    stores: Split
    launch_ps: int
    steps_ps: int
    transfer_ps: int
    groups: tuple[Group, ...]
    slots: int = 1

    @property
    def predicted_ps(self) -> int:
        """Time alone on idle links."""
        return self.launch_ps + self.steps_ps + self.transfer_ps

    def to_choice(self, considered: int, best_ps: int, others: tuple[CollectiveSchedule, ...]) -> Choice:
        """For report and explain: ``dataflow`` is algorithm and protocol, ``order`` the function."""
        plan = self.messages
        sizes = {"ranks": plan.ranks, "steps": plan.steps, "bytes": self.size_bytes,
                 "sent": max(plan.bytes_sent(), default=0)}  # fmt: skip
        terms = {"launch": self.launch_ps, "steps": self.steps_ps, "transfer": self.transfer_ps}
        kept = tuple(one.to_choice(0, 0, ()).to_alternative() for one in others)
        return Choice(
            engine="collectives",
            dataflow=f"{plan.algorithm}/{self.protocol}",
            tile=sizes,
            order=plan.operation,
            split={},
            buffers=1,
            tiles=len(plan.messages),
            considered=considered,
            predicted_ps=self.predicted_ps,
            best_ps=best_ps,
            terms_ps=terms,
            alternatives=kept,
        )


class _Leg(NamedTuple):
    """Between two chips: the link's path, its packets, the time that one takes on one of a message's route sets, the way."""

    link: str
    packet_bytes: int
    packet_ps: Fraction
    way: Passage


@engine_kinds.register("collectives")
class CollectivesEngine:
    """The library of the simulated chip."""

    def __init__(self, layout: Layout, view: EngineView) -> None:
        self.layout = layout
        self.name = view.path
        self._model = CollectivesModel(view.spec)
        self._legs: dict[tuple[int, int], _Leg] = {}

    @classmethod
    def of(cls, layout: Layout, resident: dict[int, int]) -> tuple[CollectivesEngine, ...]:
        """One engine where the architecture has chips."""
        return tuple(cls(layout, view) for view in layout.engines if view.kind == "collectives")

    def plan(self, request: Request) -> Plan | None:
        """As in :class:`~sim.mapping.engines.engine.PlanningEngine`."""
        work = request.region.head.work
        if not isinstance(work, CollectiveWork):
            return None
        head = request.region.head
        moved = head.inputs[0][1] if head.inputs else head.outputs
        dtype = data_type(moved[0].tensor.dtype)
        output = sum(one.size_bytes for one in request.region.tail.outputs)
        loads, _ = self._moves(request.operands[0], request.sizes[0]) if head.inputs else ((), 0)
        stores, delivered = self._moves(request.output, output)
        found = self.candidates(
            work, dtype.size_bytes(work.elements), loads, stores, request.region.head.operator.place
        )
        best = found[0]
        others = {one.messages.algorithm: one for one in reversed(found[1:])
                  if one.messages.algorithm != best.messages.algorithm}  # fmt: skip
        return Plan(
            engine=self.name,
            schedules=(best,),
            choices=(best.to_choice(len(found), best.predicted_ps, tuple(others[name] for name in sorted(others))),),
            delivered_bytes=delivered,
        )

    def _moves(self, ends: Sources, size_bytes: int) -> tuple[Split, int]:
        """Bytes of an operand or the result by tier, and those in the only core's scratchpad, which is one of them."""
        outside = int(ends.transferred(size_bytes))
        inside = size_bytes - outside
        pads = [tier.index for tier in self.layout.tiers if tier.core is not None]
        return (*ends.split(outside), *((pad, inside) for pad in pads if inside)), inside

    def candidates(
        self, work: CollectiveWork, size_bytes: int, loads: Split, stores: Split, place: Place | None
    ) -> list[CollectiveSchedule]:
        """Every way to run the collective, fastest first; InputError when chips or links are missing."""
        groups = self._groups(work, place)
        function = "send_recv" if work.function in STAGE else work.function
        architecture = self.layout.architecture
        pinned = architecture.policy.collectives.get(function)
        found = []
        for algorithm in usable(function, work.ranks, pinned, architecture.policy_place(f"collectives.{function}")):
            plan = algorithms.schedule(function, algorithm, work.ranks, size_bytes)
            for name, protocol in sorted(self._model.spec.protocols.items()):
                steps, transfer = self._steps(plan, name, groups)
                found.append(CollectiveSchedule(plan, name, size_bytes, loads, stores, protocol.launch,
                                                plan.steps * protocol.step + steps, transfer, groups))  # fmt: skip
        return sorted(found, key=lambda one: (one.predicted_ps, one.messages.algorithm, one.protocol))

    def _groups(self, work: CollectiveWork, place: Place | None) -> tuple[Group, ...]:
        """The chips that are the ranks; of a message between stages, each chip of one stage with its partner."""
        grid = self.layout.grid
        if work.function in STAGE:
            chips = grid.chips() if work.function == "send" else tuple(grid.before(chip) for chip in grid.chips())
            return tuple((chip, grid.behind(chip)) for chip in chips)
        groups = grid.groups(work.group, work.ranks)
        count = self.layout.chip_count
        if max(max(group) for group in groups) >= count:
            message = f"a collective among {work.ranks} chips"
            raise InputError([Problem(message, place, found=f"{self.layout.architecture.name} has {count}")])
        return groups

    def _steps(self, plan: algorithms.Schedule, protocol: str, groups: tuple[Group, ...]) -> tuple[int, int]:
        """Latencies of the links and times of their busiest channels, each summed over the steps."""
        latency: defaultdict[int, int] = defaultdict(int)
        busy: defaultdict[tuple[int, str], Counter[Hashable]] = defaultdict(Counter)
        packet_ps: dict[str, Fraction] = {}
        for group in groups:
            for message in plan.messages:
                leg = self._leg(group[message.source], group[message.destination])
                packets = ceil_div(self._model.wire_bytes(protocol, message.size_bytes), leg.packet_bytes)
                latency[message.step] = max(latency[message.step], leg.way.latency_ps)
                packet_ps[leg.link] = leg.packet_ps
                channels = busy[message.step, leg.link]
                for channel, route_sets in leg.way.channels.items():
                    channels[channel] += packets * route_sets
        slowest: defaultdict[int, Fraction] = defaultdict(Fraction)
        for (step, link), channels in busy.items():
            slowest[step] = max(slowest[step], max(channels.values()) * packet_ps[link])
        return sum(latency.values()), int(ceil_div(sum(slowest.values(), Fraction(0)), 1))

    def _leg(self, source: int, destination: int) -> _Leg:
        """The way of a message from one chip to another."""
        leg = self._legs.get((source, destination))
        if leg is None:
            chips, link = self.layout.chips, self.layout.chip_link(source, destination)
            assert chips is not None
            way = link.passages.between(chips.ends[source], chips.ends[destination])
            packet_ps = link.model.packet_bytes * PS_PER_S / link.model.bytes_per_s / way.route_sets
            leg = self._legs[source, destination] = _Leg(link.path, link.model.packet_bytes, packet_ps, way)
        return leg
