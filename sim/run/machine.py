"""The machine of one run: its parts, and the moves of bytes between them.

A move occupies all that it passes side by side (cut-through): memory, cache, links, scratchpad. It is done when the
slowest of them is, plus their latencies.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from sim.core.component import Activity
from sim.core.countdown import countdown
from sim.core.engine import Phase
from sim.core.probe import Probe
from sim.hardware.layout import Layout
from sim.hardware.memory.tier import Where
from sim.hardware.noc.link import Link
from sim.run.copies import TierCopies
from sim.run.multicast import Multicasts, SharedLoad
from sim.run.partial_sums import PartialSumMessages
from sim.run.parts import BoundEngine, Core, Parts

Way = tuple[tuple[tuple[Link, str, str], ...], int]
"""Between a tier and a core, one way: the links with their ends, and the latencies of memory and links together, in ps."""
ENGINE_READ, ENGINE_WRITTEN = "engine_out", "engine_in"
"""In the ledger of a core's scratchpad: bytes that engines beside the core took from it and put there."""
PLACED = "placed_bytes"
"""In a memory's ledger: bytes written by commands of its units' channels, not by transfers on its data bus."""


class Machine(Parts):
    """One chip that moves bytes between its parts."""

    def __init__(self, layout: Layout, probe: Probe, resident: dict[int, int], first: Machine | None = None) -> None:
        super().__init__(layout, probe, resident, first)
        self.copies = TierCopies(self) if self.moves_tensors else None
        self.multicasts = Multicasts(self)
        self.partial_sums = PartialSumMessages()
        self._ways: dict[tuple[int, int, bool], Way] = {}

    def load(
        self, core: Core, tier: int, size_bytes: int, stream: str, activity: Activity, done: Callable[[], None],
        at: Where | None = None, hit_bytes: int = 0,
    ) -> None:  # fmt: skip
        """Move bytes from a tier into a core's scratchpad, occupying memory, links and scratchpad side by side.

        ``hit_bytes`` of them come from the cache in front of the tier; ``at``: where in the tier they are.
        """
        if tier in self.caches:
            self._move_cached(core, tier, size_bytes, stream, activity, done, True, at, hit_bytes)
        else:
            self._move(core, tier, size_bytes, stream, activity, done, True, at)

    def load_shared(
        self, key: Hashable, members: int, core: Core, tier: int, size_bytes: int, stream: str, activity: Activity,
        done: Callable[[], None], at: Where | None = None,
    ) -> None:  # fmt: skip
        """As :meth:`load`, for one of ``members`` cores that load the same bytes (the same ``key``): one read and one
        message for all, once the last of them has asked."""
        request = SharedLoad(core.view.index, tier, size_bytes, stream, activity, done, at)
        self.multicasts.join(key, members, request)

    def store(
        self, core: Core, tier: int, size_bytes: int, stream: str, activity: Activity, done: Callable[[], None],
        at: Where | None = None,
    ) -> None:  # fmt: skip
        """Move bytes from a core's scratchpad out to a tier."""
        move = self._move_cached if tier in self.caches else self._move
        move(core, tier, size_bytes, stream, activity, done, False, at)

    def stream(
        self, own: BoundEngine, tier: int, size_bytes: int, activity: Activity, done: Callable[[], None], into: bool,
        at: Where | None = None,
    ) -> None:  # fmt: skip
        """Move bytes between a tier, or the only core's scratchpad, and an engine that is not a core, occupying memory and
        links side by side."""
        memory, hops = self.tiers[tier], self.layout.engine_routes[tier, own.view.path]
        latency = memory.latency_ps + self.flight_ps(hops)

        def through() -> None:
            ledger = own.loaded if into else own.stored
            ledger[tier] = ledger.get(tier, 0) + size_bytes
            self.engine.at(self.engine.now + latency, done, Phase.FINISH, own.component.rank)

        served = countdown(1 + len(hops), through)
        memory.access(own.view.path, size_bytes if into else 0, 0 if into else size_bytes, activity, served, at=at)
        if self.layout.tiers[tier].core is not None:
            memory.ledger[activity.owner, ENGINE_READ if into else ENGINE_WRITTEN] += size_bytes
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
        latency = self.tiers[tier].latency_ps + self.flight_ps(hops)

        def through() -> None:
            own.results[core.view.index] = own.results.get(core.view.index, 0) + size_bytes
            self.engine.at(self.engine.now + latency, done, Phase.FINISH, core.dma.rank)

        served = countdown(1 + len(hops), through)
        for hop in hops:
            self.links[hop.link].move(hop.source, hop.destination, own.view.path, size_bytes, activity, served)
        core.take_in(size_bytes, activity, served)

    def pass_on(
        self, source: Core, target: Core, size_bytes: int, stream: str, activity: Activity, done: Callable[[], None]
    ) -> None:
        """Move bytes from one core's scratchpad into another's, occupying both and the link between them side by side."""
        link = self.layout.link_between_cores
        latency = self.links[link.path].latency_ps if link is not None else 0

        def through() -> None:
            source.sent[target.view.index] = source.sent.get(target.view.index, 0) + size_bytes
            self.engine.at(self.engine.now + latency, done, Phase.FINISH, source.dma.rank)

        served = countdown(2 + (link is not None), through)
        if link is not None:
            ends = source.view.scratchpad_path, target.view.scratchpad_path
            self.links[link.path].move(*ends, (source.view.index, stream), size_bytes, activity, served)
        source.take_out(size_bytes, activity, served)
        target.take_in(size_bytes, activity, served)

    def place(self, core: Core, tier: int, size_bytes: int, activity: Activity, done: Callable[[], None]) -> None:
        """Move bytes from a core's scratchpad to the channels of a memory with units, whose own commands write them."""
        memory, hops = self.tiers[tier], self.layout.routes[tier, core.view.index]
        latency = memory.latency_ps + self.flight_ps(hops)

        def through() -> None:
            core.stored[tier] = core.stored.get(tier, 0) + size_bytes
            memory.ledger[activity.owner, PLACED] += size_bytes
            self.engine.at(self.engine.now + latency, done, Phase.FINISH, core.dma.rank)

        served = countdown(1 + len(hops), through)
        for hop in hops:
            self.links[hop.link].move(
                hop.destination, hop.source, (core.view.index, "place"), size_bytes, activity, served
            )
        core.take_out(size_bytes, activity, served)

    def _move(
        self, core: Core, tier: int, size: int, stream: str, activity: Activity, done: Callable[[], None], into: bool,
        at: Where | None,
    ) -> None:  # fmt: skip
        index, memory = core.view.index, self.tiers[tier]
        way = self._ways.get((tier, index, into))
        if way is None:
            way = self._ways[tier, index, into] = self._way(tier, index, into)
        links, latency = way
        who = (index, stream)

        def through() -> None:
            ledger = core.loaded if into else core.stored
            ledger[tier] = ledger.get(tier, 0) + size
            if latency:
                self.engine.at(self.engine.now + latency, done, Phase.FINISH, core.dma.rank)
            else:
                done()

        served = countdown(2 + len(links), through)
        if into:
            memory.access(who, size, 0, activity, served, at=at)
        else:
            memory.access(who, 0, size, activity, served, at=at)
        for link, source, destination in links:
            link.move(source, destination, who, size, activity, served)
        (core.take_in if into else core.take_out)(size, activity, served)

    def _way(self, tier: int, core: int, into: bool) -> Way:
        hops = self.layout.routes[tier, core]
        ends = ((hop.source, hop.destination) if into else (hop.destination, hop.source) for hop in hops)
        links = tuple((self.links[hop.link], *pair) for hop, pair in zip(hops, ends, strict=True))
        return links, self.tiers[tier].latency_ps + self.flight_ps(hops)

    def _move_cached(
        self, core: Core, tier: int, size: int, stream: str, activity: Activity, done: Callable[[], None], into: bool,
        at: Where | None, hit: int = 0,
    ) -> None:  # fmt: skip
        memory, cache, hops = self.tiers[tier], self.caches[tier], self.layout.routes[tier, core.view.index]
        missed = size - hit
        behind = self.layout.behind_cache(tier, core.view.index)
        moves = [(hop, missed if place < behind else size) for place, hop in enumerate(hops)]
        moves = [(hop, amount) for hop, amount in moves if amount]
        latency = (memory.latency_ps if missed else 0) + cache.latency_ps + self.flight_ps(hop for hop, _ in moves)
        who = (core.view.index, stream)

        def through() -> None:
            ledger = core.loaded if into else core.stored
            ledger[tier] = ledger.get(tier, 0) + size
            if hit:
                core.hits[tier] = core.hits.get(tier, 0) + hit
            if latency:
                self.engine.at(self.engine.now + latency, done, Phase.FINISH, core.dma.rank)
            else:
                done()

        served = countdown(2 + len(moves) + (missed > 0), through)
        if missed:
            memory.access(who, missed if into else 0, 0 if into else size, activity, served, at=at)
        if into:
            cache.load(who, hit, missed, activity, served)
        else:
            cache.access(who, 0, size, activity, served)
        for hop, amount in moves:
            ends = (hop.source, hop.destination) if into else (hop.destination, hop.source)
            self.links[hop.link].move(*ends, who, amount, activity, served)
        (core.take_in if into else core.take_out)(size, activity, served)
