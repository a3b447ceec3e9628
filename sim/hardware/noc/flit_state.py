"""Builds and extends the integer state of the flit model (see :mod:`sim.hardware.noc._flit_layout`)."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from sim.hardware.noc import _flit_layout as at
from sim.hardware.noc._flit_layout import Layout
from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.routes import Ints, Routes

if TYPE_CHECKING:
    from sim.hardware.noc.packet_list import Packets


class FlitState:
    """One flat int64 array and named views of its sections. ``packets`` is the last section and grows by doubling."""

    def __init__(self, routes: Routes, spec: RouterSpec) -> None:
        self.layout, self._sizes = _plan(routes, spec)
        self.flat = np.zeros(self.layout.packets, dtype=np.int64)
        self._cut()
        self.inputs[:] = _inputs(routes, spec, self.layout.input_width)
        self.outputs[:] = (spec.buffer_flits, -1, 0, 0)
        self.ports[:] = _ports(routes, spec, self.layout.port_width)
        self.terminals[:] = _terminals(routes, spec, self.layout.terminal_width)
        self.flat[self.layout.routes : self.layout.routes + routes.table.size] = routes.table.ravel()

    def _cut(self) -> None:
        def rows(name: str, width: int) -> Ints:
            start = getattr(self.layout, name)
            return self.flat[start : start + self._sizes[name]].reshape(-1, width)

        self.counters = rows("counters", 1)[:, 0]
        self.inputs = rows("inputs", self.layout.input_width)
        self.outputs = rows("outputs", at.OUTPUT_WIDTH)
        self.ports = rows("ports", self.layout.port_width)
        self.terminals = rows("terminals", self.layout.terminal_width)
        self.branches = rows("branches", at.BRANCH_WIDTH).reshape(-1, self.layout.n_ports, at.BRANCH_WIDTH)
        self.packets = self.flat[self.layout.packets :].reshape(-1, at.PACKET_WIDTH)

    def copy(self) -> FlitState:
        """An independent copy."""
        twin = copy.copy(self)
        twin.flat = self.flat.copy()
        twin._cut()
        return twin

    def make_room_for_branches(self) -> None:
        """Add the section of branches, for the first multicast; packets move behind it."""
        if self._sizes["branches"] == 0:
            size = len(self.inputs) * self.layout.n_ports * at.BRANCH_WIDTH
            self._sizes["branches"] = size
            self.flat = np.insert(self.flat, self.layout.packets, np.zeros(size, dtype=np.int64))
            self.layout = self.layout._replace(packets=self.layout.packets + size)
            self._cut()

    def append(self, packets: Packets, first: int, copies: Ints) -> None:
        """Put ``packets`` (numbered from ``first``) at the end of their sources' queues; ``copies`` of each will arrive."""
        if first + len(packets) > len(self.packets):
            capacity = max(2 * len(self.packets), first + len(packets), 64)
            more = np.zeros((capacity - len(self.packets)) * at.PACKET_WIDTH, dtype=np.int64)
            self.flat = np.concatenate([self.flat, more])
            self._cut()
        mine = self.packets[first : first + len(packets)]
        mine[:, at.SOURCE], mine[:, at.DESTINATION], mine[:, at.SIZE] = (
            packets.source,
            packets.destination,
            packets.flits,
        )
        mine[:, at.CREATED], mine[:, at.VARIANT], mine[:, at.COPIES_LEFT] = packets.created, packets.variant, copies
        mine[:, (at.NEXT, at.ENTERED, at.DONE)] = -1
        by_source = np.argsort(packets.source, kind="stable")
        for numbers in np.split(by_source, np.flatnonzero(np.diff(packets.source[by_source])) + 1):
            if len(numbers):
                self._queue(int(packets.source[numbers[0]]), first + numbers)

    def _queue(self, source: int, numbers: Ints) -> None:
        self.packets[numbers[:-1], at.NEXT] = numbers[1:]
        tail = int(self.terminals[source, at.QUEUE_TAIL])
        if tail >= 0:
            self.packets[tail, at.NEXT] = numbers[0]
        else:
            self.terminals[source, at.QUEUE_HEAD] = numbers[0]
        self.terminals[source, at.QUEUE_TAIL] = numbers[-1]


def _plan(routes: Routes, spec: RouterSpec) -> tuple[Layout, dict[str, int]]:
    """The layout of a network and the size of each section in integers."""
    n_ports, n_vcs, classes = routes.ports, spec.virtual_channels, routes.classes
    all_ports = routes.routers * n_ports
    latest = max(int(routes.links.latency.max(initial=1)), spec.injection_latency) + 2
    latest += max(spec.switch_delay, spec.credit_delay) + spec.head_delay
    scalars = {
        "n_ports": n_ports, "n_vcs": n_vcs, "n_classes": classes, "n_routers": routes.routers,
        "n_terminals": routes.terminals, "buffer": spec.buffer_flits, "head_delay": spec.head_delay,
        "switch_delay": spec.switch_delay, "credit_delay": spec.credit_delay, "inject_delay": spec.injection_latency + 1,
        "speculative": int(spec.speculative), "slots": 1 << latest.bit_length(),
        "slot_events": 2 * (all_ports + routes.terminals), "input_width": at.FLITS + spec.buffer_flits,
        "port_width": at.PER_CLASS + 2 * classes, "router_width": at.ROUTER_WAITING + classes,
        "terminal_width": at.SOURCE_CREDITS + n_vcs,
    }  # fmt: skip
    sizes = {
        "counters": at.COUNTERS_WIDTH, "inputs": all_ports * n_vcs * scalars["input_width"],
        "outputs": all_ports * n_vcs * at.OUTPUT_WIDTH, "ports": all_ports * scalars["port_width"],
        "routers": routes.routers * scalars["router_width"], "switch": all_ports * n_ports,
        "waiting": all_ports * classes * n_ports, "terminals": routes.terminals * scalars["terminal_width"],
        "routes": routes.table.size, "events": scalars["slots"] * scalars["slot_events"] * 6, "fill": scalars["slots"] * 3,
        "scratch": 2 * n_ports * n_vcs + n_ports, "branches": 0, "packets": 0,
    }  # fmt: skip
    starts, total = {}, 0
    for name, size in sizes.items():
        starts[name] = total
        total += size
    return Layout(**scalars, **starts), sizes


def _inputs(routes: Routes, spec: RouterSpec, width: int) -> Ints:
    rows = np.zeros((routes.routers, routes.ports, spec.virtual_channels, width), dtype=np.int64)
    for axis, field in enumerate((at.ROUTER, at.PORT, at.INDEX)):
        rows[..., field] = np.indices(rows.shape[:3])[axis]
    return rows.reshape(-1, width)


def class_mask(vc_class: int, classes: int, n_vcs: int) -> int:
    """The virtual channels of a class: an equal share of them, in order."""
    low, high = vc_class * n_vcs // classes, (vc_class + 1) * n_vcs // classes
    return (1 << high) - (1 << low)


def _ports(routes: Routes, spec: RouterSpec, width: int) -> Ints:
    rows = np.zeros((routes.routers, routes.ports, width), dtype=np.int64)
    every = (1 << spec.virtual_channels) - 1
    rows[..., at.FREE_VCS] = every
    rows[..., (at.RING_OUT, at.RING_IN)] = -1
    links = routes.links
    out, into = (links.source, links.source_port), (links.target, links.target_port)
    rows[(*out, at.TARGET)] = links.target * routes.ports + links.target_port
    rows[(*into, at.UPSTREAM)] = links.source * routes.ports + links.source_port
    rows[(*out, at.LATENCY)] = rows[(*into, at.UPSTREAM_LATENCY)] = links.latency
    rows[(*out, at.RING_OUT)] = rows[(*into, at.RING_IN)] = links.ring
    for vc_class in range(routes.classes):
        rows[(*out, at.PER_CLASS + vc_class)] = class_mask(vc_class, routes.classes, spec.virtual_channels)
    ends = (routes.terminal_router, routes.terminal_port)
    rows[(*ends, at.TARGET)] = rows[(*ends, at.UPSTREAM)] = -1 - np.arange(routes.terminals)
    rows[(*ends, at.LATENCY)] = rows[(*ends, at.UPSTREAM_LATENCY)] = spec.injection_latency
    for vc_class in range(routes.classes):
        rows[(*ends, at.PER_CLASS + vc_class)] = every
    return rows.reshape(-1, width)


def _terminals(routes: Routes, spec: RouterSpec, width: int) -> Ints:
    rows = np.full((routes.terminals, width), -1, dtype=np.int64)
    rows[:, (at.LEFT, at.EJECTED, at.INJECTED)] = 0
    rows[:, at.ENTRY] = routes.terminal_router * routes.ports + routes.terminal_port
    rows[:, at.SOURCE_CREDITS :] = spec.buffer_flits
    return rows
