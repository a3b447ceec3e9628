"""Multicast of operands: cores that load the same bytes at the same step get them by one read and one message.

A load that names sharers waits until all of them have asked for it (each has reserved its space); then the tier is read
once, each link on the way carries the bytes once per copy of the message that has to part from the others there, and
every core's scratchpad takes them in. Steps are taken in the same order of regions and numbers by all cores, so the
earliest step that is not done anywhere always finds its sharers coming: waiting for them cannot end in a circle.
Left out: a core that is ready early cannot go ahead alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from sim.core.component import Activity
from sim.core.countdown import countdown
from sim.core.engine import Phase
from sim.core.errors import InconsistencyError
from sim.hardware.memory.tier import Where
from sim.hardware.noc.link import Link
from sim.run.parts import Parts


class SharedLoad(NamedTuple):
    """One core's part: it wants ``size_bytes`` from ``tier`` (there at ``at``) in its scratchpad; then ``done``."""

    core: int
    tier: int
    size_bytes: int
    stream: str
    activity: Activity
    done: Callable[[], None]
    at: Where | None = None


class _Tree(NamedTuple):
    """From a tier to several cores: (link, source, where it goes over that link), the latency of the longest route, and
    how many crossings of each link sharing spares."""

    messages: tuple[tuple[Link, str, tuple[str, ...]], ...]
    latency_ps: int
    spared: tuple[tuple[str, int], ...]


@dataclass
class Multicasts:
    """Loads that wait for their sharers. ``not_read``, ``not_moved``: bytes per tier (link) that sharing has saved."""

    machine: Parts
    waiting: dict[Hashable, list[SharedLoad]] = field(default_factory=dict)
    not_read: dict[int, int] = field(default_factory=dict)
    not_moved: dict[str, int] = field(default_factory=dict)
    _trees: dict[tuple[int, tuple[int, ...]], _Tree] = field(default_factory=dict)

    def join(self, key: Hashable, members: int, load: SharedLoad) -> None:
        """One more of ``members`` cores asks; the last lets all of them go."""
        group = self.waiting.setdefault(key, [])
        group.append(load)
        if len(group) == members:
            del self.waiting[key]
            self._go(sorted(group, key=lambda one: one.core))

    def finish(self) -> None:
        """At the end of the run nobody may still wait."""
        if self.waiting:
            raise InconsistencyError("multicast", f"{len(self.waiting)} shared loads end the run without all sharers")

    def _go(self, group: list[SharedLoad]) -> None:
        first, machine = group[0], self.machine
        if any((one.tier, one.size_bytes) != (first.tier, first.size_bytes) for one in group):
            raise InconsistencyError("multicast", f"sharers ask for different bytes: {group}")
        key = first.tier, tuple(one.core for one in group)
        tree = self._trees.get(key)
        if tree is None:
            tree = self._trees[key] = self._tree(*key)
        ends = [self._end(one, tree.latency_ps) for one in group]

        def through() -> None:
            for end in ends:
                end()

        served = countdown(1 + len(tree.messages), through)
        self.not_read[first.tier] = self.not_read.get(first.tier, 0) + first.size_bytes * (len(group) - 1)
        for path, spared in tree.spared:
            self.not_moved[path] = self.not_moved.get(path, 0) + first.size_bytes * spared
        who = ("multicast", first.stream, machine.layout.group_of.get(first.core, 0))
        machine.tiers[first.tier].access(who, first.size_bytes, 0, first.activity, served, at=first.at)
        for link, source, destinations in tree.messages:
            link.multicast(source, destinations, who, first.size_bytes, first.activity, served)
        for one, end in zip(group, ends, strict=True):
            machine.cores[one.core].take_in(one.size_bytes, one.activity, end)

    def _end(self, load: SharedLoad, latency_ps: int) -> Callable[[], None]:
        """One core's share is there when the message and its own scratchpad are through, and the latency has passed."""
        core, engine = self.machine.cores[load.core], self.machine.engine

        def through() -> None:
            core.loaded[load.tier] = core.loaded.get(load.tier, 0) + load.size_bytes
            if latency_ps:
                engine.at(engine.now + latency_ps, load.done, Phase.FINISH, core.dma.rank)
            else:
                load.done()

        return countdown(2, through)

    def _tree(self, tier: int, cores: tuple[int, ...]) -> _Tree:
        """Routes that share their first hops share those."""
        machine = self.machine
        routes = [machine.layout.routes[tier, core] for core in cores]
        found: dict[tuple[str, str], dict[str, None]] = {}
        for hop in chain.from_iterable(routes):
            found.setdefault((hop.link, hop.source), {})[hop.destination] = None
        messages = tuple(
            (machine.links[path], source, tuple(destinations)) for (path, source), destinations in found.items()
        )
        crossings = Counter(hop.link for hop in chain.from_iterable(routes))
        crossings.subtract(path for path, _ in found)
        latency = machine.tiers[tier].latency_ps + max(machine.flight_ps(route) for route in routes)
        return _Tree(messages, latency, tuple(crossings.items()))
