"""Plans of collectives: the algorithm and protocol that are predicted to take least time on the links between chips.

Predicted time = launch + sum over the steps of (step + slowest link's latency + the busiest port's bytes / its rate), the
steps one after the other (the run lets messages go as soon as those they need have arrived). ``policy.collectives`` pins an
algorithm.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction

from sim.core.clock import PS_PER_S
from sim.core.errors import InputError, Place, Problem
from sim.hardware.chip_groups import Group
from sim.hardware.collectives import CollectivesModel, usable
from sim.hardware.engine import EngineView
from sim.hardware.layout import Layout
from sim.hardware.noc import traffic_collectives as algorithms
from sim.mapping.engines.engine import Request, engine_kinds
from sim.mapping.plan import Choice, Plan, Split
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


@engine_kinds.register("collectives")
class CollectivesEngine:
    """The library of the simulated chip."""

    def __init__(self, layout: Layout, view: EngineView) -> None:
        self.layout = layout
        self.name = view.path
        self._model = CollectivesModel(view.spec)

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
        loads = request.operands[0].split(int(request.operands[0].transferred(request.sizes[0]))) if head.inputs else ()
        stores = request.output.split(int(request.output.transferred(output))) if output else ()
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
        )

    def candidates(
        self, work: CollectiveWork, size_bytes: int, loads: Split, stores: Split, place: Place | None
    ) -> list[CollectiveSchedule]:
        """Every way to run the collective, fastest first; InputError when chips or links are missing."""
        groups = self._groups(work, place)
        function = "send_recv" if work.function in STAGE else work.function
        pinned = self.layout.architecture.policy.collectives.get(function)
        found = []
        for algorithm in usable(function, work.ranks, pinned):
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
        """Latencies of the links and times of the busiest ports, each summed over the steps."""
        latency: defaultdict[int, int] = defaultdict(int)
        ports: defaultdict[int, dict[tuple[str, int, str], Fraction]] = defaultdict(dict)
        for group in groups:
            for message in plan.messages:
                source, destination = group[message.source], group[message.destination]
                link = self.layout.chip_link(source, destination)
                size = self._model.wire_bytes(protocol, message.size_bytes)
                latency[message.step] = max(latency[message.step], link.model.latency_ps)
                for chip, way in ((source, "out"), (destination, "in")):
                    busy, key = ports[message.step], (link.path, chip, way)
                    busy[key] = busy.get(key, Fraction(0)) + Fraction(size) / link.model.bytes_per_s
        slowest = sum((max(step.values()) for step in ports.values()), Fraction(0)) * PS_PER_S
        return sum(latency.values()), -(-slowest.numerator // slowest.denominator)
