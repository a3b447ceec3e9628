"""Where a region's tensors are for its use: homes given by the placement, or copies of residents in the near tier."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sim.core.component import Activity
from sim.hardware.copy_engine import Copy
from sim.mapping.placement.arena import Arena
from sim.mapping.planner import Planner
from sim.mapping.regions import Region
from sim.mapping.residency.policy import residencies
from sim.run.job_run import JobRun
from sim.run.machine import Machine
from sim.run.off_chip import OffChip
from sim.run.region_run import OperatorClock, RegionRun
from sim.run.resident_set import ResidentSet, Touch
from sim.trace.expand import Slice
from sim.trace.model import Trace


@dataclass(frozen=True)
class Settled:
    """One region's operands by position, and where each of its tensors is used: tier (index) and address in there."""

    operands: list[tuple[Slice, ...]]
    homes: dict[Any, int]
    addresses: dict[Any, int]
    touches: Sequence[Touch] = field(default=())


class Homes:
    """Placement and residency of one run, as the executor asks for them."""

    def __init__(
        self, machine: Machine, planner: Planner, arenas: Sequence[Arena], off_chip: OffChip,
        changed: Callable[[], None],
    ) -> None:  # fmt: skip
        self._machine = machine
        self._planner = planner
        policy = machine.layout.architecture.policy
        self._off_chip = off_chip
        self.residents: ResidentSet | None = None
        if machine.copies is not None:
            chosen = residencies.get(policy.residency)(policy)
            self.residents = ResidentSet(machine.layout, chosen, arenas, machine.copies, changed)

    def admit_models(self, models: Mapping[str, Trace]) -> None:
        """Models whose weights live in memory from the start."""
        for name, trace in models.items():
            if self.residents is not None:
                self.residents.admit_model(name, trace)

    def has_room(self, owner: JobRun) -> bool:
        """Is there room now for everything that lives as long as the job?"""
        return self.residents.has_room(owner.job) if self.residents is not None else owner.placement.has_room()

    def admit_job(self, owner: JobRun) -> None:
        """A job begins; what is its own is given back when it has ended."""
        owner.on_close.append(lambda: self._off_chip.close(owner.number))
        if self.residents is not None:
            residents = self.residents
            residents.admit_job(owner.number, owner.job)
            owner.on_close.append(lambda: residents.close_job(owner.number))

    def settle(self, owner: JobRun, region: Region, last_resort: bool) -> Settled | None:
        """Places for all of a region's tensors; None: wait until something has finished, then ask again."""
        operands = self._planner.operands(region)
        reads, outputs = [one for slices in operands for one in slices], region.outputs
        if not last_resort and not owner.placement.ready([one.tensor for one in outputs]):
            return None
        touches: list[Touch] = []
        homes: dict[Any, int] = {}
        addresses: dict[Any, int] = {}
        if self.residents is not None:
            touches = self.residents.touches(owner.number, owner.job, reads, outputs)
            found = self.residents.reserve(touches, last_resort)
            if found is None:
                return None
            for key, (tier, address) in found.items():
                homes[key], addresses[key] = tier, address
        for slices, produced in ((reads, False), (outputs, True)):
            for one in slices:
                if one.tensor.key not in homes:
                    homes[one.tensor.key] = owner.placement.home(one.tensor, produced)
                    addresses[one.tensor.key] = owner.placement.address(one.tensor)
        owner.placement.begins([one.tensor for one in outputs])
        self._off_chip.count(owner.number, owner.job, region, reads, homes)
        return Settled(operands, homes, addresses, touches)

    def fetch(self, settled: Settled, run: RegionRun, span: OperatorClock) -> None:
        """Start the copies a region needs; it waits for them. ``span`` of its operator runs while they do."""
        residents = self.residents
        if residents is None or not settled.touches:
            return
        engine = self._machine.engine

        def began(copy: Copy) -> None:
            if copy.activity.owner == run.owner:
                span.start(engine.now)
                copy.on_complete.append(lambda: span.stop(engine.now))

        run.copies = tuple(residents.fetch(settled.touches, Activity(run.owner, 0), began))
        run.on_complete.append(lambda: residents.release(settled.touches))

    def finish(self) -> None:
        """Checks at the end of a run."""
        if self.residents is not None:
            self.residents.finish()

    def warnings(self) -> tuple[str, ...]:
        """What the reader of the results should know."""
        count = self.residents.used_in_place if self.residents is not None else 0
        return (f"{count} times a tensor found no room in the near tier and was used where it lives",) if count else ()
