"""A program: the control of one stream of jobs on the units that execute it.

One SimPy process takes regions from the planner as long as fewer than ``lookahead`` separate the oldest
unfinished region from the newest, launches them through the host when there is one, and hands each unit of
the plan's engine its share. Everything below runs as callbacks (:mod:`sim.run.core_run`, :mod:`sim.run.engines`).

A machine runs one program, or one per group of its cores, each with some of the layers (``policy.core_groups``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sim.core.component import Activity, Cause
from sim.core.probe import EXECUTION_LANE
from sim.hardware.layout import Layout
from sim.mapping.appends import with_readers
from sim.mapping.dispatch.policy import Moment
from sim.mapping.fusion import Fusion
from sim.mapping.placement.arena import Arena
from sim.mapping.placement.policy import Placement, placements
from sim.mapping.plan import Plan
from sim.mapping.planner import Planner
from sim.mapping.regions import Region, form_regions
from sim.mapping.schedulers.policy import Distance, schedulers
from sim.run.addresses import Addresses
from sim.run.cache_contents import CacheContents
from sim.run.conservation import check_moved
from sim.run.engines.unit import Unit
from sim.run.held_weights import HeldWeights
from sim.run.homes import Homes, Settled
from sim.run.job_run import JobRun
from sim.run.jobs import JobSource
from sim.run.machine import Machine
from sim.run.off_chip import OffChip
from sim.run.region_run import RegionRun
from sim.run.tally import Tally
from sim.trace.expand import Slice
from sim.trace.model import Trace

Progress = Callable[[int, str], None]


@dataclass
class Shared:
    """What the programs of one machine have in common."""

    machine: Machine
    tally: Tally
    arenas: Sequence[Arena]
    cached: CacheContents
    off_chip: OffChip
    progress: Progress | None
    done: int = 0
    """Regions completed."""
    programs: list[Program] = field(default_factory=list)

    def completed(self, run: RegionRun) -> None:
        """One more region is done."""
        self.tally.completed(run)
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, str(run))

    def changed(self) -> None:
        """What one program has given back another may wait for."""
        for one in self.programs:
            one.wake()


class Program:
    """Executes the jobs of ``source`` with ``planner`` on ``units``, which are those of ``layout``.

    ``placed`` makes of a job's placement that of this program; ``held``: the weights that its cores keep.
    """

    def __init__(
        self, shared: Shared, layout: Layout, planner: Planner, source: JobSource, units: Sequence[Unit],
        placed: Callable[[Placement], Placement] | None = None, held: HeldWeights | None = None,
    ) -> None:  # fmt: skip
        policy = layout.architecture.policy
        self.layout = layout
        self.planner = planner
        self.machine = shared.machine
        self.tally = shared.tally
        self._shared = shared
        self._source = source
        self._scheduler = schedulers.get(policy.scheduler)
        self._number = len(shared.programs)
        self._placed = placed
        self._held = held
        shared.programs.append(self)
        self.homes = Homes(self.machine, planner, shared.arenas, shared.off_chip, self._something_changed)
        self._engines: dict[str, list[Unit]] = {}
        for unit in units:
            self._engines.setdefault(unit.engine, []).append(unit)
        self._free_ps: dict[str, int] = {}
        self._writers: dict[Any, list[RegionRun]] = {}
        self._active: deque[RegionRun] = deque()
        self._frees: deque[tuple[int, Region, JobRun]] = deque()
        self._room: Any = None
        self._regions_formed = 0
        self.elapsed_ps = 0

    def start(self) -> None:
        """Begin with the first job as soon as the clock runs."""
        self.machine.engine.process(self._control())

    def _control(self) -> Generator[Any, Any, None]:
        engine = self.machine.engine
        self.homes.admit_models(self._source.models())
        policy = self.layout.architecture.policy
        for number, whole in enumerate(self._source.jobs()):
            job = whole.in_streams(policy.sub_batches, policy.sub_batch_split)
            if job.arrival_ps > engine.now:
                yield engine.timeout(job.arrival_ps - engine.now)
            owner = JobRun(self._number + number, job, self._placement(job.trace))
            while self._active and not self.homes.has_room(owner):
                yield self._wait(job.name, "room in memory")
            self.homes.admit_job(owner)
            self.tally.expect(job.trace)
            for region in self._regions(owner):
                while self._active and self._scheduler.holds(policy, self._distance(region)):
                    yield self._wait(region, "the end of older regions")
                self._release(region)
                while (settled := self.homes.settle(owner, region, last_resort=not self._busy)) is None:
                    yield self._wait(region, "places of what it gets and makes")
                    self._release(region)
                self._begin(owner, region, settled)
            owner.exhausted()

    def _placement(self, trace: Trace) -> Placement:
        own: Placement = placements.get(self.layout.architecture.policy.placement)(
            self.layout, trace, self._shared.arenas
        )
        return own if self._placed is None else self._placed(own)

    def _distance(self, region: Region) -> Distance:
        """How far ``region`` is from the oldest unfinished one."""
        oldest = self._active[0]
        return Distance(region.number - oldest.number, region.head.stage - oldest.region.head.stage)

    @property
    def _busy(self) -> bool:
        """Will a region or a copy between tiers finish yet, or another program change something?"""
        copies = self.machine.copies
        return len(self._shared.programs) > 1 or bool(self._active) or (copies is not None and copies.open > 0)

    def _something_changed(self) -> None:
        """A region or a copy between tiers has finished."""
        self.elapsed_ps = max(self.elapsed_ps, self.machine.engine.now)
        self.wake()

    def wake(self) -> None:
        """Whoever waits for room looks again."""
        if self._room is not None and not self._room.triggered:
            self.machine.engine.waits_no_more(self)
            self._room.succeed()

    def _wait(self, who: object, what: str) -> Any:
        """An event for the next region or copy that finishes, or for what another program gives back; ``who`` waits."""
        self.machine.engine.waits(self, lambda: f"{who} waits for {what}")
        self._room = self.machine.engine.signal()
        return self._room

    def _regions(self, owner: JobRun) -> Iterator[Region]:
        """The regions of a job, numbered through the program."""
        fusion = self.layout.architecture.policy.fusion
        formed = form_regions(owner.job.events(), fusion)
        if any(view.kind == "pim" for view in self.layout.engines):
            formed = with_readers(formed)
        if self.homes.residents is None:  # else weights move between tiers, and no prediction knows where they will be
            formed = Fusion(self.planner, owner.placement, fusion).regions(formed)
        for region in formed:
            self.tally.regions += 1
            self._regions_formed += 1
            yield replace(region, number=self._regions_formed - 1)

    def _release(self, region: Region) -> None:
        """Give back what regions that have left the window do not need any more."""
        oldest = self._active[0].number if self._active else region.number
        while self._frees and self._frees[0][0] < oldest:
            _, old, owner = self._frees.popleft()
            if not owner.done:
                for tensor in old.frees:
                    owner.placement.release(tensor)

    def _begin(self, owner: JobRun, region: Region, settled: Settled) -> None:
        """Plan and launch one region whose tensors have their places."""
        homes, operands, outputs = settled.homes, settled.operands, region.outputs
        producers = [self._producers(owner, slices) for slices in operands]
        cached = self._shared.cached.use(owner.number, (one for slices in operands for one in slices), outputs, homes)
        kept = self._held.of(region, homes) if self._held is not None else None
        plan = self.planner.plan(region, homes, self._moment(producers), cached, kept)
        owners = self.tally.owners(owner.job, region, plan)
        entry = self.tally.entries[owners[0]]
        moved = [self._moved(slices, homes) for slices in operands]
        leaving = [self._moved(slices, homes) for slices in region.leaving]
        addresses = Addresses(moved, leaving, homes, settled.addresses, plan, self.planner.stripes)
        run = RegionRun(region, plan, owners, entry.clock, entry.span, addresses)
        run.producers = [*producers, ()]  # the last: of partial sums that come back (SPILL)
        run.predicted_end_ps = self._predicted_end(plan, producers)
        run.expected_bytes = sum(one.size_bytes for slices in leaving for one in slices)
        run.expected_loads = tuple(sum(one.size_bytes for one in slices) for slices in moved)
        if kept is not None and self._held is not None:
            self._held.use(kept, run, homes)
        self.homes.fetch(settled, run, entry.span)
        for one in outputs:
            self._writers.setdefault((owner.number, one.tensor.key), []).append(run)
        self._frees.append((region.number, region, owner))
        owner.region_began()
        self._active.append(run)
        self.machine.engine.waits(run, run.waits_for)
        run.on_complete.append(lambda: self._completed(owner, run))
        self._launch(run)

    def _moment(self, producers: Sequence[tuple[RegionRun, ...]]) -> Moment:
        ready_ps = max((one.predicted_end_ps for group in producers for one in group), default=0)
        return Moment(self.machine.engine.now, ready_ps, self._free_ps)

    def _predicted_end(self, plan: Plan, producers: Sequence[tuple[RegionRun, ...]]) -> int:
        """When the plan is predicted to end; its engine is free from then on."""
        end_ps = self._moment(producers).finish_ps(plan)
        self._free_ps |= dict.fromkeys(plan.engines, end_ps)
        return end_ps

    def _moved(self, slices: Sequence[Slice], homes: dict[Any, int]) -> list[Slice]:
        """Those of these slices whose home is not the core's own scratchpad."""
        return [one for one in slices if self.layout.tiers[homes[one.tensor.key]].core is None]

    def _producers(self, owner: JobRun, slices: tuple[Slice, ...]) -> tuple[RegionRun, ...]:
        keys = [(owner.number, one.tensor.key) for one in slices]
        found = {writer.number: writer for key in keys for writer in self._writers.get(key, ())}
        return tuple(found[number] for number in sorted(found))

    def _launch(self, run: RegionRun) -> None:
        if self.machine.host is None:
            self._admit(run)
            return
        cores = [self.machine.cores[view.index] for view in self.layout.cores]
        lanes = [lane for core in cores if core.arrays and run.plan.uses_arrays for lane in core.arrays.servers.lanes]
        now = self.machine.engine.now
        for lane in lanes:
            lane.assign(now)

        def launched() -> None:
            self._admit(run)
            for lane in lanes:
                lane.withdraw(self.machine.engine.now, Cause.LAUNCH, run.owner)

        self.machine.host.launch(Activity(run.owner, 0), launched)

    def _admit(self, whole: RegionRun) -> None:
        """Give the region, or its parts, to the engines that execute them."""
        for run in whole.in_parts():
            if run is not whole:
                run.on_complete.append(lambda run=run: self._part_done(whole, run))  # type: ignore[misc]
            self._share_out(run)

    def _part_done(self, whole: RegionRun, part: RegionRun) -> None:
        check_moved(part)
        whole.part_done(part)

    def _share_out(self, run: RegionRun) -> None:
        """Give the region's shares to the units of its engine that have been given least so far."""
        members = sorted(self._engines[run.plan.engine], key=lambda unit: (unit.predicted_ps, unit.index))
        if run.cores:
            members = [unit for unit in members if unit.index in run.cores]
        chosen = sorted(members[: run.plan.slots], key=lambda unit: unit.index)
        for slot, unit in enumerate(chosen):
            unit.predicted_ps += run.plan.predicted_ps
            unit.admit(run, slot)

    def _completed(self, owner: JobRun, run: RegionRun) -> None:
        self.machine.engine.waits_no_more(run)
        check_moved(run)
        probe = self.machine.probe
        if probe.listening:
            number = run.number * len(self._shared.programs) + self._number
            probe.span(EXECUTION_LANE, run.started_ps, self.machine.engine.now, "execute", run.owner, number)
        for one in run.region.outputs:
            key = (owner.number, one.tensor.key)
            self._writers[key].remove(run)
            if not self._writers[key]:
                del self._writers[key]
        owner.region_done()
        while self._active and self._active[0].complete:
            self._active.popleft()
        self._shared.completed(run)
        self._something_changed()
