"""Builds and extends the integer state of the packet model (see :mod:`sim.hardware.noc._packet_layout`)."""

from __future__ import annotations

import copy

import numpy as np

from sim.hardware.compiled import load_kernels
from sim.hardware.noc import _packet_layout as at
from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.flit_state import class_mask
from sim.hardware.noc.packet_list import Packets
from sim.hardware.noc.routes import Ints, Routes


class PacketState:
    """One flat int64 array and named views of its sections. ``pieces`` is the last section and grows by doubling.

    ``longest``: flits of a piece that may be longer than the buffers; 0 when none is.
    """

    def __init__(self, routes: Routes, spec: RouterSpec, longest: int = 0) -> None:
        self._routes, self._spec = routes, spec
        header, self._sizes = _plan(routes, spec, longest)
        self.flat = np.zeros(header[at.PIECES], dtype=np.int64)
        for where, value in header.items():
            self.flat[where] = value
        self._cut()
        self.counters[at.ASLEEP] = at.NEVER
        self.counters[[at.FREE_ROW, at.DUE_FIRST]] = -1
        self.ports[:] = _ports(routes, spec)
        self.channels[:] = _channels(routes, spec)
        self.channels[:, at.RELEASE_RING] = self._ring_starts()
        self.flat[header[at.ROUTE_TABLE] : header[at.ROUTE_TABLE] + routes.table.size] = routes.table.ravel()
        self.flat[header[at.SLOT_ENDS] : header[at.SLOT_ENDS] + 2 * header[at.SLOTS]] = -1
        self._count = 0
        self.first_piece = np.zeros(0, dtype=np.int64)
        self.last_piece = np.zeros(0, dtype=np.int64)

    def _cut(self) -> None:
        def rows(start: int, width: int) -> Ints:
            return self.flat[start : start + self._sizes[start]].reshape(-1, width)

        self.counters = self.flat[: at.PORTS]
        self.ports = rows(at.PORTS, at.PORT_WIDTH)
        self.channels = rows(int(self.flat[at.CHANNELS]), at.CHANNEL_WIDTH)
        self.pieces = self.flat[self.flat[at.PIECES] :].reshape(-1, at.PIECE_WIDTH)

    def _ring_starts(self) -> Ints:
        count = np.arange(len(self.channels), dtype=np.int64)
        return int(self.flat[at.RELEASE_ROWS]) + 2 * int(self.flat[at.POOL_WIDTH]) * count

    def port_channel(self, port: int, vc_class: int) -> int:
        """The row of the channel of a class at an output port (router * ports + port)."""
        return int(self.flat[at.CHANNELS] + (port * self.flat[at.N_CLASSES] + vc_class) * at.CHANNEL_WIDTH)

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
        size, count = self._spec.buffer_flits, len(packets)
        pieces, number = int((-(-packets.flits // size)).sum()), len(self.last_piece)
        self._reserve(pieces)
        first, last = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        columns = (packets.source, packets.destination, packets.flits, packets.created, packets.variant)
        load_kernels("sim.hardware.noc._kernels_rows").queue_packets(
            self.flat, *map(np.ascontiguousarray, columns), first, last, self._count, number, size
        )
        self._count += pieces
        self.first_piece = np.concatenate([self.first_piece, first])
        self.last_piece = np.concatenate([self.last_piece, last])
        self.counters[at.ASLEEP] = min(int(self.counters[at.ASLEEP]), now)
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


def _pool(routes: Routes, spec: RouterSpec, vc_class: int) -> int:
    return class_mask(vc_class, routes.classes, spec.virtual_channels).bit_count() * spec.buffer_flits


def _plan(routes: Routes, spec: RouterSpec, longest: int) -> tuple[dict[int, int], dict[int, int]]:
    """The header by place, and the size of each section by where it starts."""
    all_ports, pool = routes.routers * routes.ports, spec.virtual_channels * spec.buffer_flits
    channels = (all_ports + routes.terminals) * routes.classes
    latest = 2 * max(int(routes.links.latency.max(initial=1)), spec.injection_latency) + spec.switch_delay
    latest += spec.credit_delay + spec.head_delay + 2 * routes.classes * max(pool, longest) + spec.buffer_flits + 8
    header = {
        at.N_PORTS: routes.ports, at.N_CLASSES: routes.classes, at.N_ROUTERS: routes.routers,
        at.N_TERMINALS: routes.terminals, at.ALL_PORTS: all_ports,
        at.HEAD_CYCLES: spec.head_delay + (0 if spec.speculative else 1), at.SLOTS: 2 << latest.bit_length(),
        at.POOL_WIDTH: pool + 1, at.EJECT_CYCLES: spec.switch_delay + spec.injection_latency + 1,
    }  # fmt: skip
    sizes, start = {at.PORTS: (all_ports + routes.terminals) * at.PORT_WIDTH}, at.PORTS
    for where, size in (
        (at.CHANNELS, channels * at.CHANNEL_WIDTH), (at.RELEASE_ROWS, channels * (pool + 1) * 2),
        (at.ROUTE_TABLE, routes.table.size), (at.SLOT_ENDS, 2 * header[at.SLOTS]), (at.PIECES, 0),
    ):  # fmt: skip
        start += sizes[start]
        header[where], sizes[start] = start, size
    header[at.SOURCES] = header[at.CHANNELS] + all_ports * routes.classes * at.CHANNEL_WIDTH
    return header, sizes


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
    rows[..., (at.WAIT_FIRST, at.WAIT_LAST, at.NEXT)] = -1
    rows[..., at.PORT_ROW] = at.PORTS + at.PORT_WIDTH * np.arange(len(rows))[:, None]
    return rows.reshape(-1, at.CHANNEL_WIDTH)
