"""The packet model behind the engine interface (``submit``, ``next_event_ps``, ``advance``): bytes and picoseconds.

A message enters at the first clock edge at or after its submission and ends when its last packet has arrived. The next
event is a lower bound (see :mod:`sim.hardware.noc._kernels_send`): the engine may be asked to advance to an instant at
which nothing ends yet, and the state never runs past the present.
"""

from __future__ import annotations

from collections.abc import Hashable
from fractions import Fraction
from typing import Any

from sim.core.clock import Clock
from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.message_network import MessageNetwork
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

    @property
    def active(self) -> int:
        """Messages under way."""
        return len(self._tokens)

    def settled(self) -> MessageNetwork:
        """The network, for its counters."""
        return self.network

    def links_of(self, stream: Hashable) -> int:
        """Links that a message takes, each counted once."""
        return self.network.way(*terminals_of_stream(stream)).links

    def submit(self, now_ps: int, stream: Hashable, size_bytes: int, token: Any) -> None:
        """A message of ``size_bytes`` arrives now; what ended by now must have been taken with :meth:`advance` first."""
        source, destinations = terminals_of_stream(stream)
        flits = max(1, -(-size_bytes // self._flit_bytes))
        number = self.network.send(self._clock.index_at_or_after(now_ps), source, destinations, flits)
        self._tokens[number] = token

    def next_event_ps(self) -> int | None:
        """An instant before which no message ends unless something else arrives; None when there is none."""
        return self._clock.edge_ps(self.network.next_end()) if self._tokens else None

    def advance(self, until_ps: int) -> list[Any]:
        """The tokens of messages that ended at or before ``until_ps``, in that order."""
        if not self._tokens:
            return []
        taken = self.network.take(self._clock.index_at_or_before(until_ps))
        return [self._tokens.pop(number) for number in taken]
