"""The parts of one machine: every component instantiated from its spec and tied to one engine.

Ranks, which decide ties, follow the sorted instance paths, so the order of keys in the YAML does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sim.config.spec import components as component_kinds
from sim.core.component import Activity, Component, Context
from sim.core.credits import CreditPool
from sim.core.engine import Engine
from sim.core.probe import Probe
from sim.hardware.cache_layout import CacheView, Hop
from sim.hardware.dma import Dma, DmaSpec
from sim.hardware.engine import EngineView
from sim.hardware.host import Host
from sim.hardware.layout import CoreView, Layout, natural_key
from sim.hardware.link_view import LinkView, link_class
from sim.hardware.memory.cache import Cache
from sim.hardware.memory.dram import Dram
from sim.hardware.memory.scratchpad import Scratchpad
from sim.hardware.memory.stage_buffer import StageBuffer
from sim.hardware.noc.link import Link
from sim.hardware.pe.systolic import SystolicArrays
from sim.hardware.pim.pim_units import PimUnits
from sim.hardware.vector.vector_unit import VectorUnit
from sim.mapping.engines.core_class import stream_capacity
from sim.mapping.residency.policy import residencies
from sim.run.mailbox import Mailbox

Memory = Dram | Scratchpad | StageBuffer
"""What tensors live in."""


@dataclass
class Core:
    """The components of one core, its buffer pools, and the bytes its DMA moved per tier (for conservation)."""

    view: CoreView
    arrays: SystolicArrays | None
    vector: VectorUnit | None
    scratchpad: Scratchpad
    dma: Dma
    inputs: CreditPool
    outputs: CreditPool
    loaded: dict[int, int]
    stored: dict[int, int]
    hits: dict[int, int]
    """Of the bytes loaded per tier, those found in the cache in front of it."""
    sent: dict[int, int]
    """Bytes of partial sums that went to other cores, by their index."""

    def take_in(self, size_bytes: int, activity: Activity, done: Callable[[], None]) -> None:
        """The DMA writes bytes into the scratchpad."""
        self.scratchpad.ledger[activity.owner, "dma_in"] += size_bytes
        self.scratchpad.access("dma", 0, size_bytes, activity, done)

    def take_out(self, size_bytes: int, activity: Activity, done: Callable[[], None]) -> None:
        """The DMA reads bytes from the scratchpad."""
        self.scratchpad.ledger[activity.owner, "dma_out"] += size_bytes
        self.scratchpad.access("dma", size_bytes, 0, activity, done)


@dataclass
class BoundEngine:
    """An engine that is not a core, and the bytes it moved per tier (for conservation).

    ``results``: core -> bytes that went from it straight into that core's scratchpad.
    """

    view: EngineView
    component: Component
    loaded: dict[int, int]
    stored: dict[int, int]
    results: dict[int, int]


class Parts:
    """All components of one chip, by instance path; those of the ``first`` chip of a run hold the links between them."""

    def __init__(self, layout: Layout, probe: Probe, resident: dict[int, int], first: Parts | None = None) -> None:
        self.layout = layout
        self.engine: Engine = first.engine if first is not None else Engine()
        self.probe = probe
        self.context = Context(self.engine, probe)
        policy = layout.architecture.policy
        self.moves_tensors: bool = residencies.get(policy.residency).moves
        self.components: dict[str, Component] = {}
        self.ranks = {path: rank for rank, path in enumerate(sorted(self._paths(), key=natural_key))}
        self.cores = [self._core(view, resident[view.index]) for view in layout.cores]
        self.tiers: list[Memory] = [self._tier(index) for index in range(len(layout.tiers))]
        self.caches: dict[int, Cache] = {tier: self._cache(view) for tier, view in sorted(layout.caches.items())}
        self.links = {link.path: self._link(link) for link in layout.links}
        self.chip_links: dict[str, Link] = (
            first.chip_links if first else {link.path: self._link(link) for link in layout.chip_links}
        )
        self.exchanged: dict[tuple[int, int], int] = first.exchanged if first else {}
        self.on_wires: dict[str, int] = first.on_wires if first else dict.fromkeys(self.chip_links, 0)
        self.mailbox: Mailbox = first.mailbox if first else Mailbox()
        self.engines = [self._engine(view) for view in layout.engines]
        self.host = self.make(layout.host.path, layout.host, Host) if layout.host is not None else None

    def tier_of(self, own: BoundEngine) -> int:
        """Index of the tier that an engine is part of."""
        return next(tier.index for tier in self.layout.tiers if tier.path == own.view.memory)

    def flight_ps(self, hops: Iterable[Hop]) -> int:
        """Time of flight over links one after the other, on top of the time that they are occupied."""
        return sum(self.links[hop.link].latency_ps for hop in hops)

    def _paths(self) -> list[str]:
        """Instance paths of everything that will be built."""
        layout = self.layout
        paths = [tier.path for tier in layout.tiers] + [link.path for link in (*layout.links, *layout.chip_links)]
        for core in layout.cores:
            units = [unit for unit in (core.arrays, core.vector, core.scratchpad, core.dma) if unit is not None]
            paths += [core.unit_path(unit) for unit in units] + [_implied_dma(core)]
        paths += [engine.path for engine in layout.engines] + [cache.path for cache in layout.caches.values()]
        if self.moves_tensors:
            paths.append(copy_engine_path(layout))
        return sorted({*paths, *([layout.host.path] if layout.host else [])})

    def make(self, path: str, node: Any, cls: type[Any]) -> Any:
        """A component of class ``cls`` at an instance path, from the node that declares it."""
        component = cls(self.context, path, self.ranks[path], node.path, node.spec, node.clock_hz)
        self.components[path] = component
        return component

    def _core(self, view: CoreView, resident: int) -> Core:
        arrays = self.make(view.unit_path(view.arrays), view.arrays, SystolicArrays) if view.arrays else None
        vector = self.make(view.unit_path(view.vector), view.vector, VectorUnit) if view.vector else None
        scratchpad = self.make(view.scratchpad_path, view.scratchpad, Scratchpad)
        if view.dma is not None:
            dma = self.make(view.unit_path(view.dma), view.dma, Dma)
        else:
            path = _implied_dma(view)
            declared = f"{view.declared}.dma" if view.declared else "dma"
            dma = self.components[path] = Dma(self.context, path, self.ranks[path], declared, DmaSpec(), None)
        space = stream_capacity(view, resident)
        return Core(view, arrays, vector, scratchpad, dma, CreditPool(scratchpad, "inputs", space[0]),
                    CreditPool(scratchpad, "outputs", space[1]), {}, {}, {}, {})  # fmt: skip

    def _engine(self, view: EngineView) -> BoundEngine:
        made: Component
        if view.memory:
            memory = self.components[view.memory]
            assert isinstance(memory, Dram)
            made = PimUnits(self.context, view.path, self.ranks[view.path], view.declared, view.spec, memory)
        else:
            made = component_kinds.get(view.kind)(
                self.context, view.path, self.ranks[view.path], view.declared, view.spec, view.clock_hz
            )
        self.components[view.path] = made
        return BoundEngine(view, made, {}, {}, {})

    def _tier(self, index: int) -> Memory:
        tier = self.layout.tiers[index]
        if tier.core is not None:
            return self.cores[tier.core].scratchpad
        if tier.buffer_of is not None:
            return StageBuffer(self.cores[tier.buffer_of].scratchpad)
        made: Dram | Scratchpad = self.make(tier.path, tier.node, component_kinds.get(tier.node.kind))
        return made

    def _cache(self, view: CacheView) -> Cache:
        """The cache of a view, one for all tiers that it stands before."""
        made = self.components.get(view.path)
        return made if isinstance(made, Cache) else self.make(view.path, view.node, Cache)

    def _link(self, view: LinkView) -> Link:
        node = view.node
        link: Link = link_class(view)(
            self.context, view.path, self.ranks[view.path], node.path, node.spec, node.clock_hz, view.endpoints
        )
        self.components[view.path] = link
        return link


def _implied_dma(core: CoreView) -> str:
    return f"{core.path}.dma" if core.path else "dma"


def copy_engine_path(layout: Layout) -> str:
    """The declared copy engine's path, or that of the implied one: beside the near tier."""
    if layout.copy_node is not None:
        return layout.copy_node.path
    group = layout.near[0].node.group
    return f"{group}.tier_copies" if group else "tier_copies"
