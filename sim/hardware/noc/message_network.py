"""The packet model for whole runs: messages in flits that are sent, wait, arrive and are forgotten. Times are cycles.

The same links, buffers and packets as :class:`~sim.hardware.noc.packet_network.PacketNetwork`, without a record per packet:
rows are used again, and a message can go to several terminals at once. Such a *multicast* takes each link of its tree
(:mod:`sim.hardware.noc.multicast_tree`) once (around a ring: once per class of channels); routers
copy packets, each copy waits for its own link, and the buffer is free when the last has left. Its packets are cut to fit a
buffer, so that a copy that waits never holds two routers: the dependencies between channels are those of the routes,
which the check for deadlocks has judged. It is done when its last copy has arrived.

With *trains*, up to ``train_flits`` of a message book each link at once, in closed form: a train that is longer than the
buffers behind a link has them to itself; when it must wait for its next link, it stops this one as soon as they are full,
and gives them back when its tail is in. Left out there: such a stop does not reach links further back, copies of a
multicast do not slow each other down, and others get their turn on a link between trains only, not between packets.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.hardware.compiled import load_kernels
from sim.hardware.noc import _packet_layout as at
from sim.hardware.noc.credit_limit import check_trains
from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.idle_cycles import idle_tree_cycles
from sim.hardware.noc.multicast_tree import TreeNode, links_of_tree, terminal_port, tree_of
from sim.hardware.noc.packet_network import PacketNetwork
from sim.hardware.noc.routes import Ints, Routes

AT_ONCE = 64
"""Most messages taken out of the compiled state by one call."""


class Way(NamedTuple):
    """How messages go from one terminal to one or several: how many links they take; ``row`` tells the kernel (see
    :mod:`sim.hardware.noc._packet_layout`). Flits in a packet and in a piece of one at most; a message of more flits than
    a packet goes in trains of ``train`` flits, where that is not 0."""

    links: int
    row: int
    packet: int
    piece: int
    train: int


class MessageNetwork(PacketNetwork):
    """State of one run; :meth:`send`, :meth:`next_end` and :meth:`take` instead of packets in bulk."""

    def __init__(self, routes: Routes, spec: RouterSpec, packet_flits: int, train_flits: int = 0) -> None:
        if train_flits:
            check_trains(routes, spec)
        super().__init__(routes, spec, train_flits, messages=True)
        self._packet_flits, self._train_flits = packet_flits, train_flits
        kernels = load_kernels("sim.hardware.noc._kernels_send")
        self._send, self._advance = kernels.send, kernels.advance
        self._ways: dict[tuple[int, tuple[int, ...]], Way] = {}
        self._sent = self._active = 0
        self._next_end = 0
        self._answers: Ints = np.zeros(AT_ONCE + 2, dtype=np.int64)
        self._read = self._answers.data

    @property
    def active(self) -> int:
        """Messages sent and not taken yet."""
        return self._active

    def way(self, source: int, destinations: tuple[int, ...]) -> Way:
        """The way from one terminal to one or several."""
        found = self._ways.get((source, destinations))
        if found is None:
            found = self._ways[source, destinations] = self._find_way(source, destinations)
        return found

    def send(self, now: int, way: Way, flits: int) -> int:
        """A message of ``flits`` enters the queue of its source in cycle ``now``; returns its number."""
        _, row, packet, piece, train = way
        if train and flits > packet:
            packet = piece = train
        number = self._sent
        self._sent = number + 1
        self._active += 1
        end = self._send(self._state.flat, row, self.now, now, flits, packet, piece, number)
        while end < 0:
            self._reached(-1 - end)
            end = self._send(self._state.flat, row, self.now, now, flits, packet, piece, number)
        self._next_end = end
        if self.now < now:
            self.now = now
        return number

    def next_end(self) -> int:
        """A cycle before which no message ends unless another is sent; only the present for one whose end it is."""
        return self._next_end

    def take(self, cycle: int, quiet: int = 0) -> list[int]:
        """The messages that end by ``cycle``, in order. Nothing may be sent before cycle ``quiet``: when none has ended, the
        state goes on to where the next ends, as far as that is by then; else it stays that before ``cycle``."""
        taken: list[int] = []
        count = AT_ONCE
        while count < 0 or count == AT_ONCE:
            count = self._advance(self._state.flat, self._answers, self.now, cycle, 0 if taken else quiet)
            if count < 0:
                self._reached(-1 - count)
            else:
                self._next_end, self.now = self._read[AT_ONCE], self._read[AT_ONCE + 1]
                taken += self._read[:count].tolist()
        self._active -= len(taken)
        return taken

    def waited_cycles(self) -> tuple[Ints, Ints]:
        """Of each link: cycles it was free while a packet waited for buffers behind it; sum over packets of all waiting."""
        links = self.routes.links
        rows = self._state.ports[links.source * self.routes.ports + links.source_port]
        return rows[:, at.STALLED], rows[:, at.WAITED]

    def port_waits(self) -> tuple[Ints, Ints]:
        """Of each terminal. Out: sum over messages of cycles from when it was sent to when its last flit has left, less its
        flits; in: sum over pieces of cycles from asking for the terminal's port to starting on it."""
        routes, ports = self.routes, self._state.ports
        first = int(self._state.flat[at.ALL_PORTS])
        ends = routes.terminal_router * routes.ports + routes.terminal_port
        sources = ports[first : first + routes.terminals]
        return sources[:, at.PRESENT] - sources[:, at.SENT], ports[ends, at.WAITED]

    def _find_way(self, source: int, destinations: tuple[int, ...]) -> Way:
        routes, copies = self.routes, len(destinations)
        nodes = tree_of(routes, source, destinations)
        *rests, idle = idle_tree_cycles(routes, self.spec, nodes)
        heads = len(nodes) * int(self._state.flat[at.HEAD_CYCLES])
        port, tree = -1, -1
        if copies == 1:
            port = at.PORTS + terminal_port(routes, destinations[0]) * at.PORT_WIDTH
        else:
            tree = self._plant(nodes, rests, copies)
        row = self._keep((source, destinations[0], copies, idle, heads, port, tree, routes.variants))
        buffer = self.spec.buffer_flits
        packet = self._packet_flits if copies == 1 else min(self._packet_flits, buffer)
        train = self._train_flits if self._train_flits > packet else 0
        return Way(links_of_tree(nodes, destinations), row, packet, min(packet, buffer), train)

    def _plant(self, nodes: list[TreeNode], rests: list[int], copies: int) -> int:
        """Rows for the tree's nodes; returns the root's."""
        state = self._state
        state.counters[at.RESERVE] = max(int(state.counters[at.RESERVE]), copies)
        root = self._node(-1, -1, 0)
        rows: list[int] = []
        for (parent, port, vc_class), rest in zip(nodes, rests, strict=True):
            rows.append(self._node(state.port_channel(port, vc_class), rows[parent] if parent >= 0 else root, rest))
        return root

    def _node(self, channel: int, parent: int, rest: int) -> int:
        """A node of a tree, the first behind its ``parent`` from now on; ``rest`` as :func:`idle_tree_cycles`."""
        row = self._keep((channel, -1, -1, rest))
        flat = self._state.flat
        if parent >= 0:
            flat[row + at.N_SIBLING] = flat[parent + at.N_CHILD]
            flat[parent + at.N_CHILD] = row
        return row

    def _keep(self, values: tuple[int, ...]) -> int:
        """A row of the pool that stays for the run, with ``values`` in its first places."""
        self._state.grow(int(self._state.counters[at.FRESH]) + 1)
        flat, counters = self._state.flat, self._state.counters
        row = int(flat[at.POOL]) + int(counters[at.FRESH]) * at.PIECE_WIDTH
        counters[at.FRESH] += 1
        counters[at.ROWS_LEFT] -= 1
        flat[row : row + len(values)] = values
        return row
