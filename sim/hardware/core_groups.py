"""Groups of the cores of one chip, each of which executes some of the layers (``policy.core_groups``).

A group is a view of the chip's layout that has only its cores: memories, links and routes are the chip's, and cores keep
their indices. A part of each scratchpad holds whole tensors: weights of the group's layers, and what the group before
hands over, cut over the scratchpads of the group that reads it. Scratchpads of a group are one tier per core to whoever
moves bytes (``buffer_of``), and no home that a placement may choose.
Left out: what a message that links carry past other scratchpads costs there.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

from sim.config.architecture import Architecture
from sim.core.errors import Problems
from sim.hardware.layout import CoreView, Layout, TierView


@dataclass(frozen=True)
class CoreGroup:
    """One group: a ``layout`` of its cores, and the tiers (indices) that are parts of their scratchpads."""

    index: int
    layout: Layout
    buffers: tuple[int, ...]


def resident_limit(cores: Sequence[CoreView]) -> int:
    """Bytes of each scratchpad of a group that whole tensors may take: ``resident_share`` of the smallest."""
    specs = [core.scratchpad_model.spec for core in cores]
    return min(int(spec.capacity * spec.count * spec.resident_share) for spec in specs)


def grouped_cores(layout: Layout) -> tuple[tuple[CoreView, ...], ...]:
    """The cores of each group: equally many of every class, neighbours by index. Raises InputError."""
    architecture = layout.architecture
    groups = architecture.policy.core_groups
    check_groups(architecture, layout)
    found: list[list[CoreView]] = [[] for _ in range(groups)]
    for cores in layout.core_classes.values():
        size = len(cores) // groups
        for number, group in enumerate(found):
            group += cores[number * size : (number + 1) * size]
    return tuple(tuple(sorted(group, key=lambda core: core.index)) for group in found)


def check_groups(architecture: Architecture, layout: Layout) -> None:
    """Refuse what several groups of cores are not modelled with."""
    groups, problems = architecture.policy.core_groups, Problems()
    if groups == 1:
        return
    place = architecture.policy_place("core_groups")
    for name, cores in layout.core_classes.items():
        if len(cores) % groups:
            divisors = [one for one in range(1, len(cores) + 1) if len(cores) % one == 0]
            problems.add(f"policy.core_groups: the cores of {name} do not divide", place, found=groups,
                         allowed=f"{', '.join(map(str, divisors))}, of {len(cores)} cores")  # fmt: skip
    for engine in layout.engines:
        problems.add("policy.core_groups: groups are of cores; engines beside them are not modelled", place,
                     found=engine.path)  # fmt: skip
    policy = architecture.policy
    for key, value, allowed in (("residency", policy.residency, ("in_place",)),
                                ("placement", policy.placement, ("by_lifetime", "interleave", "spread")),
                                ("sub_batches", str(policy.sub_batches), ("1",))):  # fmt: skip
        if value not in allowed:
            problems.add(f"policy.core_groups: {groups} does not go with this policy.{key}",
                         architecture.policy_place(key), found=value, allowed=allowed)  # fmt: skip
    problems.raise_if_any()


def pads_joined(layout: Layout) -> bool:
    """Do links lead from every scratchpad of the cores to every other, past all memories and caches?

    Without any link, memories are attached to the cores; nothing joins these among themselves.
    """
    if not layout.links or layout.link_between_cores is not None:
        return bool(layout.links)
    between = {tier.path for tier in layout.tiers} | {cache.path for cache in layout.caches.values()}
    for core in layout.cores:
        routes = layout.routes_from(_buffer(core, 0, 0), Problems())
        if len(routes) < len(layout.cores):
            return False
        if any(hop.source in between or hop.destination in between for hops in routes.values() for hop in hops):
            return False
    return True


def core_groups(layout: Layout, resident_bytes: Sequence[int]) -> tuple[Layout, tuple[CoreGroup, ...]]:
    """The layout of the chip with a tier per scratchpad, and its groups.

    ``resident_bytes``: per group, what each of its scratchpads keeps for whole tensors.
    """
    chip, members = copy(layout), grouped_cores(layout)
    sizes = [(core, size) for group, size in zip(members, resident_bytes, strict=True) for core in group]
    first = len(layout.tiers)
    buffers = [_buffer(core, first + place, size) for place, (core, size) in enumerate(sizes)]
    chip.tiers = (*layout.tiers, *buffers)
    chip.routes = dict(layout.routes)
    problems = Problems()
    for tier in buffers:
        chip.routes |= layout.routes_from(tier, problems)
    problems.raise_if_any()
    chip.group_of = {core.index: number for number, group in enumerate(members) for core in group}
    groups = []
    for number, cores in enumerate(members):
        indices = {core.index for core in cores}
        own = tuple(tier.index for tier in buffers if tier.buffer_of in indices)
        groups.append(CoreGroup(number, _view(chip, cores), own))
    stripes = {group.buffers[0]: group.buffers for group in groups if len(group.buffers) > 1}
    for one in (chip, *(group.layout for group in groups)):
        one.buffer_stripes = stripes
    return chip, tuple(groups)


def _buffer(core: CoreView, index: int, size: int) -> TierView:
    rate = core.scratchpad_model.bytes_per_s
    return TierView(index, core.scratchpad_path, core.scratchpad, size, rate, 0, True, None, rate, core.index)


def _view(chip: Layout, cores: tuple[CoreView, ...]) -> Layout:
    """``chip`` with only these cores. What a layout has derived from its cores is derived again."""
    view = copy(chip)
    view.__dict__.pop("core_classes", None)
    view.cores = cores
    return view
