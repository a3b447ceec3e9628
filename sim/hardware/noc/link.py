"""The interface of a link between memories. Point-to-point, bus and crossbar implement it; a routed fabric plugs in here.

A link joins endpoints (scratchpads and memory tiers, by instance path) and moves a message from one to another. A
transfer occupies its source memory, its links and its destination at the same time (cut-through): it is done when the
slowest of them has served it, plus the latencies on the way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable
from fractions import Fraction
from typing import Any, NamedTuple, Protocol, Self

from pydantic import Field, model_validator

from sim.config.fields import Bandwidth, DurationPs, Rate, SizeBytes
from sim.config.spec import LinkSpec
from sim.core.channel import Channel
from sim.core.component import Activity, Component, Context
from sim.core.countdown import countdown
from sim.core.pipe import RoundRobinPipe
from sim.hardware.noc.port_use import Carried, PortUse, port_title

DEFAULT_PACKET_BYTES = 64


class BandwidthLinkSpec(LinkSpec):
    """YAML keys shared by the simple links: a width per clock cycle, or a bandwidth."""

    width: SizeBytes | None = Field(default=None, description="bytes per cycle of `clock`, per port and direction")
    bandwidth: Bandwidth | None = Field(default=None, description="bytes per second, instead of width and clock")
    latency: DurationPs = Field(default=0, description="time of flight of a message")
    sustained: Rate = Field(default=Fraction(1), description="fraction of that bandwidth that data can use, at most 1")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.bandwidth is None) == (self.width is None):
            raise ValueError("give either `width` (with `clock`) or `bandwidth`")
        if self.width is not None and (self.clock is None or self.width == 0):
            raise ValueError("`width` must be positive and needs a `clock`")
        if not 0 < self.sustained <= 1:
            raise ValueError("`sustained` is a fraction, above 0 and at most 1")
        return self


class LinkModel:
    """Closed form of a simple link: the rate of one port."""

    def __init__(self, spec: BandwidthLinkSpec, clock_hz: Fraction | None) -> None:
        self.latency_ps = spec.latency
        if spec.bandwidth is not None:
            self.bytes_per_s, self.packet_bytes = spec.bandwidth, DEFAULT_PACKET_BYTES
        else:
            assert spec.width is not None and clock_hz is not None
            self.bytes_per_s, self.packet_bytes = spec.width * clock_hz, spec.width
        self.bytes_per_s *= spec.sustained


class Passage(NamedTuple):
    """What a message takes of an otherwise idle link: its channels, each as fast as the link's model says, and its latency.

    ``channels``: by name, how many of ``route_sets`` equally good sets of routes, among which packets are dealt, lead
    over it.
    """

    channels: dict[Hashable, int]
    route_sets: int
    latency_ps: int


class Passages(Protocol):
    """The ways through one link, for the mapper (no state of a run)."""

    def between(self, source: str, destination: str) -> Passage:
        """The way from one endpoint (instance path) to another."""
        ...


class PortPassages:
    """Through a simple link: the ports that a message occupies, then the time of flight."""

    def __init__(self, kind: type[Link], latency_ps: int) -> None:
        self._kind = kind
        self._latency_ps = latency_ps

    def between(self, source: str, destination: str) -> Passage:
        """As in :class:`Passages`."""
        return Passage(dict.fromkeys(self._kind.ports_of(source, destination), 1), 1, self._latency_ps)


class Link(Component):
    """Base of the simple links: named ports, each a channel with a lane; ``ports_of`` says which a message takes."""

    def __init__(
        self, context: Context, path: str, rank: int, declared: str, spec: BandwidthLinkSpec, hz: Fraction | None,
        endpoints: tuple[str, ...],
    ) -> None:  # fmt: skip
        super().__init__(context, path, rank, declared)
        self.model = LinkModel(spec, hz)
        self.latency_ps = self.model.latency_ps
        self.endpoints = endpoints
        self._channels: dict[Any, Channel] = {}
        for name in self.port_names(endpoints):
            pipe = RoundRobinPipe(self.model.bytes_per_s, self.model.packet_bytes)
            self._channels[name] = Channel(self, pipe, self.lane(name))
        self._carried: dict[str, defaultdict[int, int]] = {name: defaultdict(int) for name in self._channels}

    @classmethod
    def model_of(cls, spec: Any, clock_hz: Fraction | None) -> LinkModel:
        """The closed form of a link with this spec, for the mapper."""
        return LinkModel(spec, clock_hz)

    @classmethod
    def passages(cls, spec: Any, clock_hz: Fraction | None, endpoints: tuple[str, ...]) -> Passages:
        """The ways through a link with this spec between ``endpoints``, for the mapper."""
        return PortPassages(cls, cls.model_of(spec, clock_hz).latency_ps)

    def port_names(self, endpoints: tuple[str, ...]) -> tuple[str, ...]:
        """Names of the channels of this link, in a fixed order."""
        raise NotImplementedError

    @staticmethod
    def ports_of(source: str, destination: str) -> tuple[str, ...]:
        """The channels that a message from ``source`` to ``destination`` occupies."""
        raise NotImplementedError

    def move(
        self,
        source: str,
        destination: str,
        stream: Hashable,
        size_bytes: int,
        activity: Activity,
        done: Callable[[], None],
    ) -> None:
        """Carry a message; ``done`` when its last packet has left the slowest channel (latency comes on top)."""
        self.multicast(source, (destination,), stream, size_bytes, activity, done)

    def multicast(
        self,
        source: str,
        destinations: tuple[str, ...],
        stream: Hashable,
        size_bytes: int,
        activity: Activity,
        done: Callable[[], None],
    ) -> None:
        """Carry one message to several endpoints: each channel on the way to any of them carries it once."""
        self.count(activity.owner, "bytes", size_bytes)
        names = dict.fromkeys(name for destination in destinations for name in self.ports_of(source, destination))
        one_done = countdown(len(names), done)
        for name in names:
            self._carried[name][activity.owner] += size_bytes
            self._channels[name].submit(stream, size_bytes, one_done, activity)

    def carried(self) -> Carried:
        """Bytes over each channel, by operator."""
        return {port_title(name): by_owner for name, by_owner in self._carried.items()}

    def port_uses(self) -> tuple[PortUse, ...]:
        """What passed each port, once nothing is under way."""
        return tuple(
            PortUse(
                port_title(name), sum(self._carried[name].values()), one.lane.busy_ps, one.present_ps - one.lane.busy_ps
            )
            for name, one in self._channels.items()
        )
