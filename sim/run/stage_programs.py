"""A trace as a pipeline over groups of cores: the stages, what each keeps in its scratchpads, and what they hand over.

What a group's scratchpads keep for whole tensors is at most their ``resident_share``. Buffers for what comes in go first,
cut over the group's scratchpads, where two micro-batches of it fit (one, if there is only one) and links join scratchpads:
then a stage writes the next micro-batch while its neighbour reads this one. What a later stage reads too has one more for
every stage it passes. What the stage before only passes on, and results of the run, take none. The rest may hold weights
(:mod:`sim.run.held_weights`), at most all of the stage's; what is not needed stays with the streaming tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sim.core.errors import InconsistencyError, InputError, Problem
from sim.hardware.core_groups import CoreGroup, core_groups, grouped_cores, pads_joined, resident_limit
from sim.hardware.layout import Layout
from sim.mapping.engines.stages import NAME as STAGES
from sim.mapping.placement.arena import Arena
from sim.mapping.placement.of_run import OfRun
from sim.mapping.placement.of_stage import Boundary, OfStage, Slots, sent_keys
from sim.mapping.placement.policy import Placement, placements
from sim.mapping.planner import Planner
from sim.mapping.stage_costs import stage_costs
from sim.run.engines.unit import Unit
from sim.run.held_weights import HeldWeights
from sim.run.jobs import Job, ListedJobs
from sim.run.program import Program, Shared
from sim.trace.expand import final_key, output_keys
from sim.trace.model import Item, Operator, Repeat, Tensor, Trace
from sim.trace.parallel.micro_batches import INDEX
from sim.trace.parallel.pipeline import names_read, pipeline_stages
from sim.trace.summary import persistent_tensors

HELD_ROLES = ("weight", "constant")
"""Roles of what does not change from one micro-batch to the next."""


@dataclass(frozen=True)
class Stage:
    """One stage: its group of cores, its trace, and what comes in per micro-batch.

    ``whole``: what it is a stage of, with all micro-batches. ``slots``: of what the stage before makes for it.
    ``buffer_bytes``: of the group's scratchpads together, for all slots; 0: it comes through memory.
    """

    group: CoreGroup
    whole: Trace
    trace: Trace
    micro_batches: int
    received: tuple[Tensor, ...]
    slots: Mapping[str, Slots]
    buffer_bytes: int


def stages_of(trace: Trace, layout: Layout) -> tuple[Layout, tuple[Stage, ...]]:
    """The stages of ``trace`` on the groups of ``policy.core_groups``, and the layout that all have. Raises InputError."""
    policy = layout.architecture.policy
    groups, place = policy.core_groups, layout.architecture.policy_place("core_groups")
    if dict(trace.parallel):
        degrees = ", ".join(f"--{name} {count}" for name, count in trace.parallel)
        raise InputError([Problem(f"policy.core_groups: {groups} is for one chip", place, found=degrees, allowed="1")])
    members = grouped_cores(layout)
    parts = pipeline_stages(trace, place, groups, lambda whole: stage_costs(whole, layout, members[0]))
    received = [_received(part) for part in parts]
    count, joined = trace.micro_batches, pads_joined(layout)
    slots = [_slots(parts, received, number, count) for number in range(groups)]
    whole = replace(*pipeline_stages(trace, place, 1), name=trace.name)
    needs = []
    for cores, part, own in zip(members, parts, slots, strict=True):
        most = resident_limit(cores)
        buffers = _buffer_bytes(own, len(cores), most) if joined else 0
        weights = sum(one.size_bytes for one in persistent_tensors(part) if one.role in HELD_ROLES)
        needs.append((buffers, min(most, _share(buffers, len(cores)) + (weights if count > 1 else 0))))
    chip, made = core_groups(layout, [size for _, size in needs])
    return chip, tuple(
        Stage(group, whole, part, count, tensors, own, buffers)
        for group, part, tensors, own, (buffers, _) in zip(made, parts, received, slots, needs, strict=True)
    )


def boundaries_of(stages: Sequence[Stage], arenas: Sequence[Arena], changed: Callable[[], None]) -> list[Boundary]:
    """The boundary before each stage but the first. Its buffers are taken from the scratchpads for the whole run."""
    found = []
    for stage in stages[1:]:
        for tier in stage.group.buffers if stage.buffer_bytes else ():
            arenas[tier].claim(0, _share(stage.buffer_bytes, len(stage.group.buffers)), "activation")
        read = {name for item in _body(stage.trace) if not _hands_over(item) for name in names_read(item)}
        passing = frozenset(one.name for one in stage.received) - read
        found.append(Boundary(stage.group.buffers[0], stage.slots, stage.buffer_bytes > 0, changed, passing))
    return found


@dataclass(frozen=True)
class StageRun:
    """One stage in a run: its program, the boundary before it, and the weights that its group keeps."""

    stage: Stage
    program: Program
    before: Boundary | None
    held: HeldWeights | None

    def finish(self) -> None:
        """Checks at the end of a run."""
        if self.before is not None and (self.before.offers or self.before.taken):
            left = sorted({name for name, _ in (*self.before.offers, *self.before.taken)})
            message = f"{self.stage.trace.name} ends with places of {', '.join(left)} not given back"
            raise InconsistencyError("placement", message)

    def record(self) -> dict[str, Any]:
        """Plain data: the group, paths of its cores, its trace and number of micro-batches; bytes of its weights and of
        those it keeps; bytes that came in to be read, in scratchpads and in memory, and those that it only passes on;
        ``kept``: operators with weights -> [instances that keep them, all]."""
        stage, before, held = self.stage, self.before, self.held
        weights = sum(one.size_bytes for one in persistent_tensors(stage.trace) if one.role in HELD_ROLES)
        return {
            "group": stage.group.index,
            "cores": [core.path for core in stage.group.layout.cores],
            "trace": stage.trace.name,
            "micro_batches": stage.micro_batches,
            "weight_bytes": weights,
            "kept_weight_bytes": held.kept_bytes if held else 0,
            "received_bytes": {
                "scratchpads": before.buffered_bytes if before else 0,
                "memory": before.stored_bytes if before else 0,
                "passed_on": before.passed_bytes if before else 0,
            },
            "kept": dict(held.asked) if held else {},
        }


def pipeline_programs(
    shared: Shared, stages: Sequence[Stage], units: Sequence[Unit], dataflow: str | None
) -> list[StageRun]:
    """A program per stage, on the units of its group. Raises InputError when memory has no room for all that persists."""
    if not stages:
        return []
    layout = shared.machine.layout
    own: Placement = placements.get(layout.architecture.policy.placement)(layout, stages[0].whole, shared.arenas)
    of_run = OfRun(own, [stage.trace for stage in stages])
    boundaries = [None, *boundaries_of(stages, shared.arenas, shared.changed), None]
    return [
        _program(shared, of_run, stage, units, dataflow, boundaries[number], boundaries[number + 1])
        for number, stage in enumerate(stages)
    ]


def _program(
    shared: Shared, of_run: OfRun, stage: Stage, units: Sequence[Unit], dataflow: str | None, before: Boundary | None,
    behind: Boundary | None,
) -> StageRun:  # fmt: skip
    group = stage.group
    planner = Planner(group.layout, dataflow)
    cores = {core.index for core in group.layout.cores}
    own = [unit for unit in units if unit.index in (cores if unit.engine != STAGES else (group.index,))]
    held = None
    if stage.micro_batches > 1:
        tiers = [group.layout.tiers[tier] for tier in group.buffers]
        arenas = {tier.buffer_of: shared.arenas[tier.index] for tier in tiers if tier.buffer_of is not None}
        held = HeldWeights(shared.machine, planner, arenas, [unit for unit in own if unit.engine != STAGES])
    jobs = ListedJobs([Job(stage.trace, stage.trace.name)])
    placed = partial(placement_of, of_run, stage, before, behind)
    return StageRun(stage, Program(shared, group.layout, planner, jobs, own, placed, held), before, held)


def placement_of(
    of_run: OfRun, stage: Stage, before: Boundary | None, behind: Boundary | None, own: Placement
) -> OfStage:  # fmt: skip
    """``own`` with what crosses the stage's boundaries."""
    names = [use.tensor for one in _operators(stage.trace, "send") for _, uses in one.inputs for use in uses]
    keys = {final_key(_body(stage.trace), name, ()): name for name in names}
    every = [()] if stage.micro_batches == 1 else [((INDEX, number),) for number in range(stage.micro_batches)]
    results = {key: [(keys[key], indices) for indices in every if key in keys] for key in output_keys(stage.trace)}
    return OfStage(own, of_run, stage.group.index, before, behind, sent_keys(keys, INDEX), results,
                   frozenset(one.name for one in stage.received), stage.group.layout.backing[0].index)  # fmt: skip


def _operators(trace: Trace, kind: str) -> list[Operator]:
    """The operators of a kind that stand outside every block of layers."""
    return [item for item in _body(trace) if isinstance(item, Operator) and item.kind == kind]


def _hands_over(item: Item) -> bool:
    return isinstance(item, Operator) and item.kind == "send"


def _body(trace: Trace) -> tuple[Item, ...]:
    """The items of one micro-batch."""
    blocks = [item for item in trace.items if isinstance(item, Repeat) and item.index == INDEX]
    return blocks[0].body if blocks else trace.items


def _received(trace: Trace) -> tuple[Tensor, ...]:
    names = {use.tensor for item in _operators(trace, "recv") for use in item.outputs}
    return tuple(item for item in _body(trace) if isinstance(item, Tensor) and item.name in names)


def _slots(parts: Sequence[Trace], received: Sequence[Sequence[Tensor]], stage: int, most: int) -> dict[str, Slots]:
    """Of what the stage before makes for ``stage``, one behind the other; each at ``most`` as often."""
    names = [{one.name for one in tensors} for tensors in received]

    def passed_on(number: int, name: str) -> bool:
        """Does a stage hand to the next what it gets by this name? (What a block carries is another one.)"""
        return name in names[number] and final_key(_body(parts[number]), name, ()) == (name, ())

    found: dict[str, Slots] = {}
    address = 0
    for one in received[stage]:
        if passed_on(stage - 1, one.name) or one.name in parts[stage - 1].outputs:
            continue
        last = stage
        while last + 1 < len(parts) and passed_on(last, one.name) and one.name in names[last + 1]:
            last += 1
        count, size = min(last - stage + 2, most), Arena(0).rounded(one.size_bytes({}))
        found[one.name] = Slots(count, address, size)
        address += count * size
    return found


def _buffer_bytes(slots: Mapping[str, Slots], cores: int, most: int) -> int:
    whole = sum(one.count * one.size_bytes for one in slots.values())
    return whole if _share(whole, cores) <= most else 0


def _share(size_bytes: int, cores: int) -> int:
    """What each of the group's scratchpads has of a buffer cut over them."""
    return Arena(0).rounded(-(-size_bytes // cores)) if size_bytes else 0
