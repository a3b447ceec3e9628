"""The machine of one run: every component instantiated from its spec and tied to one engine.

Ranks, which decide ties, follow the sorted instance paths, so the order of keys in the YAML does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from sim.config.spec import components as component_kinds
from sim.core.component import Activity, Component, Context
from sim.core.credits import CreditPool
from sim.core.engine import Engine, Phase
from sim.core.errors import Place
from sim.core.probe import Probe
from sim.hardware.cache_layout import CacheView
from sim.hardware.dma import Dma, DmaSpec
from sim.hardware.engine import EngineView
from sim.hardware.host import Host
from sim.hardware.layout import CoreView, Layout, LinkView, link_class, natural_key
from sim.hardware.memory.cache import Cache
from sim.hardware.memory.dram import Dram
from sim.hardware.memory.scratchpad import Scratchpad
from sim.hardware.noc.link import Link
from sim.hardware.pe.systolic import SystolicArrays
from sim.hardware.pim.pim_units import PimUnits
from sim.hardware.vector.vector_unit import VectorUnit
from sim.mapping.engines.core_class import stream_capacity
from sim.mapping.residency.policy import residencies
from sim.run.copies import TierCopies, copy_engine_path
from sim.run.mailbox import Mailbox
from sim.run.multicast import Multicasts, SharedLoad


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


class Machine:
    """All components of one chip, by instance path; those of the ``first`` chip of a run hold the links between them."""

    def __init__(self, layout: Layout, probe: Probe, resident: dict[int, int], first: Machine | None = None) -> None:
        self.layout = layout
        self.engine: Engine = first.engine if first is not None else Engine()
        self.probe = probe
        self.context = Context(self.engine, probe)
        policy = layout.architecture.policy
        self._moves = residencies.get(policy.residency, Place(layout.architecture.file)).moves
        self.components: dict[str, Component] = {}
        self.ranks = {path: rank for rank, path in enumerate(sorted(self._paths(), key=natural_key))}
        self.cores = [self._core(view, resident[view.index]) for view in layout.cores]
        self.tiers: list[Dram | Scratchpad] = [self._tier(index) for index in range(len(layout.tiers))]
        self.caches: dict[int, Cache] = {tier: self._cache(view) for tier, view in sorted(layout.caches.items())}
        self.links = {link.path: self._link(link) for link in layout.links}
        self.chip_links: dict[str, Link] = (
            first.chip_links if first else {link.path: self._link(link) for link in layout.chip_links}
        )
        self.exchanged: dict[tuple[int, int], int] = first.exchanged if first else {}
        self.on_wires: dict[str, int] = first.on_wires if first else dict.fromkeys(self.chip_links, 0)
        self.mailbox: Mailbox = first.mailbox if first else Mailbox()
        self.engines = [self._engine(view) for view in layout.engines]
        self.copies = TierCopies(self) if self._moves else None
        self.multicasts = Multicasts(self)
        self.host = self._make(layout.host.path, layout.host, Host) if layout.host is not None else None

    def load(
        self, core: Core, tier: int, size_bytes: int, stream: str, activity: Activity, done: Callable[[], None],
        hit_bytes: int = 0,
    ) -> None:  # fmt: skip
        """Move bytes from a tier into a core's scratchpad, occupying memory, links and scratchpad side by side.

        ``hit_bytes`` of them come from the cache in front of the tier.
        """
        self._move(core, tier, size_bytes, stream, activity, done, into=True, hit=hit_bytes)

    def load_shared(
        self, key: Hashable, members: int, core: Core, tier: int, size_bytes: int, stream: str, activity: Activity,
        done: Callable[[], None],
    ) -> None:  # fmt: skip
        """As :meth:`load`, for one of ``members`` cores that load the same bytes (the same ``key``): one read and one
        message for all, once the last of them has asked."""
        request = SharedLoad(core.view.index, tier, size_bytes, stream, activity, done)
        self.multicasts.join(key, members, request)

    def store(
        self, core: Core, tier: int, size_bytes: int, stream: str, activity: Activity, done: Callable[[], None]
    ) -> None:
        """Move bytes from a core's scratchpad out to a tier."""
        self._move(core, tier, size_bytes, stream, activity, done, into=False)

    def stream(
        self, own: BoundEngine, tier: int, size_bytes: int, activity: Activity, done: Callable[[], None], into: bool
    ) -> None:
        """Move bytes between a tier and an engine that is not a core, occupying memory and links side by side."""
        memory, hops = self.tiers[tier], self.layout.engine_routes[tier, own.view.path]
        latency = memory.latency_ps + sum(self.links[hop.link].latency_ps for hop in hops)
        left = 1 + len(hops)

        def served() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                ledger = own.loaded if into else own.stored
                ledger[tier] = ledger.get(tier, 0) + size_bytes
                self.engine.at(self.engine.now + latency, done, Phase.FINISH, own.component.rank)

        memory.access(own.view.path, size_bytes if into else 0, 0 if into else size_bytes, activity, served)
        for hop in hops:
            ends = (hop.source, hop.destination) if into else (hop.destination, hop.source)
            self.links[hop.link].move(*ends, own.view.path, size_bytes, activity, served)

    def send(
        self, source: int, destination: int, size_bytes: int, wire_bytes: int, activity: Activity,
        moved: Callable[[int], None],
    ) -> None:  # fmt: skip
        """A message between two chips, ``wire_bytes`` on the link; ``moved`` is told the link's latency, still to come."""
        chips, view = self.layout.chips, self.layout.chip_link(source, destination)
        assert chips is not None
        self.exchanged[source, destination] = self.exchanged.get((source, destination), 0) + size_bytes
        self.on_wires[view.path] += wire_bytes
        link = self.chip_links[view.path]
        ends = chips.ends[source], chips.ends[destination]
        link.move(*ends, source, wire_bytes, activity, lambda: moved(link.latency_ps))

    def hand_results(
        self, own: BoundEngine, core: Core, size_bytes: int, activity: Activity, done: Callable[[], None]
    ) -> None:
        """Move results of an engine inside a memory over the links into a core's scratchpad; its own time has the pins."""
        tier = self.tier_of(own)
        hops = self.layout.routes[tier, core.view.index]
        latency = self.tiers[tier].latency_ps + sum(self.links[hop.link].latency_ps for hop in hops)
        left = 1 + len(hops)

        def served() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                own.results[core.view.index] = own.results.get(core.view.index, 0) + size_bytes
                self.engine.at(self.engine.now + latency, done, Phase.FINISH, core.dma.rank)

        for hop in hops:
            self.links[hop.link].move(hop.source, hop.destination, own.view.path, size_bytes, activity, served)
        core.scratchpad.ledger[activity.owner, "dma_in"] += size_bytes
        core.scratchpad.access("dma", 0, size_bytes, activity, served)

    def tier_of(self, own: BoundEngine) -> int:
        """Index of the tier that an engine is part of."""
        return next(tier.index for tier in self.layout.tiers if tier.path == own.view.memory)

    def _move(
        self, core: Core, tier: int, size: int, stream: str, activity: Activity, done: Callable[[], None], into: bool,
        hit: int = 0,
    ) -> None:  # fmt: skip
        memory, cache, hops = self.tiers[tier], self.caches.get(tier), self.layout.routes[tier, core.view.index]
        missed = size - hit
        behind = self.layout.behind_cache(tier, core.view.index)
        moves = [(hop, missed if place < behind else size) for place, hop in enumerate(hops)]
        moves = [(hop, amount) for hop, amount in moves if amount]
        latency = (memory.latency_ps if missed else 0) + sum(self.links[hop.link].latency_ps for hop, _ in moves)
        left = 1 + len(moves) + (missed > 0) + (cache is not None)
        who = (core.view.index, stream)

        def served() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                ledger = core.loaded if into else core.stored
                ledger[tier] = ledger.get(tier, 0) + size
                if hit:
                    core.hits[tier] = core.hits.get(tier, 0) + hit
                if latency:
                    self.engine.at(self.engine.now + latency, done, Phase.FINISH, core.dma.rank)
                else:
                    done()

        if missed:
            memory.access(who, missed if into else 0, 0 if into else size, activity, served)
        if cache is not None:
            latency += cache.latency_ps
            if into:
                cache.load(who, hit, missed, activity, served)
            else:
                cache.access(who, 0, size, activity, served)
        for hop, amount in moves:
            ends = (hop.source, hop.destination) if into else (hop.destination, hop.source)
            self.links[hop.link].move(*ends, who, amount, activity, served)
        core.scratchpad.ledger[activity.owner, "dma_in" if into else "dma_out"] += size
        core.scratchpad.access("dma", 0 if into else size, size if into else 0, activity, served)

    def _paths(self) -> list[str]:
        """Instance paths of everything that will be built."""
        layout = self.layout
        paths = [tier.path for tier in layout.tiers] + [link.path for link in (*layout.links, *layout.chip_links)]
        for core in layout.cores:
            units = [unit for unit in (core.arrays, core.vector, core.scratchpad, core.dma) if unit is not None]
            paths += [core.unit_path(unit) for unit in units] + [_implied_dma(core)]
        paths += [engine.path for engine in layout.engines] + [cache.path for cache in layout.caches.values()]
        if self._moves:
            paths.append(copy_engine_path(layout))
        return sorted({*paths, *([layout.host.path] if layout.host else [])})

    def _make(self, path: str, node: Any, cls: type[Any]) -> Any:
        component = cls(self.context, path, self.ranks[path], node.path, node.spec, node.clock_hz)
        self.components[path] = component
        return component

    def _core(self, view: CoreView, resident: int) -> Core:
        arrays = self._make(view.unit_path(view.arrays), view.arrays, SystolicArrays) if view.arrays else None
        vector = self._make(view.unit_path(view.vector), view.vector, VectorUnit) if view.vector else None
        scratchpad = self._make(view.scratchpad_path, view.scratchpad, Scratchpad)
        if view.dma is not None:
            dma = self._make(view.unit_path(view.dma), view.dma, Dma)
        else:
            path = _implied_dma(view)
            declared = f"{view.declared}.dma" if view.declared else "dma"
            dma = self.components[path] = Dma(self.context, path, self.ranks[path], declared, DmaSpec(), None)
        space = stream_capacity(view, resident)
        return Core(view, arrays, vector, scratchpad, dma, CreditPool(scratchpad, "inputs", space[0]),
                    CreditPool(scratchpad, "outputs", space[1]), {}, {}, {})  # fmt: skip

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

    def _tier(self, index: int) -> Dram | Scratchpad:
        tier = self.layout.tiers[index]
        if tier.core is not None:
            return self.cores[tier.core].scratchpad
        made: Dram | Scratchpad = self._make(tier.path, tier.node, component_kinds.get(tier.node.kind))
        return made

    def _cache(self, view: CacheView) -> Cache:
        """The cache of a view, one for all tiers that it stands before."""
        made = self.components.get(view.path)
        return made if isinstance(made, Cache) else self._make(view.path, view.node, Cache)

    def _link(self, view: LinkView) -> Link:
        node = view.node
        link: Link = link_class(view)(
            self.context, view.path, self.ranks[view.path], node.path, node.spec, node.clock_hz, view.endpoints
        )
        self.components[view.path] = link
        return link


def _implied_dma(core: CoreView) -> str:
    return f"{core.path}.dma" if core.path else "dma"
