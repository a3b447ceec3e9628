"""Builds and extends the integer state of the packet model (see :mod:`sim.hardware.noc._packet_layout`)."""

from __future__ import annotations

import copy

import numpy as np

from sim.hardware.noc import _packet_layout as at
from sim.hardware.noc._packet_layout import PacketLayout
from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.flit_state import class_mask
from sim.hardware.noc.packet_list import Packets
from sim.hardware.noc.routes import Ints, Routes

UNCONSTRAINED = 1 << 40  # hops that the first piece of a packet may take: nobody is ahead of it


class PacketState:
    """One flat int64 array and named views of its sections. ``pieces`` is the last section and grows by doubling.

    ``longest``: flits of a piece that may be longer than the buffers; 0 when none is.
    """

    def __init__(self, routes: Routes, spec: RouterSpec, longest: int = 0) -> None:
        self._routes, self._spec = routes, spec
        self.layout, self._sizes = _plan(routes, spec, longest)
        self.flat = np.zeros(self.layout.pieces, dtype=np.int64)
        self._cut()
        self.counters[at.ASLEEP] = at.NEVER
        self.counters[[at.FREE_ROW, at.DUE_FIRST]] = -1
        self.ports[:] = _ports(routes, spec)
        self.channels[:] = _channels(routes, spec)
        self.flat[self.layout.routes : self.layout.routes + routes.table.size] = routes.table.ravel()
        self.flat[self.layout.slot_ends : self.layout.slot_ends + 2 * self.layout.slots] = -1
        self._count = 0
        self.first_piece = np.zeros(0, dtype=np.int64)
        self.last_piece = np.zeros(0, dtype=np.int64)

    def _cut(self) -> None:
        def rows(name: str, width: int) -> Ints:
            start = getattr(self.layout, name)
            return self.flat[start : start + self._sizes[name]].reshape(-1, width)

        self.counters = rows("counters", 1)[:, 0]
        self.ports = rows("ports", at.PORT_WIDTH)
        self.channels = rows("channels", at.CHANNEL_WIDTH)
        self.pieces = self.flat[self.layout.pieces :].reshape(-1, at.PIECE_WIDTH)

    def copy(self) -> PacketState:
        """An independent copy."""
        twin = copy.copy(self)
        twin.flat = self.flat.copy()
        twin._cut()
        return twin

    def forget(self) -> None:
        """Drop the rows of all pieces; none may be under way."""
        self.counters[at.FINISHED] = 0
        self._count = 0
        self.first_piece = self.first_piece[:0]
        self.last_piece = self.last_piece[:0]

    def used_pieces(self) -> Ints:
        """The rows of all pieces submitted so far."""
        return self.pieces[: self._count]

    def append(self, packets: Packets, now: int) -> int:
        """Put ``packets`` at the end of their sources' queues, in pieces that fit a buffer; returns the first's number."""
        size = self._spec.buffer_flits
        parts = -(-packets.flits // size)
        whose = np.repeat(np.arange(len(packets)), parts)
        ends = np.cumsum(parts)
        place = np.arange(len(whose)) - np.repeat(ends - parts, parts)
        first, number = self._count, len(self.last_piece)
        self._reserve(len(whose))
        rows = self.pieces[first : first + len(whose)]
        rows[:, [column for column in range(at.PIECE_WIDTH) if column != at.ORDER]] = 0
        rows[:, at.SOURCE], rows[:, at.DESTINATION] = packets.source[whose], packets.destination[whose]
        rows[:, at.FLITS] = np.minimum(packets.flits[whose] - place * size, size)
        rows[:, at.CREATED], rows[:, at.VARIANT] = packets.created[whose], packets.variant[whose]
        rows[:, at.PACKET] = number + whose
        rows[:, at.IS_HEAD], rows[:, at.IS_LAST] = place == 0, place == parts[whose] - 1
        rows[:, at.BEHIND] = np.where(rows[:, at.IS_LAST] == 1, -1, first + 1 + np.arange(len(whose)))
        rows[:, (at.NEXT, at.HELD, at.ROUTER, at.ENTERED, at.DONE, at.MESSAGE, at.NODE, at.COPIES)] = -1
        rows[:, at.ASKED] = packets.created[whose]
        rows[:, at.ALLOWED] = np.where(place == 0, UNCONSTRAINED, 0)
        self._count += len(whose)
        self.first_piece = np.concatenate([self.first_piece, first + ends - parts])
        self.last_piece = np.concatenate([self.last_piece, first + ends - 1])
        self._queue(packets.source[whose], first, now)
        return number

    def _reserve(self, more: int) -> None:
        if self._count + more > len(self.pieces):
            self.grow(self._count + more)

    def grow(self, rows: int) -> None:
        """Make room for at least so many rows in all."""
        if rows > len(self.pieces):
            capacity = max(2 * len(self.pieces), rows, 64)
            grown = np.zeros((capacity - len(self.pieces)) * at.PIECE_WIDTH, dtype=np.int64)
            self.flat = np.concatenate([self.flat, grown])
            self._cut()

    def _queue(self, sources: Ints, first: int, now: int) -> None:
        """Link the new pieces behind the lines of their sources, and have those looked at."""
        order = np.argsort(sources, kind="stable")
        for numbers in np.split(order, np.flatnonzero(np.diff(sources[order])) + 1):
            if len(numbers) == 0:
                continue
            rows = self.layout.pieces + (first + numbers) * at.PIECE_WIDTH
            self.pieces[first + numbers[:-1], at.NEXT] = rows[1:]
            line = self.channels[(self.layout.all_ports + sources[numbers[0]]) * self.layout.n_classes]
            if line[at.WAIT_FIRST] >= 0:
                self.flat[line[at.WAIT_LAST] + at.NEXT] = rows[0]
            else:
                line[at.WAIT_FIRST] = rows[0]
            line[at.WAIT_LAST] = rows[-1]
        self.counters[at.ASLEEP] = min(int(self.counters[at.ASLEEP]), now)


def _pool(routes: Routes, spec: RouterSpec, vc_class: int) -> int:
    return class_mask(vc_class, routes.classes, spec.virtual_channels).bit_count() * spec.buffer_flits


def _plan(routes: Routes, spec: RouterSpec, longest: int) -> tuple[PacketLayout, dict[str, int]]:
    all_ports, pool = routes.routers * routes.ports, spec.virtual_channels * spec.buffer_flits
    channels = (all_ports + routes.terminals) * routes.classes
    latest = 2 * max(int(routes.links.latency.max(initial=1)), spec.injection_latency) + spec.switch_delay
    latest += spec.credit_delay + spec.head_delay + 2 * routes.classes * max(pool, longest) + spec.buffer_flits + 8
    scalars = {
        "n_ports": routes.ports, "n_classes": routes.classes, "n_routers": routes.routers,
        "n_terminals": routes.terminals, "all_ports": all_ports,
        "head_cycles": spec.head_delay + (0 if spec.speculative else 1), "slots": 2 << latest.bit_length(),
        "pool_width": pool + 1, "eject_cycles": spec.switch_delay + spec.injection_latency + 1,
    }  # fmt: skip
    scalars["least_idle"] = spec.injection_latency + 1 + scalars["head_cycles"] + scalars["eject_cycles"]
    sizes = {
        "counters": at.COUNTERS_WIDTH, "ports": (all_ports + routes.terminals) * at.PORT_WIDTH,
        "channels": channels * at.CHANNEL_WIDTH, "releases": channels * (pool + 1) * 2, "routes": routes.table.size,
        "slot_ends": 2 * scalars["slots"], "pieces": 0,
    }  # fmt: skip
    starts, total = {}, 0
    for name, size in sizes.items():
        starts[name] = total
        total += size
    return PacketLayout(**scalars, **starts), sizes


def _ports(routes: Routes, spec: RouterSpec) -> Ints:
    all_ports = routes.routers * routes.ports
    rows = np.zeros((all_ports + routes.terminals, at.PORT_WIDTH), dtype=np.int64)
    rows[:, (at.RING, at.FIRST_MESSAGE, at.LAST_MESSAGE)] = -1
    links = routes.links
    out = links.source * routes.ports + links.source_port
    rows[out, at.TARGET], rows[out, at.RING] = links.target, links.ring
    rows[out, at.DELAY] = spec.switch_delay + links.latency + 1
    rows[out, at.RETURN] = links.latency + 1 + spec.credit_delay
    ends = routes.terminal_router * routes.ports + routes.terminal_port
    rows[ends, at.TARGET] = -1
    rows[ends, at.DELAY] = spec.switch_delay + spec.injection_latency + 1
    rows[ends, at.RETURN] = spec.injection_latency + 1 + spec.credit_delay
    rows[all_ports:, at.TARGET] = routes.terminal_router
    rows[all_ports:, at.DELAY] = rows[all_ports:, at.RETURN] = spec.injection_latency + 1
    return rows


def _channels(routes: Routes, spec: RouterSpec) -> Ints:
    """All pools empty and lines too. Terminals and sources use every virtual channel, whatever the class."""
    all_ports, every = routes.routers * routes.ports, spec.virtual_channels * spec.buffer_flits
    rows = np.zeros((all_ports + routes.terminals, routes.classes, at.CHANNEL_WIDTH), dtype=np.int64)
    for vc_class in range(routes.classes):
        rows[:, vc_class, at.CAPACITY] = _pool(routes, spec, vc_class)
    rows[routes.terminal_router * routes.ports + routes.terminal_port, :, at.CAPACITY] = every
    rows[all_ports:, :, at.CAPACITY] = every
    rows[..., (at.WAIT_FIRST, at.WAIT_LAST, at.ACTOR_NEXT)] = -1
    return rows.reshape(-1, at.CHANNEL_WIDTH)
