"""The packet model behind the engine interface (``submit``, ``next_event_ps``, ``advance``): bytes and picoseconds.

A message enters at the first clock edge at or after its submission and ends when its last packet has arrived. The next
event is a lower bound (see :mod:`sim.hardware.noc._kernels_send`): the engine may be asked to advance to an instant at
which nothing ends yet. The state runs past the present only as far as nothing can be submitted.
"""

from __future__ import annotations

from collections.abc import Hashable
from fractions import Fraction
from typing import Any

from sim.core.clock import Clock
from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.message_network import MessageNetwork, Way
from sim.hardware.noc.routes import Routes


def terminals_of_stream(stream: Hashable) -> tuple[int, tuple[int, ...]]:
    """(source, destinations) of a submission: a pair of terminals, or a terminal and a tuple of several."""
    assert isinstance(stream, tuple)
    source, destinations = stream
    return source, destinations if isinstance(destinations, tuple) else (destinations,)


class MessageEngine:
    """``stream`` of a submission: source terminal, and destination terminal or a tuple of several (multicast)."""

    def __init__(
        self, routes: Routes, spec: RouterSpec, clock_hz: Fraction, flit_bytes: int, packet_flits: int,
        train_flits: int = 0,
    ) -> None:  # fmt: skip
        self.routes = routes
        self.network = MessageNetwork(routes, spec, packet_flits, train_flits)
        self._clock = Clock(clock_hz)
        self._flit_bytes = flit_bytes
        self._tokens: dict[int, Any] = {}
        self._ways: dict[Hashable, Way] = {}

    @property
    def active(self) -> int:
        """Messages under way."""
        return len(self._tokens)

    def settled(self) -> MessageNetwork:
        """The network, for its counters."""
        return self.network

    def links_of(self, stream: Hashable) -> int:
        """Links that a message takes, each counted once."""
        return self._way(stream).links

    def _way(self, stream: Hashable) -> Way:
        way = self._ways.get(stream)
        if way is None:
            way = self._ways[stream] = self.network.way(*terminals_of_stream(stream))
        return way

    def submit(self, now_ps: int, stream: Hashable, size_bytes: int, token: Any) -> None:
        """A message of ``size_bytes`` arrives now; what ended by now must have been taken with :meth:`advance` first."""
        flits = -(-size_bytes // self._flit_bytes) or 1
        number = self.network.send(self._clock.index_at_or_after(now_ps), self._way(stream), flits)
        self._tokens[number] = token

    def next_event_ps(self) -> int | None:
        """An instant before which no message ends unless something else arrives; None when there is none."""
        return self._clock.edge_ps(self.network.next_end()) if self._tokens else None

    def advance(self, until_ps: int, quiet_ps: int = 0) -> list[Any]:
        """The tokens of messages that ended at or before ``until_ps``, in that order.

        Nothing may be submitted before ``quiet_ps``: when none has ended, the network runs on for the next up to then.
        """
        if not self._tokens:
            return []
        clock = self._clock
        taken = self.network.take(clock.index_at_or_before(until_ps), clock.index_at_or_before(quiet_ps))
        return [self._tokens.pop(number) for number in taken]
