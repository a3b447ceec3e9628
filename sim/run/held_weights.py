"""The weights that a group of cores keeps in its scratchpads from one micro-batch to the next.

Operators are asked in program order during the first micro-batch: one whose parts find room in all the scratchpads it
runs on keeps them for the run; what finds none is streamed from memory every time. The parts come in as messages of their
own, equal ones as one where ``policy.multicast`` is on; the operator's tiles wait for them (cause: copy).
Left out: weights of vector operators, of regions joined by ``fusion: pipeline``, and of products of several segments;
choosing what to keep by what it saves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from sim.core.component import Activity, Cause
from sim.core.countdown import countdown
from sim.core.engine import Phase
from sim.mapping.kept_weights import WEIGHTS, Kept, WeightShare, can_keep, weight_shares
from sim.mapping.placement.arena import Arena
from sim.mapping.planner import Planner
from sim.mapping.regions import Region
from sim.run.engines.unit import Unit
from sim.run.machine import Machine
from sim.run.parts import Core
from sim.run.region_run import RegionRun

Key = tuple[str, Any]


class WeightFill:
    """The parts of one operator's weights on their way."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.complete = False
        self.on_complete: list[Callable[[], None]] = []

    def arrived(self) -> None:
        """All are there."""
        self.complete = True
        waiting, self.on_complete = self.on_complete, []
        for tell in waiting:
            tell()

    def __str__(self) -> str:
        return f"weights of {self.name}"


class HeldWeights:
    """Of one group. ``arenas``: of each of its cores' scratchpads, by core.

    ``kept_bytes``: of the weights that found room, each once. ``asked``: operator -> [those that did, all] of its instances.
    """

    def __init__(self, machine: Machine, planner: Planner, arenas: Mapping[int, Arena], units: Sequence[Unit]) -> None:
        self._machine = machine
        self._planner = planner
        self._arenas = arenas
        self._units = units
        self._kept: dict[tuple[Key, ...], Kept | None] = {}
        self._fills: dict[Kept, WeightFill] = {}
        self.kept_bytes = 0
        self.asked: dict[str, list[int]] = {}

    def of(self, region: Region, homes: Mapping[Key, int]) -> Kept | None:
        """How the weights of ``region`` lie in the scratchpads; None when they do not."""
        if not can_keep(region):
            return None
        key = tuple(one.tensor.key for one in region.operands[WEIGHTS])
        if key not in self._kept:
            kept = self._kept[key] = self._settle(key, region, homes)
            counts = self.asked.setdefault(region.head.name, [0, 0])
            counts[0] += kept is not None
            counts[1] += 1
        return self._kept[key]

    def use(self, kept: Kept, run: RegionRun, homes: Mapping[Key, int]) -> None:
        """``run`` is about to be launched: it has to run where its weights are, and waits for them the first time."""
        run.cores = kept.cores
        loads = list(run.expected_loads)
        fill = self._fills.get(kept)
        if fill is None:
            fill = self._fills[kept] = WeightFill(str(run))
            self._fill(kept, run, fill, homes)
        else:
            loads[WEIGHTS] = 0
        run.expected_loads = tuple(loads)
        run.copies = (*run.copies, fill)

    def _settle(self, key: tuple[Key, ...], region: Region, homes: Mapping[Key, int]) -> Kept | None:
        """By the split that is fastest with weights in place; where that finds no room because cores that share rows hold
        the same weights, with all cores along N, unless reading them from memory every time is predicted to be faster.

        A split that the user has pinned is the only one."""
        every, pin = tuple(sorted(self._arenas)), self._planner.pin(region.head.name)
        for split in ((), (1, 1, len(every), 1))[: 2 if pin is None or pin.cores is None else 1]:
            if split and region.operands[WEIGHTS][0].tensor.elements < len(every):
                break
            plan = self._planner.plan(region, homes, kept=Kept(key, split, every, ()))
            if split and plan.predicted_ps > self._planner.plan(region, homes).predicted_ps:
                break
            found = weight_shares(plan)
            kept = None if found is None else self._room(key, plan.engine, *found)
            if kept is not None:
                self.kept_bytes += sum(one.size_bytes for one in region.operands[WEIGHTS])
                return kept
        return None

    def _room(
        self, key: tuple[Key, ...], engine: str, split: tuple[int, ...], shares: tuple[WeightShare, ...]
    ) -> Kept | None:
        """Take room for the shares on the cores that have been given least so far; None where one finds none."""
        members = sorted((unit for unit in self._units if unit.engine == engine),
                         key=lambda unit: (unit.predicted_ps, unit.index))  # fmt: skip
        cores = tuple(sorted(unit.index for unit in members[: len(shares)]))
        taken: list[tuple[Arena, int, int]] = []
        for core, share in zip(cores, shares, strict=True):
            address = self._arenas[core].allocate(share.size_bytes, "weight")
            if address is None:
                for arena, start, size in taken:
                    arena.free(start, size, "weight")
                return None
            taken.append((self._arenas[core], address, share.size_bytes))
        return Kept(key, split, cores, shares)

    def _fill(self, kept: Kept, run: RegionRun, fill: WeightFill, homes: Mapping[Key, int]) -> None:
        """Send every core its part from where the weights live."""
        equal: dict[Any, list[tuple[Core, WeightShare]]] = {}
        for index, share in zip(kept.cores, kept.shares, strict=True):
            together = share.part if self._machine.layout.architecture.policy.multicast else index
            equal.setdefault(together, []).append((self._machine.cores[index], share))
        source = self._planner.sources(run.region.operands[WEIGHTS], homes)
        parts = [(group, tier, size) for group in equal.values() for tier, size in source.split(group[0][1].size_bytes)]
        run.touch(self._machine.engine.now)
        done = countdown(sum(len(group) for group, _, _ in parts), fill.arrived)
        for group, tier, size in parts:
            for core, share in group:
                self._load(run, core, tier, size, share, len(group), done)

    def _load(
        self, run: RegionRun, core: Core, tier: int, size: int, share: WeightShare, members: int,
        done: Callable[[], None],
    ) -> None:  # fmt: skip
        activity = Activity(run.owner, 0)
        at = run.addresses.where(WEIGHTS, tier, share.place)
        core.dma.load.request()
        when = core.dma.load.start(activity, Cause.CREDIT)
        run.loaded_bytes[WEIGHTS] = run.loaded_bytes.get(WEIGHTS, 0) + size

        def arrived() -> None:
            core.dma.load.finish(activity, "load")
            done()

        if members > 1 and tier not in self._machine.caches:
            key = run, "weights", tier, share.part
            go = partial(self._machine.load_shared, key, members, core, tier, size, STREAM, activity, arrived, at)
        else:
            go = partial(self._machine.load, core, tier, size, STREAM, activity, arrived, at)
        engine = self._machine.engine
        if when <= engine.now:
            go()
        else:
            engine.at(when, go, Phase.ARRIVE, core.dma.rank)


STREAM = "prefetch"
"""The request stream of weights at a shared memory, as of tiles that are read only."""
