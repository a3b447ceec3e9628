"""Multicast of operands: cores that load the same bytes at the same step get them by one read and one message.

A load that names sharers waits until all of them have asked for it (each has reserved its space); then the tier is read
once, each link on the way carries the bytes once per copy of the message that has to part from the others there, and
every core's scratchpad takes them in. Steps are taken in the same order of regions and numbers by all cores, so the
earliest step that is not done anywhere always finds its sharers coming: waiting for them cannot end in a circle.
Left out: a core that is ready early cannot go ahead alone.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from sim.core.component import Activity
from sim.core.countdown import countdown
from sim.core.engine import Phase
from sim.core.errors import InconsistencyError
from sim.hardware.memory.tier import Where
from sim.run.parts import Parts


@dataclass(frozen=True)
class SharedLoad:
    """One core's part: it wants ``size_bytes`` from ``tier`` (there at ``at``) in its scratchpad; then ``done``."""

    core: int
    tier: int
    size_bytes: int
    stream: str
    activity: Activity
    done: Callable[[], None]
    at: Where | None = None


@dataclass
class Multicasts:
    """Loads that wait for their sharers. ``not_read``, ``not_moved``: bytes per tier (link) that sharing has saved."""

    machine: Parts
    waiting: dict[Hashable, list[SharedLoad]] = field(default_factory=dict)
    not_read: dict[int, int] = field(default_factory=dict)
    not_moved: dict[str, int] = field(default_factory=dict)

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
        memory, messages = machine.tiers[first.tier], self._messages(group)
        latency = memory.latency_ps + max(
            machine.flight_ps(machine.layout.routes[first.tier, one.core]) for one in group
        )
        ends = [self._end(one, latency) for one in group]

        def through() -> None:
            for end in ends:
                end()

        served = countdown(1 + len(messages), through)
        self._save(group, messages)
        who = ("multicast", first.stream, machine.layout.group_of.get(first.core, 0))
        memory.access(who, first.size_bytes, 0, first.activity, served, at=first.at)
        for (link, source), destinations in messages.items():
            machine.links[link].multicast(source, destinations, who, first.size_bytes, first.activity, served)
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

    def _messages(self, group: list[SharedLoad]) -> dict[tuple[str, str], tuple[str, ...]]:
        """(link, source) -> where the message goes over that link; routes that share their first hops share those."""
        found: dict[tuple[str, str], dict[str, None]] = {}
        for one in group:
            for hop in self.machine.layout.routes[one.tier, one.core]:
                found.setdefault((hop.link, hop.source), {})[hop.destination] = None
        return {key: tuple(destinations) for key, destinations in found.items()}

    def _save(self, group: list[SharedLoad], messages: dict[tuple[str, str], tuple[str, ...]]) -> None:
        """Note what separate loads would have read and moved besides."""
        first = group[0]
        self.not_read[first.tier] = self.not_read.get(first.tier, 0) + first.size_bytes * (len(group) - 1)
        crossings = [hop.link for one in group for hop in self.machine.layout.routes[one.tier, one.core]]
        for link in set(crossings):
            spared = crossings.count(link) - sum(1 for key in messages if key[0] == link)
            self.not_moved[link] = self.not_moved.get(link, 0) + first.size_bytes * spared
