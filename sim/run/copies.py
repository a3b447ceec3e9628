"""Copies between the memory tiers of one machine: which components each chunk occupies, and for how long.

A chunk is read from its source, carried over the links of the shortest route and written to its destination, all at
once (cut-through); it has arrived when the slowest of them is done, plus latencies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sim.core.countdown import countdown
from sim.core.engine import Phase
from sim.hardware.cache_layout import Hop
from sim.hardware.copy_engine import Copy, CopyEngine
from sim.hardware.dma import DmaSpec
from sim.hardware.layout import Layout
from sim.hardware.memory.tier import Where
from sim.run.parts import Parts, copy_engine_path


class TierCopies:
    """The copy engine of ``machine``, and the routes between its near and its far tiers."""

    def __init__(self, machine: Parts) -> None:
        self._machine = machine
        layout = machine.layout
        between = [pair for far in layout.far for near in layout.near
                   for pair in ((far.index, near.index), (near.index, far.index))]  # fmt: skip
        self._routes = {pair: layout.copy_route(*pair) for pair in between}
        self.engine = self._make(layout)
        self.engine.move = self._move

    def submit(self, copy: Copy) -> None:
        """Queue a copy."""
        tiers = self._machine.layout.tiers
        self.engine.submit(copy, (tiers[copy.source].path, tiers[copy.destination].path))

    @property
    def open(self) -> int:
        """Copies that have not completed."""
        return self.engine.open

    def carried(self) -> Iterator[tuple[int, int, tuple[Hop, ...], int]]:
        """(source tier, destination tier, links between them, bytes copied so far), in order of tiers."""
        for (source, destination), size in sorted(self.engine.copied.items()):
            yield source, destination, self._routes[source, destination], size

    def _make(self, layout: Layout) -> CopyEngine:
        """The declared copy engine, or an implied one beside the near tier."""
        node, path, machine = layout.copy_node, copy_engine_path(layout), self._machine
        spec = node.spec if node is not None else DmaSpec()
        assert isinstance(spec, DmaSpec)
        hz = node.clock_hz if node is not None else None
        made = CopyEngine(machine.context, path, machine.ranks[path], path, spec, hz)
        machine.components[path] = made
        return made

    def _move(self, copy: Copy, first: int, size: int, done: Callable[[], None]) -> None:
        source, destination, activity = copy.source, copy.destination, copy.activity
        machine, hops = self._machine, self._routes[source, destination]
        reader, writer = machine.tiers[source], machine.tiers[destination]
        latency = reader.latency_ps + writer.latency_ps + machine.flight_ps(hops)
        who = ("copy", source, destination)

        def through() -> None:
            machine.engine.at(machine.engine.now + latency, done, Phase.FINISH, self.engine.rank)

        served = countdown(2 + len(hops), through)
        reader.access(who, size, 0, activity, served, at=Where(copy.from_address + first))
        for hop in hops:
            machine.links[hop.link].move(hop.source, hop.destination, who, size, activity, served)
        writer.access(who, 0, size, activity, served, at=Where(copy.to_address + first))
