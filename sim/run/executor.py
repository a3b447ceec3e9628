"""The executor of one machine: what its programs share, and the accounts at the end of a run.

The control of what is executed is a :mod:`sim.run.program`.
"""

from __future__ import annotations

from collections.abc import Sequence

from sim.core.probe import Probe
from sim.hardware.layout import Layout
from sim.hardware.memory.dram import Dram
from sim.mapping.placement.arena import Arena
from sim.mapping.planner import Planner
from sim.run.cache_contents import CacheContents
from sim.run.engines.unit import Unit, unit_kinds
from sim.run.jobs import JobSource
from sim.run.machine import Machine
from sim.run.off_chip import OffChip
from sim.run.program import Program, Progress, Shared
from sim.run.stage_programs import Stage, pipeline_programs
from sim.run.tally import Tally


class Executor:
    """Runs the jobs of ``source`` on ``layout``; ``tally`` collects per-operator facts for the record.

    ``stages``: what groups of its cores execute in place of the source's jobs, a program each.
    Several chips that do different things are an executor each, on the clock and the links of the ``first``.
    """

    def __init__(
        self,
        layout: Layout,
        source: JobSource,
        probe: Probe,
        dataflow: str | None = None,
        progress: Progress | None = None,
        first: Executor | None = None,
        stages: Sequence[Stage] = (),
    ) -> None:
        self.layout = layout
        planner = Planner(layout, dataflow)
        self.machine: Machine = Machine(layout, probe, planner.resident, first.machine if first is not None else None)
        self.tally: Tally = Tally(first.tally.entries if first is not None else None)
        self.arenas = [Arena(tier.capacity) for tier in layout.tiers]
        self._watch_occupancy(probe)
        self.off_chip = OffChip(layout)
        shared = Shared(self.machine, self.tally, self.arenas, CacheContents(layout), self.off_chip, progress)
        self.units: list[Unit] = [unit for kind in unit_kinds.names() for unit in unit_kinds.get(kind).of(self.machine)]
        self.stages = pipeline_programs(shared, stages, self.units, dataflow)
        if not stages:
            Program(shared, layout, planner, source, self.units)
        self.programs = shared.programs

    @property
    def elapsed_ps(self) -> int:
        """When the last region (or copy between memories) ended."""
        return max(one.elapsed_ps for one in self.programs)

    def _watch_occupancy(self, probe: Probe) -> None:
        """Tell observers what lives in each tier: a level per tier and role of tensors, in bytes."""
        if not probe.listening:
            return
        for tier, arena in zip(self.layout.tiers, self.arenas, strict=True):

            def changed(what: str, size: int, path: str = tier.path) -> None:
                probe.level(f"{path}.{what}", self.machine.engine.now, size)

            arena.changed = changed

    def start(self) -> None:
        """Begin with the first job of every program as soon as the clock runs."""
        for one in self.programs:
            one.start()

    def finish(self, elapsed_ps: int) -> None:
        """Close all accounts at the end of the run; raises InconsistencyError for what is left over."""
        for unit in self.units:
            unit.finish()
        for program in self.programs:
            program.homes.finish()
        for stage in self.stages:
            stage.finish()
        self.machine.multicasts.finish()
        self.machine.partial_sums.finish()
        for tier in self.machine.tiers:
            if isinstance(tier, Dram):
                tier.finish(elapsed_ps)
        for path in sorted(self.machine.components):
            for lane in self.machine.components[path].lanes:
                lane.finish(elapsed_ps)

    def warnings(self) -> tuple[str, ...]:
        """What the reader of the results should know."""
        return tuple(text for one in self.programs for text in one.homes.warnings())


def run_together(executors: Sequence[Executor]) -> int:
    """Execute everything on the clock that the executors share; returns the elapsed picoseconds."""
    for one in executors:
        one.start()
    executors[0].machine.engine.run()
    elapsed_ps = max(one.elapsed_ps for one in executors)
    for one in executors:
        one.finish(elapsed_ps)
    return elapsed_ps
