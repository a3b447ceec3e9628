"""Caches in the layout of a machine: which tiers each stands before, checked against the routes of the links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from sim.config.architecture import Architecture, ComponentNode
from sim.core.errors import Problems
from sim.hardware.memory.cache import CacheModel, CacheSpec


@dataclass(frozen=True)
class Hop:
    """One link on a route, entered at ``source`` and left at ``destination`` (instance paths of memories)."""

    link: str
    source: str
    destination: str


@dataclass(frozen=True)
class CacheView:
    """One cache that all cores share."""

    path: str
    node: ComponentNode
    capacity: int
    bytes_per_s: Fraction
    latency_ps: int


class Tier(Protocol):
    """What is asked of a tier here."""

    @property
    def index(self) -> int: ...
    @property
    def node(self) -> ComponentNode: ...
    @property
    def on_chip(self) -> bool: ...


def find_caches(
    architecture: Architecture, tiers: Sequence[Tier], routes: Mapping[tuple[int, int], tuple[Hop, ...]]
) -> dict[int, CacheView]:
    """Tier index -> the cache in front of it; one of capacity 0 is none. Raises InputError."""
    problems, found = Problems(), dict[int, CacheView]()
    for node in architecture.components:
        if isinstance(node.spec, CacheSpec):
            view = _view(architecture, node, problems)
            for tier in _fronted(node, node.spec, tiers, problems) if view is not None else ():
                assert view is not None
                _check(view, tier, routes, found, problems)
                found[tier.index] = view
    problems.raise_if_any()
    return {tier: view for tier, view in found.items() if view.capacity}


def _view(architecture: Architecture, node: ComponentNode, problems: Problems) -> CacheView | None:
    assert isinstance(node.spec, CacheSpec)
    copies = list(architecture.instances(node))
    if len(copies) > 1:
        problems.add(
            f"{node.path}: a cache is shared by all cores; there is one", node.place, found=f"{len(copies)} copies"
        )
        return None
    if node.clock_hz is None:
        problems.add(f"{node.path} needs a clock", node.place, allowed=list(architecture.clocks))
        return None
    model = CacheModel(node.spec, node.clock_hz)
    return CacheView(copies[0].path, node, node.spec.capacity, model.bytes_per_s, model.latency_ps)


def _fronted(node: ComponentNode, spec: CacheSpec, tiers: Sequence[Tier], problems: Problems) -> list[Tier]:
    """The off-chip tiers (all copies) that ``fronts`` names."""
    found: list[Tier] = []
    names = dict.fromkeys(tier.node.path for tier in tiers if not tier.on_chip)
    for name in spec.fronts:
        tried = [f"{node.group}.{name}", name] if node.group else [name]
        path = next((one for one in tried if one in names), None)
        if path is None:
            problems.add(
                f"{node.path}: fronts no off-chip memory", node.place, found=name, allowed=names, suggest_for=name
            )
        found += [tier for tier in tiers if tier.node.path == path]
    return found


def _check(
    view: CacheView, tier: Tier, routes: Mapping[tuple[int, int], tuple[Hop, ...]], found: Mapping[int, CacheView],
    problems: Problems,
) -> None:  # fmt: skip
    if tier.index in found:
        problems.add(f"{view.path}: another cache stands before {tier.node.path}", view.node.place,
                     found=found[tier.index].path)  # fmt: skip
    past = [core for (index, core), hops in routes.items() if index == tier.index and hops
            and view.path not in {hop.destination for hop in hops}]  # fmt: skip
    if past:
        message = f"{view.path}: the links lead from {tier.node.path} to {len(past)} cores past it"
        problems.add(message, view.node.place, allowed="links from the memory to the cache and from there to the cores")
