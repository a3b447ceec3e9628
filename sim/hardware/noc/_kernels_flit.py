"""Cycle loop of a network of input-queued virtual-channel routers, compiled.

One cycle: flits and credits that arrive now are taken in, sources send, then every router takes its cycle
(:mod:`sim.hardware.noc._kernels_router`). Nothing passes between routers within a cycle, so their order does not matter.
A flit is ``packet * 2 + is_tail``.
"""

from __future__ import annotations

from numba import int64, njit, void

from sim.hardware.noc._kernels_bits import round_robin
from sim.hardware.noc._kernels_layout import (
    ACTIVE, BUFFER, CLASSES, COUNT, CREATED, CREDIT, CREDIT_DELAY, CREDITS, CURRENT, DEADLOCK, DESTINATION, DONE, EJECTED, ENTERED,
    ENTRY, FINISHED, FLIT, FLITS, HEAD, IDLE, IN_FLIGHT, INJECT_DELAY, INJECTED, INPUT_WIDTH, LAST_VC, LEFT,
    MOVES, NEVER, NEXT, OUT, OUT_VC, OUTPUT_WIDTH, OWNER, PACKET_WIDTH, PENDING, PORTS, QUEUE_HEAD, QUEUE_TAIL, REACHED, ROUTED,
    ROUTER, ROUTER_WIDTH, ROUTERS, SIZE, SLOT_EVENTS, SLOTS, SOURCE_CREDITS, SOURCE_VC, STATE, STOPPED, TERMINAL_WIDTH,
    TERMINALS, VCS,
)  # fmt: skip
from sim.hardware.noc._kernels_router import (
    STATE_TYPE,
    head_arrived,
    post,
    request_channel,
    request_switch,
    step_router,
)

ONE = int64(1)


@njit(void(STATE_TYPE, int64, int64, int64), cache=True)
def take_flit(s, what, flit, now):  # type: ignore[no-untyped-def]
    """A flit reaches the input channel ``what``, or (negative) a terminal through the output channel ``-1 - what``."""
    if what < 0:
        post(s, CREDIT, now + 2 + s.config[CREDIT_DELAY], -1 - what, 0)
        packet = (flit >> 1) * PACKET_WIDTH
        s.terminals[s.packets[packet + DESTINATION] * s.config[TERMINAL_WIDTH] + EJECTED] += 1
        s.counters[IN_FLIGHT] -= 1
        if flit & 1:
            s.packets[packet + DONE] = now
            s.finished[s.counters[FINISHED]] = flit >> 1
            s.counters[FINISHED] += 1
        return
    row = what * s.config[INPUT_WIDTH]
    count = s.inputs[row + COUNT]
    at = s.inputs[row + HEAD] + count
    s.inputs[row + FLITS + (at if at < s.config[BUFFER] else at - s.config[BUFFER])] = flit
    s.inputs[row + COUNT] = count + 1
    if s.inputs[row + STATE] == IDLE:
        head_arrived(s, row, now)
    elif count == 0 and s.inputs[row + STATE] == ACTIVE:
        to = s.inputs[row + ROUTER] * s.config[PORTS] + s.inputs[row + OUT]
        if s.outputs[(to * s.config[VCS] + s.inputs[row + OUT_VC]) * OUTPUT_WIDTH + CREDITS] > 0:
            request_switch(s, row)


@njit(void(STATE_TYPE, int64), cache=True)
def take_credit(s, what):  # type: ignore[no-untyped-def]
    """A credit reaches the output channel ``what``, or (negative: (-1 - terminal) * vcs + vc) a source."""
    if what < 0:
        n_vcs = s.config[VCS]
        terminal = -(what // n_vcs) - 1
        s.terminals[terminal * s.config[TERMINAL_WIDTH] + SOURCE_CREDITS + what % n_vcs] += 1
        return
    channel = what * OUTPUT_WIDTH
    s.outputs[channel + CREDITS] += 1
    row = s.outputs[channel + OWNER]
    if s.outputs[channel + CREDITS] == 1 and row >= 0 and s.inputs[row + COUNT] > 0:
        request_switch(s, row)


@njit(void(STATE_TYPE, int64), cache=True)
def take_events(s, now):  # type: ignore[no-untyped-def]
    """Take in everything that arrives in this cycle."""
    slot = (now & (s.config[SLOTS] - 1)) * 3
    for kind in range(3):
        count = s.fill[slot + kind]
        base = (slot + kind) * s.config[SLOT_EVENTS] * 2
        s.fill[slot + kind] = 0
        s.counters[PENDING] -= count
        s.counters[MOVES] += count
        for i in range(count):
            what = s.events[base + 2 * i]
            if kind == FLIT:
                take_flit(s, what, s.events[base + 2 * i + 1], now)
            elif kind == CREDIT:
                take_credit(s, what)
            else:
                request_channel(s, what)


@njit(void(STATE_TYPE, int64, int64), cache=True)
def send_from(s, at, now):  # type: ignore[no-untyped-def]
    """The source whose row starts ``at`` has a packet that may send one flit, if a channel has a credit."""
    n_vcs, packet = s.config[VCS], s.terminals[at + CURRENT]
    vc = s.terminals[at + SOURCE_VC]
    if vc < 0:
        last = s.terminals[at + LAST_VC]
        for i in range(1, n_vcs + 1):
            candidate = (last + i) % n_vcs if last >= 0 else 0
            if s.terminals[at + SOURCE_CREDITS + candidate] > 0:
                vc = candidate
                break
        if vc < 0:
            return
        s.terminals[at + SOURCE_VC] = vc
        s.terminals[at + LAST_VC] = vc
        s.packets[packet * PACKET_WIDTH + ENTERED] = now
    if s.terminals[at + SOURCE_CREDITS + vc] == 0:
        return
    s.terminals[at + SOURCE_CREDITS + vc] -= 1
    s.terminals[at + LEFT] -= 1
    s.terminals[at + INJECTED] += 1
    last_flit = s.terminals[at + LEFT] == 0
    post(
        s,
        FLIT,
        now + s.config[INJECT_DELAY],
        s.terminals[at + ENTRY] * n_vcs + vc,
        packet * 2 + (1 if last_flit else 0),
    )
    s.counters[IN_FLIGHT] += 1
    s.counters[MOVES] += 1
    if last_flit:
        s.terminals[at + CURRENT] = -1


@njit(int64(STATE_TYPE, int64), cache=True)
def send(s, now):  # type: ignore[no-untyped-def]
    """Every source sends at most one flit. Returns the creation time of the next packet that waits for its time."""
    upcoming = int64(NEVER)
    for terminal in range(s.config[TERMINALS]):
        at = terminal * s.config[TERMINAL_WIDTH]
        if s.terminals[at + CURRENT] < 0:
            packet = s.terminals[at + QUEUE_HEAD]
            if packet < 0:
                continue
            created = s.packets[packet * PACKET_WIDTH + CREATED]
            if created > now:
                upcoming = min(upcoming, created)
                continue
            s.terminals[at + QUEUE_HEAD] = s.packets[packet * PACKET_WIDTH + NEXT]
            if s.terminals[at + QUEUE_HEAD] < 0:
                s.terminals[at + QUEUE_TAIL] = -1
            s.terminals[at + CURRENT] = packet
            s.terminals[at + LEFT] = s.packets[packet * PACKET_WIDTH + SIZE]
            s.terminals[at + SOURCE_VC] = -1
        send_from(s, at, now)
    return upcoming


@njit(int64(STATE_TYPE, int64, int64, int64), cache=True)
def run(s, now, until, stop_when_finished):  # type: ignore[no-untyped-def]
    """Cycles from ``now`` on, not including ``until``. Returns 4 * (next cycle to run) + why it ended."""
    width = s.config[ROUTER_WIDTH]
    while now < until:
        before = s.counters[MOVES]
        take_events(s, now)
        upcoming = send(s, now)
        for router in range(s.config[ROUTERS]):
            busy = int64(0)
            for i in range(1 + s.config[CLASSES]):
                busy |= s.routers[router * width + i]
            if busy != 0:
                step_router(s, router, now)
        now += 1
        if stop_when_finished != 0 and s.counters[FINISHED] >= stop_when_finished:
            return now * 4 + STOPPED
        if s.counters[PENDING] == 0 and s.counters[MOVES] == before:
            if s.counters[IN_FLIGHT] > 0:
                return now * 4 + DEADLOCK
            now = min(max(now, upcoming), until)
    return now * 4 + REACHED
