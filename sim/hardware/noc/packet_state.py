"""Builds and extends the integer state of the packet model (see :mod:`sim.hardware.noc._packet_layout`)."""

from __future__ import annotations

import copy

import numpy as np

from sim.hardware.compiled import load_kernels
from sim.hardware.noc import _packet_layout as at
from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.flit_state import class_mask
from sim.hardware.noc.packet_list import Packets
from sim.hardware.noc.routes import PORT_BITS, PORT_MASK, Ints, Routes


class PacketState:
    """One flat int64 array and named views of its sections, and the records of packets that were given by the thousand.

    ``longest``: flits of a piece that may be longer than the buffers; 0 when none is. ``messages``: sources send messages,
    not records."""

    def __init__(self, routes: Routes, spec: RouterSpec, longest: int = 0, messages: bool = False) -> None:
        self._routes, self._spec = routes, spec
        header, self._sizes = _plan(routes, spec, longest)
        self.flat = np.zeros(header[at.POOL], dtype=np.int64)
        for where, value in header.items():
            self.flat[where] = value
        self._cut()
        self.counters[at.MESSAGES], self.counters[at.RESERVE] = int(messages), 1
        self.counters[at.ASLEEP] = at.NEVER
        self.counters[[at.FREE_ROW, at.DUE_FIRST]] = -1
        self.ports[:] = _ports(routes, spec, header[at.ROUTE_TABLE])
        self.channels[:] = _channels(routes, spec)
        self.channels[:, at.RELEASE_RING] = self._ring_starts()
        self.flat[header[at.ROUTE_TABLE] : header[at.ROUTE_TABLE] + routes.table.size] = self._channel_table().ravel()
        slots = self.flat[header[at.SLOT_ENDS] : header[at.SLOT_ENDS] + 4 * header[at.SLOTS]].reshape(-1, 4)
        slots[:, :2] = -1
        self.grow(routes.terminals)
        self.submitted = self._count = 0
        self.records = np.zeros(0, dtype=np.int64)

    def _cut(self) -> None:
        def rows(start: int, width: int) -> Ints:
            return self.flat[start : start + self._sizes[start]].reshape(-1, width)

        self.counters = self.flat[: at.PORTS]
        self.ports = rows(at.PORTS, at.PORT_WIDTH)
        self.channels = rows(int(self.flat[at.CHANNELS]), at.CHANNEL_WIDTH)
        self.rows = self.flat[self.flat[at.POOL] :].reshape(-1, at.PIECE_WIDTH)

    def _ring_starts(self) -> Ints:
        count = np.arange(len(self.channels), dtype=np.int64)
        return int(self.flat[at.RELEASE_ROWS]) + int(self.flat[at.POOL_WIDTH]) * count

    def _channel_table(self) -> Ints:
        """[router, variant, terminal]: the row of the channel to ask for."""
        port, vc_class = self._routes.table & PORT_MASK, self._routes.table >> PORT_BITS
        port = port + np.arange(self._routes.routers)[:, None] * self._routes.ports
        channel = int(self.flat[at.CHANNELS]) + (port * self._routes.classes + vc_class) * at.CHANNEL_WIDTH
        return channel.transpose(1, 0, 2)

    def port_channel(self, port: int, vc_class: int) -> int:
        """The row of the channel of a class at an output port (router * ports + port)."""
        return int(self.flat[at.CHANNELS] + (port * self.flat[at.N_CLASSES] + vc_class) * at.CHANNEL_WIDTH)

    def copy(self) -> PacketState:
        """An independent copy."""
        twin = copy.copy(self)
        twin.flat, twin.records = self.flat.copy(), self.records.copy()
        twin._cut()
        return twin

    def forget(self) -> None:
        """Drop the records of all packets; none may be under way."""
        self.counters[[at.FINISHED, at.BOOKED]] = 0
        self.submitted = self._count = 0

    def pieces(self) -> Ints:
        """The records of all pieces submitted so far, a row each."""
        return self.records[: self._count * at.RECORD_WIDTH].reshape(-1, at.RECORD_WIDTH)

    def append(self, packets: Packets, now: int) -> int:
        """Put ``packets`` at the end of their sources' queues, in pieces that fit a buffer; returns the first's number."""
        size, number = self._spec.buffer_flits, self.submitted
        pieces = int((-(-packets.flits // size)).sum())
        self._reserve(self._count + pieces)
        self.grow_by(self._routes.terminals)
        columns = (packets.source, packets.destination, packets.flits, packets.created, packets.variant)
        load_kernels("sim.hardware.noc._kernels_rows").queue_records(
            self.flat, self.records, *map(np.ascontiguousarray, columns), self._count * at.RECORD_WIDTH, number, size
        )
        self._count += pieces
        self.submitted += len(packets)
        self.counters[at.ASLEEP] = min(int(self.counters[at.ASLEEP]), now)
        return number

    def _reserve(self, records: int) -> None:
        """Make room for at least so many records in all, or far more: what is never written takes no memory."""
        if records * at.RECORD_WIDTH > len(self.records):
            grown = np.empty(max(4 * len(self.records), records * at.RECORD_WIDTH), dtype=np.int64)
            used = self._count * at.RECORD_WIDTH
            grown[:used] = self.records[:used]
            self.records = grown

    def grow(self, rows: int) -> None:
        """Make room for at least so many rows of the pool in all."""
        if rows > len(self.rows):
            more = max(len(self.rows), rows - len(self.rows), 64)
            self.flat = np.concatenate([self.flat, np.zeros(more * at.PIECE_WIDTH, dtype=np.int64)])
            self._cut()
            self.counters[at.ROWS_LEFT] += more

    def grow_by(self, free: int) -> None:
        """Make room so that at least so many rows of the pool are free."""
        self.grow(len(self.rows) + free - int(self.counters[at.ROWS_LEFT]))


def _pool(routes: Routes, spec: RouterSpec, vc_class: int) -> int:
    return class_mask(vc_class, routes.classes, spec.virtual_channels).bit_count() * spec.buffer_flits


def _plan(routes: Routes, spec: RouterSpec, longest: int) -> tuple[dict[int, int], dict[int, int]]:
    """The header by place, and the size of each section by where it starts."""
    all_ports, pool = routes.routers * routes.ports, spec.virtual_channels * spec.buffer_flits
    channels = (all_ports + routes.terminals) * routes.classes
    latest = 2 * max(int(routes.links.latency.max(initial=1)), spec.injection_latency) + spec.switch_delay
    latest += spec.credit_delay + spec.head_delay + 2 * routes.classes * max(pool, longest) + spec.buffer_flits + 8
    header = {
        at.N_CLASSES: routes.classes, at.N_TERMINALS: routes.terminals, at.ALL_PORTS: all_ports,
        at.HEAD_CYCLES: spec.head_delay + (0 if spec.speculative else 1),
        at.SLOTS: max(at.WORD_BITS, 2 << latest.bit_length()), at.POOL_WIDTH: pool + 1, at.FLIT_BITS: pool.bit_length(),
        at.EJECT_CYCLES: spec.switch_delay + spec.injection_latency + 1,
    }  # fmt: skip
    sizes, start = {at.PORTS: (all_ports + routes.terminals) * at.PORT_WIDTH}, at.PORTS
    for where, size in (
        (at.CHANNELS, channels * at.CHANNEL_WIDTH), (at.RELEASE_ROWS, channels * (pool + 1)),
        (at.ROUTE_TABLE, routes.table.size), (at.SLOT_ENDS, 4 * header[at.SLOTS]),
        (at.TAKEN, header[at.SLOTS] // at.WORD_BITS), (at.POOL, 0),
    ):  # fmt: skip
        start += sizes[start]
        header[where], sizes[start] = start, size
    header[at.SOURCES] = header[at.CHANNELS] + all_ports * routes.classes * at.CHANNEL_WIDTH
    return header, sizes


def _ports(routes: Routes, spec: RouterSpec, table: int) -> Ints:
    all_ports = routes.routers * routes.ports
    rows = np.zeros((all_ports + routes.terminals, at.PORT_WIDTH), dtype=np.int64)
    rows[:, at.FIRST_MESSAGE : at.CUTS + 1] = -1
    links = routes.links
    out = links.source * routes.ports + links.source_port
    per_router = routes.variants * routes.terminals
    rows[out, at.TARGET] = table + links.target * per_router
    rows[out, at.DELAY] = spec.switch_delay + links.latency + 1
    rows[out, at.RETURN] = links.latency + 1 + spec.credit_delay
    ends = routes.terminal_router * routes.ports + routes.terminal_port
    rows[ends, at.TARGET] = -1
    rows[ends, at.DELAY] = spec.switch_delay + spec.injection_latency + 1
    rows[ends, at.RETURN] = spec.injection_latency + 1 + spec.credit_delay
    rows[all_ports:, at.TARGET] = table + routes.terminal_router * per_router
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
    rows[..., (at.WAIT_FIRST, at.WAIT_LAST, at.NEXT, at.RING)] = -1
    rows[..., at.CLASS] = np.arange(routes.classes)
    rows[routes.links.source * routes.ports + routes.links.source_port, :, at.RING] = routes.links.ring[:, None]
    rows[..., at.PORT_ROW] = at.PORTS + at.PORT_WIDTH * np.arange(len(rows))[:, None]
    return rows.reshape(-1, at.CHANNEL_WIDTH)
