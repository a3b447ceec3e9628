"""Builds, extends and explains the integer state of the flit model (see :mod:`sim.hardware.noc._kernels_layout`)."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from sim.hardware.noc import _kernels_layout as at
from sim.hardware.noc._kernels_layout import Ints, State
from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.routing import MOST_SHOWN, Routes

if TYPE_CHECKING:
    from sim.hardware.noc.flit_network import Packets


def layout() -> ModuleType:
    """The module that names the fields."""
    return at


def build(routes: Routes, spec: RouterSpec) -> State:
    """The state before cycle 0: everything empty, all credits at home."""
    config = _config(routes, spec)
    n_ports, n_vcs, classes = routes.ports, spec.virtual_channels, routes.classes
    all_ports = routes.routers * n_ports
    zeros = lambda count: np.zeros(count, dtype=np.int64)  # noqa: E731
    return State(
        config=config,
        counters=zeros(at.COUNTERS_WIDTH),
        inputs=_inputs(routes, spec, int(config[at.INPUT_WIDTH])),
        outputs=np.tile(np.array([spec.buffer_flits, -1, 0, 0], dtype=np.int64), all_ports * n_vcs),
        ports=_ports(routes, spec, int(config[at.PORT_WIDTH])),
        routers=zeros(routes.routers * int(config[at.ROUTER_WIDTH])),
        switch=zeros(all_ports * n_ports),
        waiting=zeros(all_ports * classes * n_ports),
        terminals=_terminals(routes, spec, int(config[at.TERMINAL_WIDTH])),
        packets=zeros(0),
        routes=np.ascontiguousarray(routes.table.ravel()),
        events=zeros(int(config[at.SLOTS] * config[at.SLOT_EVENTS]) * 6),
        fill=zeros(int(config[at.SLOTS]) * 3),
        finished=zeros(0),
        scratch=zeros(2 * n_ports * n_vcs + n_ports),
    )


def _config(routes: Routes, spec: RouterSpec) -> Ints:
    config = np.zeros(at.CONFIG_WIDTH, dtype=np.int64)
    latest = max(int(routes.links.latency.max(initial=1)), spec.injection_latency) + 2
    latest += max(spec.switch_delay, spec.credit_delay) + spec.head_delay
    values = {
        at.PORTS: routes.ports, at.VCS: spec.virtual_channels, at.BUFFER: spec.buffer_flits, at.CLASSES: routes.classes,
        at.ROUTERS: routes.routers, at.TERMINALS: routes.terminals, at.HEAD_DELAY: spec.head_delay,
        at.SWITCH_DELAY: spec.switch_delay, at.CREDIT_DELAY: spec.credit_delay, at.SPECULATIVE: int(spec.speculative),
        at.SLOTS: 1 << latest.bit_length(), at.SLOT_EVENTS: 2 * (routes.routers * routes.ports + routes.terminals),
        at.INJECT_DELAY: spec.injection_latency + 1, at.INPUT_WIDTH: at.FLITS + spec.buffer_flits,
        at.PORT_WIDTH: at.PER_CLASS + 2 * routes.classes, at.ROUTER_WIDTH: at.ROUTER_WAITING + routes.classes,
        at.TERMINAL_WIDTH: at.SOURCE_CREDITS + spec.virtual_channels,
    }  # fmt: skip
    for field, value in values.items():
        config[field] = value
    return config


def _inputs(routes: Routes, spec: RouterSpec, width: int) -> Ints:
    rows = np.zeros((routes.routers, routes.ports, spec.virtual_channels, width), dtype=np.int64)
    for axis, field in enumerate((at.ROUTER, at.PORT, at.INDEX)):
        rows[..., field] = np.indices(rows.shape[:3])[axis]
    return rows.ravel()


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
    return rows.ravel()


def _terminals(routes: Routes, spec: RouterSpec, width: int) -> Ints:
    rows = np.full((routes.terminals, width), -1, dtype=np.int64)
    rows[:, (at.LEFT, at.EJECTED, at.INJECTED)] = 0
    rows[:, at.ENTRY] = routes.terminal_router * routes.ports + routes.terminal_port
    rows[:, at.SOURCE_CREDITS :] = spec.buffer_flits
    return rows.ravel()


def append(state: State, packets: Packets, first: int) -> State:
    """``state`` with ``packets`` (numbered from ``first``) at the end of their sources' queues; arrays grow by doubling."""
    if first + len(packets) > len(state.finished):
        capacity = max(2 * len(state.finished), first + len(packets), 64)
        state = state._replace(
            packets=np.concatenate([state.packets, np.zeros(capacity * at.PACKET_WIDTH - len(state.packets), np.int64)]),
            finished=np.concatenate([state.finished, np.zeros(capacity - len(state.finished), np.int64)]),
        )
    rows = state.packets.reshape(-1, at.PACKET_WIDTH)
    mine = rows[first : first + len(packets)]
    mine[:, at.SOURCE], mine[:, at.DESTINATION], mine[:, at.SIZE] = packets.source, packets.destination, packets.flits
    mine[:, at.CREATED], mine[:, at.VARIANT] = packets.created, packets.variant
    mine[:, (at.NEXT, at.ENTERED, at.DONE)] = -1
    ends = state.terminals.reshape(-1, int(state.config[at.TERMINAL_WIDTH]))
    by_source = np.argsort(packets.source, kind="stable")
    for numbers in np.split(by_source, np.flatnonzero(np.diff(packets.source[by_source])) + 1):
        if len(numbers) == 0:
            continue
        source = int(packets.source[numbers[0]])
        rows[first + numbers[:-1], at.NEXT] = first + numbers[1:]
        tail = int(ends[source, at.QUEUE_TAIL])
        if tail >= 0:
            rows[tail, at.NEXT] = first + numbers[0]
        else:
            ends[source, at.QUEUE_HEAD] = first + numbers[0]
        ends[source, at.QUEUE_TAIL] = first + numbers[-1]
    return state


def waiting_report(state: State, routes: Routes, spec: RouterSpec, now: int) -> str:
    """Who waits for what: each blocked packet with the channel it holds and the one it wants."""
    inputs = state.inputs.reshape(-1, int(state.config[at.INPUT_WIDTH]))
    blocked = np.flatnonzero(inputs[:, at.COUNT] > 0)
    lines = []
    link_at = routes.link_at_port()
    for q in blocked[:MOST_SHOWN]:
        row = inputs[q]
        packet = int(row[at.FLITS + row[at.HEAD]]) >> 1
        ends = state.packets.reshape(-1, at.PACKET_WIDTH)[packet]
        link = int(link_at[row[at.ROUTER], row[at.OUT]])
        out = f"link {routes.links.name(link)}" if link >= 0 else f"the terminal at port {row[at.OUT]}"
        what = f"a credit of channel {row[at.OUT_VC]}" if row[at.STATE] == at.ACTIVE else "a free virtual channel"
        lines.append(
            f"packet {packet} ({ends[at.SOURCE]} to {ends[at.DESTINATION]}) in router {row[at.ROUTER]} port {row[at.PORT]} "
            f"channel {row[at.INDEX]} waits for {what} on {out}"
        )
    more = f"; and {len(blocked) - MOST_SHOWN} more" if len(blocked) > MOST_SHOWN else ""
    total = int(state.counters[at.IN_FLIGHT])
    return f"at cycle {now} no flit can move, {total} are under way: " + "; ".join(lines) + more
