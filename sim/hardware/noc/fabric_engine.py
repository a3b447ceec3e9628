"""The flit model behind the engine interface (``submit``, ``next_event_ps``, ``advance``): bytes and picoseconds.

Whole runs with ``model: packet`` use :mod:`sim.hardware.noc.message_engine`.

A message becomes packets of at most ``packet_flits`` flits, which queue at its source terminal in order; it is done when
the last tail has arrived. One to several terminals is a multicast: one set of packets, each no longer than a buffer too,
on the tree of :mod:`sim.hardware.noc.flit_trees`, done when the last copy has arrived. It enters at the first clock edge at
or after its submission. The interface asks for the next completion before time gets there, so the engine runs a copy ahead
to it; a foreign arrival discards the copy and the run goes on from the state as it stands, so nothing past the present is
ever committed.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from sim.core.clock import Clock
from sim.core.errors import Problems
from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.flit_network import FlitNetwork
from sim.hardware.noc.message_engine import MessageEngine, terminals_of_stream
from sim.hardware.noc.multicast_tree import links_of_tree, tree_of
from sim.hardware.noc.packet_list import Packets
from sim.hardware.noc.routes import Routes
from sim.hardware.noc.traffic_measure import MODELS

FAR_CYCLES = 1 << 50


def engine_of(
    model: str, routes: Routes, spec: RouterSpec, clock_hz: Fraction, flit_bytes: int, packet_flits: int,
    train_flits: int = 0,
) -> FabricEngine | MessageEngine:  # fmt: skip
    """The engine of a network model by name; InputError for one that does not exist and for sizes below 1."""
    problems = Problems()
    if model not in MODELS:
        problems.add("unknown network model", found=model, allowed=tuple(MODELS), suggest_for=model)
    if flit_bytes < 1 or packet_flits < 1:
        problems.add("flit and packet sizes", found=f"{flit_bytes} B, {packet_flits} flits", allowed="1 or more")
    problems.raise_if_any()
    if model == "packet":
        return MessageEngine(routes, spec, clock_hz, flit_bytes, packet_flits, train_flits)
    return FabricEngine(routes, spec, clock_hz, flit_bytes, packet_flits)


@dataclass(eq=False)
class _Message:
    token: Any
    packets_left: int


@dataclass
class _Plan:
    """What a copy of the network says comes next: messages done in ``cycle``, after ``arrived`` packets."""

    network: FlitNetwork
    messages: list[_Message]
    cycle: int
    arrived: int


class FabricEngine:
    """``stream`` of a submission: source terminal, and destination terminal or a tuple of several (multicast)."""

    def __init__(
        self, routes: Routes, spec: RouterSpec, clock_hz: Fraction, flit_bytes: int, packet_flits: int
    ) -> None:
        self.routes = routes
        self._clock = Clock(clock_hz)
        self._flit_bytes, self._packet_flits = flit_bytes, packet_flits
        self._base = FlitNetwork(routes, spec)
        self._plan: _Plan | None = None
        self._active: dict[_Message, None] = {}
        self._of_packet: list[_Message] = []
        self._arrived = 0  # packets, in order of arrival, that count in ``packets_left``
        self._sent = 0

    @property
    def active(self) -> int:
        """Messages under way."""
        return len(self._active)

    @property
    def network(self) -> FlitNetwork:
        """The network as committed, for its counters."""
        return self._base

    def settled(self) -> FlitNetwork:
        """A copy of the network run on until everything submitted has arrived: the committed one stops at the last
        submission, so its counters lag behind what :meth:`advance` has delivered."""
        network = self._base.copy()
        if network.finished < network.submitted:
            network.run(FAR_CYCLES, network.submitted)
        return network

    def links_of(self, stream: Hashable) -> int:
        """Links that a message takes, each counted once."""
        source, destinations = terminals_of_stream(stream)
        return links_of_tree(tree_of(self.routes, source, destinations), destinations)

    def submit(self, now_ps: int, stream: Hashable, size_bytes: int, token: Any) -> None:
        """A message of ``size_bytes`` from ``stream[0]`` to ``stream[1]`` arrives now; completions due by now must have
        been taken with :meth:`advance` first."""
        source, destinations = terminals_of_stream(stream)
        cycle = self._clock.index_at_or_after(now_ps)
        if self._base.now < cycle:
            self._base.run(cycle)
        self._plan = None
        if not self._active:
            self._settle()
        flits = max(1, -(-size_bytes // self._flit_bytes))
        longest = self._packet_flits
        if len(destinations) > 1:
            longest = min(longest, self._base.spec.buffer_flits)
        count = -(-flits // longest)
        sizes = np.full(count, longest, dtype=np.int64)
        sizes[-1] = flits - (count - 1) * longest
        numbers = np.arange(self._sent, self._sent + count, dtype=np.int64)
        self._sent += count
        column = np.zeros(count, dtype=np.int64)
        way, created = self._base.way(source, destinations), max(cycle, self._base.now)
        self._base.submit(
            Packets(column + source, column + way, sizes, column + created, numbers % self.routes.variants)
        )
        message = _Message(token, count)
        self._active[message] = None
        self._of_packet += [message] * count

    def _settle(self) -> None:
        """Nothing is under way for the caller: let the committed network catch up and drop its packet records."""
        if self._base.finished == self._base.submitted:
            self._base.forget()
            self._of_packet.clear()
            self._arrived = 0

    def next_event_ps(self) -> int | None:
        """When the next message will be done, if nothing else arrives; None when there is none."""
        return self._clock.edge_ps(self._look_ahead().cycle) if self._active else None

    def advance(self, until_ps: int, quiet_ps: int = 0) -> list[Any]:
        """The tokens of messages done at or before ``until_ps``, in order of completion. The copy that runs ahead is thrown
        away when something arrives, so it need not know up to when nothing does (``quiet_ps``)."""
        done: list[Any] = []
        while self._active:
            plan = self._look_ahead()
            if self._clock.edge_ps(plan.cycle) > until_ps:
                break
            for packet in plan.network.order(self._arrived, plan.arrived):
                self._of_packet[int(packet)].packets_left -= 1
            self._arrived = plan.arrived
            for message in plan.messages:
                del self._active[message]
                done.append(message.token)
            if self._clock.edge_ps(plan.network.now) <= until_ps:
                self._base = plan.network
                self._plan = None
            else:
                self._plan = self._continue(plan.network)
        return done

    def _look_ahead(self) -> _Plan:
        if self._plan is None:
            self._plan = self._continue(self._base.copy())
        return self._plan

    def _continue(self, network: FlitNetwork) -> _Plan:
        """Run ``network`` to the end of the next cycle in which a message is done."""
        left = {message: message.packets_left for message in self._active}
        arrived = self._arrived
        due: list[_Message] = []
        while not due and left:
            network.run(FAR_CYCLES, arrived + min(left.values()))
            finished = network.finished
            for packet in network.order(arrived, finished):
                message = self._of_packet[int(packet)]
                left[message] -= 1
                if left[message] == 0:
                    due.append(message)
            arrived = finished
        return _Plan(network, due, network.now - 1, arrived)
