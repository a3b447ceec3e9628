"""Cycle loop of a network of input-queued virtual-channel routers, compiled.

One cycle: flits and credits that arrive now are taken in, sources send, then every router takes its cycle
(:mod:`sim.hardware.noc._kernels_router`). Nothing passes between routers within a cycle, so their order does not matter.
"""

from __future__ import annotations

from numba import int64, njit

from sim.hardware._kernel import hot, words
from sim.hardware.noc._flit_layout import (
    ACTIVE,
    COUNT,
    CREATED,
    CREDIT,
    CREDITS,
    CURRENT,
    DEADLOCK,
    DESTINATION,
    DONE,
    EJECTED,
    ENTERED,
    ENTRY,
    FINISHED,
    FLIT,
    FLITS,
    FORKED,
    HEAD,
    IDLE,
    IN_FLIGHT,
    INJECTED,
    LAST_VC,
    LEFT,
    MOVES,
    NEVER,
    NEXT,
    NODE_SHIFT,
    ORDER,
    OUT,
    OUT_VC,
    OUTPUT_WIDTH,
    OWNER,
    PACKET_WIDTH,
    PENDING,
    QUEUE_HEAD,
    QUEUE_TAIL,
    REACHED,
    ROUTER,
    SIZE,
    SOURCE_CREDITS,
    SOURCE_VC,
    STATE,
    STOPPED,
)
from sim.hardware.noc._kernels_fork import arrive_at_leaf, credit_at_fork, packet_of, take_at_fork
from sim.hardware.noc._kernels_requests import LAYOUT, ROWS, head_arrived, post, request_channel, request_switch
from sim.hardware.noc._kernels_router import step_router


@hot
def take_flit(s, t, b, what, flit, now):  # type: ignore[no-untyped-def]
    """A flit reaches the input channel ``what``, or (negative) a terminal through the output channel ``-1 - what``."""
    if what < 0:
        post(s, b, CREDIT, now + b.inject_delay + b.credit_delay, -1 - what, 0)
        if flit >> NODE_SHIFT != 0:
            arrive_at_leaf(s, b, -1 - what, flit, now)
            return
        packet = (flit >> 1) * PACKET_WIDTH
        s[b.terminals + s[b.packets + packet + DESTINATION] * b.terminal_width + EJECTED] += 1
        s[b.counters + IN_FLIGHT] -= 1
        if flit & 1:
            s[b.packets + packet + DONE] = now
            s[b.packets + s[b.counters + FINISHED] * PACKET_WIDTH + ORDER] = flit >> 1
            s[b.counters + FINISHED] += 1
        return
    row = what * b.input_width
    count = s[b.inputs + row + COUNT]
    at = s[b.inputs + row + HEAD] + count
    if at >= b.buffer:
        at -= b.buffer
    s[b.inputs + row + FLITS + at] = flit
    s[b.inputs + row + COUNT] = count + 1
    if s[b.inputs + row + STATE] == IDLE:
        head_arrived(s, t, b, row, now)
    elif count == 0 and s[b.inputs + row + STATE] == ACTIVE:
        out = s[b.inputs + row + OUT]
        to = s[b.inputs + row + ROUTER] * b.n_ports + out
        if s[b.outputs + (to * b.n_vcs + s[b.inputs + row + OUT_VC]) * OUTPUT_WIDTH + CREDITS] > 0:
            request_switch(s, b, row, out)
    elif s[b.inputs + row + STATE] == FORKED:
        take_at_fork(s, b, row, count)


@hot
def take_credit(s, b, what):  # type: ignore[no-untyped-def]
    """A credit reaches the output channel ``what``, or (negative: (-1 - terminal) * vcs + vc) a source."""
    if what < 0:
        n_vcs = b.n_vcs
        terminal = -(what // n_vcs) - 1
        s[b.terminals + terminal * b.terminal_width + SOURCE_CREDITS + what % n_vcs] += 1
        return
    channel = what * OUTPUT_WIDTH
    s[b.outputs + channel + CREDITS] += 1
    row = s[b.outputs + channel + OWNER]
    if s[b.outputs + channel + CREDITS] == 1 and row >= 0 and s[b.inputs + row + COUNT] > 0:
        if s[b.inputs + row + STATE] == FORKED:
            credit_at_fork(s, b, row, what // b.n_vcs)
        else:
            request_switch(s, b, row, s[b.inputs + row + OUT])


@hot
def take_events(s, t, b, now):  # type: ignore[no-untyped-def]
    """Take in everything that arrives in this cycle."""
    slot = (now & (b.slots - 1)) * 3
    for kind in range(3):
        count = s[b.fill + slot + kind]
        base = (slot + kind) * b.slot_events * 2
        s[b.fill + slot + kind] = 0
        s[b.counters + PENDING] -= count
        s[b.counters + MOVES] += count
        for i in range(count):
            what = s[b.events + base + 2 * i]
            if kind == FLIT:
                take_flit(s, t, b, what, s[b.events + base + 2 * i + 1], now)
            elif kind == CREDIT:
                take_credit(s, b, what)
            else:
                request_channel(s, t, b, what)


@hot
def send_from(s, b, at, now):  # type: ignore[no-untyped-def]
    """The source whose row starts ``at`` has a packet that may send one flit, if a channel has a credit."""
    n_vcs = b.n_vcs
    vc = s[b.terminals + at + SOURCE_VC]
    if vc < 0:
        last = s[b.terminals + at + LAST_VC]
        for i in range(1, n_vcs + 1):
            candidate = (last + i) % n_vcs if last >= 0 else 0
            if s[b.terminals + at + SOURCE_CREDITS + candidate] > 0:
                vc = candidate
                break
        if vc < 0:
            return
        s[b.terminals + at + SOURCE_VC] = vc
        s[b.terminals + at + LAST_VC] = vc
        s[b.packets + packet_of(s[b.terminals + at + CURRENT]) * PACKET_WIDTH + ENTERED] = now
    if s[b.terminals + at + SOURCE_CREDITS + vc] == 0:
        return
    s[b.terminals + at + SOURCE_CREDITS + vc] -= 1
    s[b.terminals + at + LEFT] -= 1
    s[b.terminals + at + INJECTED] += 1
    flit = s[b.terminals + at + CURRENT]
    if s[b.terminals + at + LEFT] == 0:
        flit += 1
        s[b.terminals + at + CURRENT] = -1
    post(s, b, FLIT, now + b.inject_delay, s[b.terminals + at + ENTRY] * n_vcs + vc, flit)
    s[b.counters + IN_FLIGHT] += 1
    s[b.counters + MOVES] += 1


@hot
def send(s, b, now):  # type: ignore[no-untyped-def]
    """Every source sends at most one flit. Returns the creation time of the next packet that waits for its time."""
    upcoming = int64(NEVER)
    for terminal in range(b.n_terminals):
        at = terminal * b.terminal_width
        if s[b.terminals + at + CURRENT] < 0:
            packet = s[b.terminals + at + QUEUE_HEAD]
            if packet < 0:
                continue
            created = s[b.packets + packet * PACKET_WIDTH + CREATED]
            if created > now:
                upcoming = min(upcoming, created)
                continue
            s[b.terminals + at + QUEUE_HEAD] = s[b.packets + packet * PACKET_WIDTH + NEXT]
            if s[b.terminals + at + QUEUE_HEAD] < 0:
                s[b.terminals + at + QUEUE_TAIL] = -1
            root = max(-s[b.packets + packet * PACKET_WIDTH + DESTINATION], 0)
            s[b.terminals + at + CURRENT] = root << NODE_SHIFT | packet << 1
            s[b.terminals + at + LEFT] = s[b.packets + packet * PACKET_WIDTH + SIZE]
            s[b.terminals + at + SOURCE_VC] = -1
        send_from(s, b, at, now)
    return upcoming


@njit(int64(ROWS, ROWS, LAYOUT, int64, int64, int64), cache=True)
def run(state, trees, b, now, until, stop_when_finished):  # type: ignore[no-untyped-def]
    """Cycles from ``now`` on, not including ``until``. Returns 4 * (next cycle to run) + why it ended."""
    s, t, width = words(state), words(trees), b.router_width
    while now < until:
        before = s[b.counters + MOVES]
        take_events(s, t, b, now)
        upcoming = send(s, b, now)
        for router in range(b.n_routers):
            busy = int64(0)
            for i in range(1 + b.n_classes):
                busy |= s[b.routers + router * width + i]
            if busy != 0:
                step_router(s, t, b, router, now)
        now += 1
        if stop_when_finished != 0 and s[b.counters + FINISHED] >= stop_when_finished:
            return now * 4 + STOPPED
        if s[b.counters + PENDING] == 0 and s[b.counters + MOVES] == before:
            if s[b.counters + IN_FLIGHT] > 0:
                return now * 4 + DEADLOCK
            now = min(max(now, upcoming), until)
    return now * 4 + REACHED
