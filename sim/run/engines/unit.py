"""The interface of what executes plans in a run: a core, a roofline engine, the PIM units of a memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sim.core.registry import Registry
from sim.run.machine import Machine
from sim.run.region_run import RegionRun


class Unit(Protocol):
    """One unit of an engine. ``engine``: the name of the engine; ``index``: its place among that engine's units.

    ``predicted_ps``: the time that what it has been given so far is predicted to take. ``tiles_taken`` counts for the
    record of events.
    """

    engine: str
    index: int
    predicted_ps: int
    tiles_taken: int

    def admit(self, run: RegionRun, slot: int) -> None:
        """Append share ``slot`` of a region to the unit's program; ends with ``run.slot_done``."""
        ...

    def finish(self) -> None:
        """At the end of the run: raises InconsistencyError when something is left over."""
        ...


class UnitKind(Protocol):
    """A kind of unit: makes all of them in a machine."""

    @classmethod
    def of(cls, machine: Machine) -> Sequence[Unit]: ...


unit_kinds: Registry[type[UnitKind]] = Registry("unit_kinds", "kind of executing unit")
