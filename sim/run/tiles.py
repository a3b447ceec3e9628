"""Tile steps in flight on a core, and the share of a region that they belong to: plain state of :mod:`sim.run.core_run`."""

from __future__ import annotations

from collections.abc import Hashable

from sim.core.component import Activity, Cause
from sim.core.server import Places
from sim.hardware.memory.tier import Where
from sim.mapping.plan import Step, TilePlace
from sim.run.output_order import OutputOrder
from sim.run.region_run import RegionRun


class Slot:
    """A region's share on this core (slot ``number`` of its plan): how many of its tiles are unfinished, and whether all
    have been taken."""

    __slots__ = ("_blocks", "exhausted", "number", "open_tiles", "run")

    def __init__(self, run: RegionRun, number: int) -> None:
        self.run = run
        self.number = number
        self.open_tiles = 0
        self.exhausted = False
        self._blocks: dict[int, int] = {}

    def next_sums(self, schedule: int) -> Hashable:
        """The name of the next block whose partial sums are exchanged; all cores that share its K call it the same."""
        self._blocks[schedule] = block = self._blocks.get(schedule, -1) + 1
        return self.run, schedule, block


class Tile:
    """A step in flight. ``left``: what it waits for; ``cause``: what it last waited for.

    ``follower`` is the next step when that one waits for this one's compute. ``place``: its schedule in the plan and its
    number there. ``sums``: the block whose partial sums it exchanges with other cores, if any.
    """

    __slots__ = (
        "activity",
        "arrays",
        "cause",
        "computed",
        "follower",
        "left",
        "place",
        "room",
        "run",
        "slot",
        "step",
        "sums",
    )

    def __init__(
        self, run: RegionRun, slot: Slot, step: Step, place: tuple[int, int], number: int, outputs: OutputOrder
    ) -> None:
        self.run = run
        alone = step.close_output if step.sums is None else 0  # else other cores have to do their part first
        self.room = outputs.enter(slot, step.open_output, alone, run)
        self.sums = None if step.sums is None else slot.next_sums(place[0])
        self.slot = slot
        self.step = step
        self.place = place
        self.activity = Activity(run.owners[step.array_operator], number)
        self.follower: Tile | None = None
        self.computed = False
        self.left = len(step.loads)
        self.cause: str = Cause.OPERAND
        self.arrays: Places = ()

    def where(self, position: int, tier: int, place: TilePlace | None) -> Where | None:
        """Where in a tier a tile of an operand (or of the results) lies; None where the plan does not say."""
        return self.run.addresses.where(position, tier, place, self.place[0]) if place is not None else None
