"""One cycle of one input-queued virtual-channel router, compiled: allocation of output channels, of the switch, traversal.

Both allocations are separable, output first, with one iteration: every output (virtual channel) grants to the first
requester from its pointer, every input accepts the first grant from its own pointer, and pointers move past a pair only
when its grant is accepted. Virtual channels are allocated whether or not they have credits, and are free again when the
tail has been sent, so that packets follow each other in one buffer. An input port reads one flit per cycle, which a fork
(:mod:`sim.hardware.noc._kernels_fork`) sends to several of the outputs that granted to the port at once.
The small functions are pasted into their callers: called, they cost the loop half of its speed.
"""

from __future__ import annotations

from numba import int64

from sim.hardware._kernel import hot, inner, lowest
from sim.hardware.noc._flit_layout import (
    ACCEPT,
    ACTIVE,
    BRANCH_VC,
    COUNT,
    CREDITS,
    FLITS,
    FORKED,
    FREE_VCS,
    GRANT,
    HEAD,
    IDLE,
    INDEX,
    MOVES,
    NODE_SHIFT,
    OUT_VC,
    OUTPUT_WIDTH,
    OWNER,
    PER_CLASS,
    PORT,
    ROUTER,
    ROUTER_SWITCH,
    ROUTER_WAITING,
    STATE,
    SWITCH_ACCEPT,
    SWITCH_GRANT,
    SWITCH_VC,
    WANT_SWITCH,
)
from sim.hardware.noc._kernels_bits import round_robin
from sim.hardware.noc._kernels_fork import traverse_fork
from sim.hardware.noc._kernels_requests import (
    ONE,
    branch_at,
    drop_switch,
    empty_slot,
    free_channel,
    head_arrived,
    request_switch,
    send_flit,
)

WON, WON_VC, MOST = 12, 6, 63
"""Bits of a winner: outputs and virtual channels are counted in six."""


@hot
def give_channel(s, b, row, out, vc_class, out_vc):  # type: ignore[no-untyped-def]
    """Accept the grant of channel ``out_vc`` of the output ``out`` to the waiting head at ``row``; both pointers move past
    the pair."""
    n_ports, n_vcs, classes = b.n_ports, b.n_vcs, b.n_classes
    router, port, index = s[b.inputs + row + ROUTER], s[b.inputs + row + PORT], s[b.inputs + row + INDEX]
    to = router * n_ports + out
    at = to * b.port_width
    slot = (to * classes + vc_class) * n_ports + port
    s[b.waiting + slot] &= ~(ONE << index)
    if s[b.waiting + slot] == 0:
        s[b.ports + at + PER_CLASS + classes + vc_class] &= ~(ONE << port)
        if s[b.ports + at + PER_CLASS + classes + vc_class] == 0:
            s[b.routers + router * b.router_width + ROUTER_WAITING + vc_class] &= ~(ONE << out)
    s[b.ports + at + FREE_VCS] &= ~(ONE << out_vc)
    channel = (to * n_vcs + out_vc) * OUTPUT_WIDTH
    s[b.outputs + channel + OWNER] = row
    s[b.outputs + channel + GRANT] = port * n_vcs + index + 1
    s[b.inputs + row + ACCEPT] = out * n_vcs + out_vc + 1
    if s[b.inputs + row + STATE] == FORKED:
        s[branch_at(s, b, row, out) + BRANCH_VC] = out_vc
    else:
        s[b.inputs + row + OUT_VC], s[b.inputs + row + STATE] = out_vc, ACTIVE
    s[b.counters + MOVES] += 1


@hot
def accepted(s, b, row, out, grants):  # type: ignore[no-untyped-def]
    """Which of the granted channels (a mask, all of the output ``out``) the head at ``row`` accepts."""
    n_vcs = b.n_vcs
    pointer = s[b.inputs + row + ACCEPT] - out * n_vcs
    if pointer < 0 or pointer >= n_vcs:
        pointer = 0
    return round_robin(grants, pointer)


@hot
def first_waiting(s, b, slot, inputs, pointer):  # type: ignore[no-untyped-def]
    """The waiting head (port * vcs + vc) that an output channel grants to, from ``pointer`` on, cyclically."""
    n_vcs = b.n_vcs
    port, vc = pointer // n_vcs, pointer % n_vcs
    if inputs >> port & 1:
        here = s[b.waiting + slot + port] & (int64(-1) << vc)
        if here != 0:
            return port * n_vcs + lowest(here)
    port = round_robin(inputs, port + 1)
    return port * n_vcs + lowest(s[b.waiting + slot + port])


@inner
def grant_channels(s, b, router, out, vc_class, winners):  # type: ignore[no-untyped-def]
    """Free channels of one output and class grant to waiting heads, which accept. Winners go to scratch, as
    ``row << WON | out << WON_VC | out_vc``."""
    n_ports, n_vcs, classes, width = b.n_ports, b.n_vcs, b.n_classes, b.input_width
    to = router * n_ports + out
    at = to * b.port_width + PER_CLASS
    free = s[b.ports + to * b.port_width + FREE_VCS] & s[b.ports + at + vc_class]
    inputs = s[b.ports + at + classes + vc_class]
    slot = (to * classes + vc_class) * n_ports
    if free == 0:
        return winners
    port = lowest(inputs)
    if inputs & (inputs - 1) == 0 and s[b.waiting + slot + port] & (s[b.waiting + slot + port] - 1) == 0:
        row = ((router * n_ports + port) * n_vcs + lowest(s[b.waiting + slot + port])) * width
        out_vc = accepted(s, b, row, out, free)
        give_channel(s, b, row, out, vc_class, out_vc)
        s[b.scratch + winners] = row << WON | out << WON_VC | out_vc
        return winners + 1
    grants = n_ports * n_vcs  # scratch: winners, then the mask of grants per input channel
    first = winners
    while free != 0:
        out_vc = lowest(free)
        free &= free - 1
        chosen = first_waiting(s, b, slot, inputs, s[b.outputs + (to * n_vcs + out_vc) * OUTPUT_WIDTH + GRANT])
        if s[b.scratch + grants + chosen] == 0:
            s[b.scratch + winners] = (router * n_ports * n_vcs + chosen) * width
            winners += 1
        s[b.scratch + grants + chosen] |= ONE << out_vc
    for i in range(first, winners):
        row = s[b.scratch + i]
        chosen = row // width - router * n_ports * n_vcs
        out_vc = accepted(s, b, row, out, s[b.scratch + grants + chosen])
        give_channel(s, b, row, out, vc_class, out_vc)
        s[b.scratch + i] = row << WON | out << WON_VC | out_vc
        s[b.scratch + grants + chosen] = 0
    return winners


@hot
def traverse(s, t, b, row, out, p_in, flit, now):  # type: ignore[no-untyped-def]
    """The front ``flit`` of the input channel at ``row`` leaves through the switch to ``out``; a credit goes back."""
    out_vc, head = s[b.inputs + row + OUT_VC], s[b.inputs + row + HEAD]
    to = s[b.inputs + row + ROUTER] * b.n_ports + out
    send_flit(s, b, to, out_vc, flit, now)
    empty_slot(s, b, row, head, p_in, now)
    if flit & 1:
        drop_switch(s, b, row, out)
        free_channel(s, b, to, out_vc)
        if s[b.inputs + row + COUNT] > 0:
            head_arrived(s, t, b, row, now + 1)
        else:
            s[b.inputs + row + STATE] = IDLE
    elif s[b.inputs + row + COUNT] == 0 or s[b.outputs + (to * b.n_vcs + out_vc) * OUTPUT_WIDTH + CREDITS] == 0:
        drop_switch(s, b, row, out)


@hot
def switch(s, t, b, router, now):  # type: ignore[no-untyped-def]
    """Outputs grant to inputs, inputs accept an output and choose a virtual channel; winners traverse."""
    n_ports, n_vcs, width, port_width = b.n_ports, b.n_vcs, b.input_width, b.port_width
    outs = s[b.routers + router * b.router_width + ROUTER_SWITCH]
    granted, grants = int64(0), 2 * n_ports * n_vcs  # scratch: the mask of granting outputs per input port
    while outs != 0:
        out = lowest(outs)
        outs &= outs - 1
        at = (router * n_ports + out) * port_width
        port = round_robin(s[b.ports + at + WANT_SWITCH], s[b.ports + at + SWITCH_GRANT])
        granted |= ONE << port
        s[b.scratch + grants + port] |= ONE << out
    while granted != 0:
        port = lowest(granted)
        granted &= granted - 1
        p_in = router * n_ports + port
        offers = s[b.scratch + grants + port]
        out = round_robin(offers, s[b.ports + p_in * port_width + SWITCH_ACCEPT])
        s[b.scratch + grants + port] = 0
        to = router * n_ports + out
        vc = round_robin(s[b.switch + to * n_ports + port], s[b.ports + p_in * port_width + SWITCH_VC])
        s[b.ports + p_in * port_width + SWITCH_ACCEPT] = out + 1
        s[b.ports + p_in * port_width + SWITCH_VC] = vc + 1
        row = (p_in * n_vcs + vc) * width
        flit = s[b.inputs + row + FLITS + s[b.inputs + row + HEAD]]
        if flit >> NODE_SHIFT != 0:
            traverse_fork(s, t, b, row, p_in * port_width, offers, now)
        else:
            s[b.ports + to * port_width + SWITCH_GRANT] = port + 1
            traverse(s, t, b, row, out, p_in * port_width, flit, now)


@hot
def step_router(s, t, b, router, now):  # type: ignore[no-untyped-def]
    """One cycle: channels are allocated on the state before it, the switch too (after it, when speculative)."""
    winners = int64(0)
    base = router * b.router_width + ROUTER_WAITING
    for vc_class in range(b.n_classes):
        outs = s[b.routers + base + vc_class]
        while outs != 0:
            out = lowest(outs)
            outs &= outs - 1
            winners = grant_channels(s, b, router, out, vc_class, winners)
    if b.speculative == 0 and s[b.routers + router * b.router_width + ROUTER_SWITCH] != 0:
        switch(s, t, b, router, now)
    for i in range(winners):
        won = s[b.scratch + i]
        out = won >> WON_VC & MOST
        channel = (router * b.n_ports + out) * b.n_vcs + (won & MOST)
        if s[b.outputs + channel * OUTPUT_WIDTH + CREDITS] > 0:
            request_switch(s, b, won >> WON, out)
    if b.speculative != 0 and s[b.routers + router * b.router_width + ROUTER_SWITCH] != 0:
        switch(s, t, b, router, now)
