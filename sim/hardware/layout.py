"""The static view of a machine: its cores, tiers and routes, derived from the architecture before a run.

A *core* is a group instance that holds compute units; its scratchpad is what they work from. A *tier* is memory that
can be the home of whole tensors: DRAM, a scratchpad outside every core (shared on-chip memory), and, when there is only
one core, part of that core's own scratchpad. Routes from tiers to scratchpads are frozen here; an architecture without
any link has direct, unlimited connections.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

from sim.config.architecture import Architecture, ComponentNode, Instance, LinkNode
from sim.core.errors import Place, Problems
from sim.hardware.cache_layout import Hop, find_caches
from sim.hardware.chip_groups import ChipGrid
from sim.hardware.chips import find_chips, one_chip
from sim.hardware.collectives import CollectivesSpec
from sim.hardware.dma import DmaSpec
from sim.hardware.engine import find_engines
from sim.hardware.host import HostSpec
from sim.hardware.link_view import LinkView, check_links, tell_missed
from sim.hardware.memory.scratchpad import ScratchpadModel, ScratchpadSpec
from sim.hardware.memory.tier import OffChipSpec
from sim.hardware.pe.systolic import SystolicModel, SystolicSpec
from sim.hardware.vector.vector_unit import VectorModel, VectorSpec


def natural_key(path: str) -> tuple[Any, ...]:
    """Sort key that puts core[2] before core[10]."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path))


@dataclass(frozen=True)
class CoreView:
    """One core: its instance path and the declarations of its units."""

    index: int
    path: str
    declared: str
    arrays: ComponentNode | None
    vector: ComponentNode | None
    scratchpad: ComponentNode
    dma: ComponentNode | None

    def unit_path(self, node: ComponentNode) -> str:
        """Instance path of one of this core's units."""
        return f"{self.path}.{node.path.rpartition('.')[2]}" if self.path else node.path

    @property
    def scratchpad_path(self) -> str:
        return self.unit_path(self.scratchpad)

    @cached_property
    def array_model(self) -> SystolicModel | None:
        if self.arrays is None:
            return None
        assert isinstance(self.arrays.spec, SystolicSpec) and self.arrays.clock_hz is not None
        return SystolicModel(self.arrays.spec, self.arrays.clock_hz)

    @cached_property
    def vector_model(self) -> VectorModel | None:
        if self.vector is None:
            return None
        assert isinstance(self.vector.spec, VectorSpec) and self.vector.clock_hz is not None
        return VectorModel(self.vector.spec, self.vector.clock_hz)

    def peak_macs_per_s(self, compute_type: str | None) -> Fraction:
        """Peak of this core for an element type: of its arrays if they multiply it, else of its vector unit."""
        peak = Fraction(0)
        if self.array_model is not None and compute_type is not None:
            peak = self.array_model.peak_macs_per_s(compute_type)
        return peak or (self.vector_model.peak_macs_per_s() if self.vector_model is not None else peak)

    @cached_property
    def scratchpad_model(self) -> ScratchpadModel:
        assert isinstance(self.scratchpad.spec, ScratchpadSpec) and self.scratchpad.clock_hz is not None
        return ScratchpadModel(self.scratchpad.spec, self.scratchpad.clock_hz)


@dataclass(frozen=True)
class TierView:
    """One home of tensors. ``core`` is set when it is that core's own scratchpad (no transfer needed there), ``buffer_of``
    when it is a part of that core's scratchpad which groups of cores hand tensors over in (:mod:`sim.hardware.core_groups`).

    ``bytes_per_s`` is what an endless stream gets, ``limit_bytes_per_s`` what nothing can exceed however short.
    """

    index: int
    path: str
    node: ComponentNode
    capacity: int
    bytes_per_s: Fraction
    latency_ps: int
    on_chip: bool
    core: int | None
    limit_bytes_per_s: Fraction
    buffer_of: int | None = None


class Layout:
    """Cores, tiers, links and routes of an architecture. Raises InputError when they do not make a machine."""

    def __init__(
        self, architecture: Architecture, grid: ChipGrid | None = None, resident_bytes: int | None = None
    ) -> None:
        """``resident_bytes``: what whole tensors need of the only core's scratchpad; default: all it may keep."""
        self._problems = Problems()
        self._resident_bytes = resident_bytes
        self.grid = grid or ChipGrid()
        self.group_of: dict[int, int] = {}
        self.buffer_stripes: dict[int, tuple[int, ...]] = {}
        self.chips = find_chips(architecture)
        self.chip_links: tuple[LinkView, ...] = ()
        if self.chips is not None:
            self.chip_links = tuple(
                LinkView(one.path, node, self.chips.endpoints(one))
                for node in self.chips.links
                for one in architecture.instances(node)
            )
            architecture = one_chip(architecture, self.chips, self.grid.first)
        self.architecture = architecture
        self.links = tuple(
            LinkView(one.path, node, self._endpoints(one))
            for node in architecture.links
            for one in architecture.instances(node)
        )
        check_links(self.links, self.chip_links, self._problems)
        of_links = len(self._problems)  # what is wrong with links hides nothing about cores and ways
        self.host = next((node for node in architecture.components if isinstance(node.spec, HostSpec)), None)
        self.engines = find_engines(architecture)
        self.cores = self._find_cores()
        if len(self._problems) > of_links:
            self._problems.raise_if_any()
        self.tiers = self._find_tiers()
        self.routes = self._find_routes()
        self._problems.raise_if_any()
        self.caches = find_caches(architecture, self.tiers, self.routes)
        self.engine_routes = self._find_engine_routes()
        self._problems.raise_if_any()

    @cached_property
    def core_classes(self) -> dict[str, tuple[CoreView, ...]]:
        """Cores that are copies of one declaration, by its path."""
        classes: dict[str, list[CoreView]] = {}
        for core in self.cores:
            classes.setdefault(core.declared, []).append(core)
        return {name: tuple(cores) for name, cores in classes.items()}

    def behind_cache(self, tier: int, core: int) -> int:
        """Links on the way from a tier to a core that lie before the cache: a hit does not take them."""
        cache, hops = self.caches.get(tier), self.routes[tier, core]
        return 0 if cache is None else next((n + 1 for n, hop in enumerate(hops) if hop.destination == cache.path), 0)

    @property
    def homes(self) -> tuple[TierView, ...]:
        """The tiers that a placement may choose."""
        return tuple(tier for tier in self.tiers if tier.buffer_of is None)

    @cached_property
    def backing(self) -> tuple[TierView, ...]:
        """Where model inputs, weights and final outputs live: off-chip tiers, or every tier when there is none."""
        return tuple(tier for tier in self.tiers if not tier.on_chip) or self.homes

    @cached_property
    def near(self) -> tuple[TierView, ...]:
        """The tier in which copies are made (all its instances): ``policy.near``, else the fastest off-chip tier."""
        named = self.architecture.policy.near or self.backing[0].node.path
        found = tuple(tier for tier in self.tiers if tier.node.path == named and tier.core is None)
        if not found:
            allowed = dict.fromkeys(tier.node.path for tier in self.tiers if tier.core is None)
            problems = Problems()
            place = self.architecture.policy_place("near")
            problems.add("policy.near is no memory tier", place, found=named, allowed=allowed, suggest_for=named)
            problems.raise_if_any()
        return found

    @cached_property
    def far(self) -> tuple[TierView, ...]:
        """The off-chip tiers beside ``near``, the fastest first: homes of what is copied."""
        found = tuple(tier for tier in self.backing if tier not in self.near)
        if not found:
            problems = Problems()
            name = self.architecture.policy.residency
            problems.add(f"`residency: {name}` needs an off-chip tier besides {self.near[0].node.path}",
                         Place(self.architecture.file), found="only one")  # fmt: skip
            problems.raise_if_any()
        return found

    @cached_property
    def copy_node(self) -> ComponentNode | None:
        """The declaration of the tiers' copy engine: a dma outside every core."""
        groups = {core.declared for core in self.cores}
        found = [node for node in self.architecture.components
                 if isinstance(node.spec, DmaSpec) and node.group not in groups]  # fmt: skip
        if len(found) > 1 or any(node.total > 1 for node in found):
            problems = Problems()
            paths = ", ".join(node.path for node in found)
            problems.add("one dma at most may stand outside the cores, to copy between memories", found[-1].place,
                         found=f"{sum(node.total for node in found)}: {paths}")  # fmt: skip
            problems.raise_if_any()
        return found[0] if found else None

    def copy_route(self, source: int, destination: int) -> tuple[Hop, ...]:
        """Links from one tier to another, the fewest; raises InputError when there are links but no way."""
        if not self.links:
            return ()
        start, end = self.tiers[source], self.tiers[destination]
        reached = self.reached_from(start.path)
        if end.path not in reached:
            problems = Problems()
            problems.add(f"no link leads from {start.path} to {end.path}, for copies", start.node.place)
            problems.raise_if_any()
        return reached[end.path]

    def _find_cores(self) -> tuple[CoreView, ...]:
        by_group: dict[str, list[ComponentNode]] = {}
        for node in self.architecture.components:
            by_group.setdefault(node.group, []).append(node)
        cores = [core for group, nodes in by_group.items() for core in self._cores_of(group, nodes)]
        if not cores and not self.engines and not self._problems:
            place = Place(self.architecture.file, 1, 1)
            found = "no systolic_array and no vector_unit"
            self._problems.add("the architecture has no compute unit", place, found=found)
        cores.sort(key=lambda core: natural_key(core.path))
        return tuple(replace(core, index=index) for index, core in enumerate(cores))

    def _cores_of(self, group: str, nodes: list[ComponentNode]) -> list[CoreView]:
        """The cores that the copies of one group are; none when it has no compute unit."""
        arrays, vectors, pads, dmas = (
            [node for node in nodes if isinstance(node.spec, spec)]
            for spec in (SystolicSpec, VectorSpec, ScratchpadSpec, DmaSpec)
        )
        units = [*arrays, *vectors]
        if not units:
            return []
        for what, found in (("systolic_array", arrays), ("vector_unit", vectors), ("dma", dmas)):
            if len(found) > 1:
                self._problems.add(f"a core has at most one {what} (use count)", found[1].place, found=found[1].path)
        if len(pads) != 1:
            message = f"the core {group or '(top level)'} needs exactly one scratchpad beside its compute units"
            self._problems.add(message, units[0].place, found=f"{len(pads)} scratchpads")
            return []
        self._need_clocks([*units, *pads])
        first_array, first_vector, first_dma = (found[0] if found else None for found in (arrays, vectors, dmas))
        paths = dict.fromkeys(one.group for one in self.architecture.instances(units[0]))
        return [CoreView(0, path, group, first_array, first_vector, pads[0], first_dma) for path in paths]

    def _need_clocks(self, nodes: list[ComponentNode]) -> None:
        for node in nodes:
            if node.clock_hz is None:
                self._problems.add(f"{node.path} needs a clock", node.place, allowed=list(self.architecture.clocks))

    def _find_tiers(self) -> tuple[TierView, ...]:
        own = {core.scratchpad.path for core in self.cores}
        found: list[TierView] = []
        for node in self.architecture.components:
            if isinstance(node.spec, OffChipSpec):
                timing = node.spec.timing()
                rate, latency, capacity = timing.sustained_bytes_per_s, timing.latency_ps, node.spec.capacity
                found += [
                    TierView(0, one.path, node, capacity, rate, latency, False, None, timing.limit_bytes_per_s)
                    for one in self.architecture.instances(node)
                ]
            elif isinstance(node.spec, ScratchpadSpec) and node.path not in own:
                self._need_clocks([node])
                rate = ScratchpadModel(node.spec, node.clock_hz or Fraction(1)).bytes_per_s
                found += [
                    TierView(0, one.path, node, node.spec.capacity, rate, 0, True, None, rate)
                    for one in self.architecture.instances(node)
                ]
        if len(self.cores) == 1:
            core = self.cores[0]
            spec = core.scratchpad_model.spec
            capacity, rate = int(spec.capacity * spec.resident_share), core.scratchpad_model.bytes_per_s
            if self._resident_bytes is not None:
                capacity = min(capacity, self._resident_bytes)
            found.append(TierView(0, core.scratchpad_path, core.scratchpad, capacity, rate, 0, True, 0, rate))
        if not found:
            self._problems.add(
                "the architecture has no memory that can hold tensors",
                found="several cores, no dram and no shared scratchpad",
            )
        found.sort(key=lambda tier: (not tier.on_chip, tier.core is None, -tier.bytes_per_s, natural_key(tier.path)))
        return tuple(replace(tier, index=index) for index, tier in enumerate(found))

    def _endpoints(self, link: Instance) -> tuple[str, ...]:
        """Instance paths of what a link instance joins: copies inside its own group instance only."""
        node = link.node
        assert isinstance(node, LinkNode)
        inside = f"{link.group}." if link.group else ""
        found: list[str] = []
        for declared in node.connects:
            target = self.architecture.component(declared)
            paths = [one.path for one in self.architecture.instances(target)]
            found += [path for path in paths if path.startswith(inside)] or paths
        return tuple(dict.fromkeys(found))

    def _find_routes(self) -> dict[tuple[int, int], tuple[Hop, ...]]:
        """Shortest routes (fewest links; ties by declaration) from every tier to every core's scratchpad."""
        return {ends: hops for tier in self.tiers for ends, hops in self.routes_from(tier, self._problems).items()}

    def routes_from(self, tier: TierView, problems: Problems) -> dict[tuple[int, int], tuple[Hop, ...]]:
        """(``tier``, core) -> the links between them, for every core."""
        routes: dict[tuple[int, int], tuple[Hop, ...]] = {}
        reached, missed = self.reached_from(tier.path), []
        for core in self.cores:
            if tier.core == core.index or not self.links:
                routes[tier.index, core.index] = ()
            elif core.scratchpad_path in reached:
                routes[tier.index, core.index] = reached[core.scratchpad_path]
            else:
                missed.append((core.scratchpad_path, core.scratchpad.place))
        tell_missed(tier.path, tier.node.place, missed, self.links, problems)
        return routes

    @cached_property
    def link_between_cores(self) -> LinkView | None:
        """The first link that joins the scratchpads of all cores; None where there is none, as without any link."""
        pads = {core.scratchpad_path for core in self.cores}
        return next((link for link in self.links if pads <= set(link.endpoints)), None)

    def _find_engine_routes(self) -> dict[tuple[int, str], tuple[Hop, ...]]:
        """Shortest routes from every tier to the engines that links lead to."""
        routes: dict[tuple[int, str], tuple[Hop, ...]] = {}
        for tier in self.tiers:
            reached = self.reached_from(tier.path)
            for engine in self.engines:
                if engine.path in reached:
                    routes[tier.index, engine.path] = reached[engine.path]
                elif not self.links:
                    routes[tier.index, engine.path] = ()
        self._check_engines(routes)
        return routes

    def _check_engines(self, routes: Mapping[tuple[int, str], tuple[Hop, ...]]) -> None:
        """An engine has a way to some memory; a chip's end of the links to others to everything that holds what it sends."""
        for engine in self.engines:
            missed = [tier.path for tier in self.tiers if (tier.index, engine.path) not in routes]
            if missed and isinstance(engine.spec, CollectivesSpec):
                inside = [link.path for link in self.links if engine.path in link.endpoints]
                self._problems.add(
                    f"no link leads from {' and '.join(missed)} to {engine.path}, which sends what lies there", engine.place,
                    found=f"{engine.declared} on {', '.join(inside) or 'no link'} inside the chip",
                    allowed=f"a link in the group {engine.node.group} that `connects` {engine.declared} and a memory",
                )  # fmt: skip
            elif len(missed) == len(self.tiers) and not engine.memory:
                message = f"no link leads from a memory to {engine.path}"
                self._problems.add(message, engine.place, found=f"{engine.path} on no link to {' or '.join(missed)}")

    @property
    def chip_count(self) -> int:
        """Chips of the machine, of which one is laid out here: the first of the grid's stage."""
        return 1 if self.chips is None else len(self.chips.ends)

    def chip_link(self, source: int, destination: int) -> LinkView:
        """The fastest link between two chips, by number; InputError when there is none."""
        assert self.chips is not None
        ends = {self.chips.ends[source], self.chips.ends[destination]}
        found = [link for link in self.chip_links if ends <= set(link.endpoints)]
        if not found:
            problems = Problems()
            message = f"no link joins {' and '.join(sorted(ends, key=natural_key))}"
            problems.add(message, self.chips.node.place, allowed=[link.path for link in self.chip_links])
            problems.raise_if_any()
        return max(found, key=lambda link: link.model.bytes_per_s)

    def link(self, path: str) -> LinkView:
        """The link at an instance path."""
        return self._links_by_path[path]

    @cached_property
    def _links_by_path(self) -> dict[str, LinkView]:
        return {link.path: link for link in self.links}

    def reached_from(self, start: str) -> dict[str, tuple[Hop, ...]]:
        """Instance path -> the links that lead there from ``start``, the fewest; of equals, those declared first."""
        reached: dict[str, tuple[Hop, ...]] = {start: ()}
        queue, unused = deque([start]), list(self.links)
        while queue:
            here = queue.popleft()
            joined = [link for link in unused if here in link.endpoints]
            unused = [link for link in unused if here not in link.endpoints] if joined else unused
            for link in joined:
                for there in link.endpoints:
                    if there not in reached:
                        reached[there] = (*reached[here], Hop(link.path, here, there))
                        queue.append(there)
        return reached
