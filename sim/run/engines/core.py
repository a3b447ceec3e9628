"""Cores as units: each executes its share of the tile steps of a plan (:mod:`sim.run.core_run`)."""

from __future__ import annotations

from collections.abc import Sequence

from sim.run.core_run import CoreRun
from sim.run.engines.unit import Unit, unit_kinds
from sim.run.machine import Machine


@unit_kinds.register("core")
class Cores:
    """The cores of a machine."""

    @classmethod
    def of(cls, machine: Machine) -> Sequence[Unit]:
        """One unit per core."""
        return [CoreRun(machine, core) for core in machine.cores]
