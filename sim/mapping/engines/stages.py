"""What groups of cores hand to each other, as regions: where it goes is the placement's choice, so nothing is moved here.

The tiles of its maker were stored where the reader finds them (:mod:`sim.mapping.placement.of_stage`). ``send`` is over when
all of it has been made, ``recv`` when the other stage's ``send`` is.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.hardware.layout import Layout
from sim.mapping.engines.engine import Request, engine_kinds
from sim.mapping.plan import Choice, Plan
from sim.trace.work import CollectiveWork

NAME = "stages"
"""The engine's name, in plans and of its units."""


@dataclass(frozen=True)
class _InOneStep:
    slots: int = 1


@engine_kinds.register("stages")
class Stages:
    """The hand-over of one group of cores."""

    name = NAME

    @classmethod
    def of(cls, layout: Layout, resident: dict[int, int]) -> tuple[Stages, ...]:
        """One engine where the cores work in groups."""
        return (cls(),) if layout.group_of else ()

    def plan(self, request: Request) -> Plan | None:
        """As in :class:`~sim.mapping.engines.engine.PlanningEngine`."""
        head = request.region.head
        if not isinstance(head.work, CollectiveWork) or head.work.function not in ("send", "recv"):
            return None
        size = sum(one.size_bytes for one in head.outputs)
        choice = Choice(
            engine=NAME, dataflow=None, tile={"bytes": size or sum(request.sizes)}, order=head.work.function, split={},
            buffers=1, tiles=1, considered=1, predicted_ps=0, best_ps=0,
        )  # fmt: skip
        return Plan(engine=NAME, schedules=(_InOneStep(),), choices=(choice,), in_place=(0,), kept_bytes=size)
