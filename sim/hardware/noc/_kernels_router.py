"""One cycle of one input-queued virtual-channel router, compiled: allocation of output channels, of the switch, traversal.

Both allocations are separable, output first, with one iteration: every output (virtual channel) grants to the first
requester from its pointer, every input accepts the first grant from its own pointer, and pointers move past a pair only
when its grant is accepted. Virtual channels are allocated whether or not they have credits, and are free again when the
tail has been sent, so that packets follow each other in one buffer. The small functions are pasted into their callers
(``inline="always"``): called, they cost the loop half of its speed.
"""

from __future__ import annotations

from numba import int64, types

from sim.hardware._kernel import hot, inner, lowest
from sim.hardware.noc._flit_layout import (
    ACCEPT,
    ACTIVE,
    CLASS,
    COUNT,
    CREDIT,
    CREDITS,
    DESTINATION,
    FLIT,
    FLITS,
    FREE_VCS,
    GRANT,
    HEAD,
    IDLE,
    INDEX,
    LATENCY,
    MOVES,
    OUT,
    OUT_VC,
    OUTPUT_WIDTH,
    OWNER,
    PACKET_CLASS,
    PACKET_WIDTH,
    PENDING,
    PER_CLASS,
    PORT,
    PORT_BITS,
    PORT_MASK,
    RING_IN,
    RING_OUT,
    ROUTED,
    ROUTER,
    ROUTER_SWITCH,
    ROUTER_WAITING,
    ROUTING,
    SENT,
    STATE,
    SWITCH_ACCEPT,
    SWITCH_GRANT,
    SWITCH_VC,
    TARGET,
    UPSTREAM,
    UPSTREAM_LATENCY,
    VARIANT,
    WAITING,
    WANT_SWITCH,
    Layout,
)
from sim.hardware.noc._kernels_bits import round_robin

ONE = int64(1)
ROWS = int64[::1]
LAYOUT = types.NamedUniTuple(int64, len(Layout._fields), Layout)  # type: ignore[no-untyped-call]


@hot
def post(s, b, kind, when, what, flit):  # type: ignore[no-untyped-def]
    """Put an event into the calendar slot of cycle ``when``."""
    slot = (when & (b.slots - 1)) * 3 + kind
    at = (slot * b.slot_events + s[b.fill + slot]) * 2
    s[b.events + at] = what
    s[b.events + at + 1] = flit
    s[b.fill + slot] += 1
    s[b.counters + PENDING] += 1


@hot
def request_switch(s, b, row):  # type: ignore[no-untyped-def]
    """The input channel at ``row`` has a flit and a credit: it joins the requests for its output."""
    router, port, out = s[b.inputs + row + ROUTER], s[b.inputs + row + PORT], s[b.inputs + row + OUT]
    n_ports = b.n_ports
    to = router * n_ports + out
    s[b.switch + to * n_ports + port] |= ONE << s[b.inputs + row + INDEX]
    s[b.ports + to * b.port_width + WANT_SWITCH] |= ONE << port
    s[b.routers + router * b.router_width + ROUTER_SWITCH] |= ONE << out


@hot
def drop_switch(s, b, row):  # type: ignore[no-untyped-def]
    """Take back the switch request of the input channel at ``row``."""
    router, port, out = s[b.inputs + row + ROUTER], s[b.inputs + row + PORT], s[b.inputs + row + OUT]
    n_ports = b.n_ports
    to = router * n_ports + out
    s[b.switch + to * n_ports + port] &= ~(ONE << s[b.inputs + row + INDEX])
    if s[b.switch + to * n_ports + port] == 0:
        at = to * b.port_width + WANT_SWITCH
        s[b.ports + at] &= ~(ONE << port)
        if s[b.ports + at] == 0:
            s[b.routers + router * b.router_width + ROUTER_SWITCH] &= ~(ONE << out)


@hot
def request_channel(s, b, row):  # type: ignore[no-untyped-def]
    """The head in front of the input channel at ``row`` looks up its route and waits for an output channel."""
    n_ports, classes = b.n_ports, b.n_classes
    router, port = s[b.inputs + row + ROUTER], s[b.inputs + row + PORT]
    packet = (s[b.inputs + row + FLITS + s[b.inputs + row + HEAD]] >> 1) * PACKET_WIDTH
    table = s[b.packets + packet + VARIANT] * b.n_routers + router
    entry = s[b.routes + table * b.n_terminals + s[b.packets + packet + DESTINATION]]
    out, vc_class = entry & PORT_MASK, entry >> PORT_BITS
    to = router * n_ports + out
    ring = s[b.ports + to * b.port_width + RING_OUT]
    if ring >= 0 and ring == s[b.ports + (router * n_ports + port) * b.port_width + RING_IN]:
        vc_class = s[b.packets + packet + PACKET_CLASS]
    s[b.packets + packet + PACKET_CLASS] = vc_class
    s[b.inputs + row + OUT], s[b.inputs + row + CLASS], s[b.inputs + row + STATE] = out, vc_class, WAITING
    s[b.waiting + (to * classes + vc_class) * n_ports + port] |= ONE << s[b.inputs + row + INDEX]
    s[b.ports + to * b.port_width + PER_CLASS + classes + vc_class] |= ONE << port
    s[b.routers + router * b.router_width + ROUTER_WAITING + vc_class] |= ONE << out


@hot
def head_arrived(s, b, row, when):  # type: ignore[no-untyped-def]
    """A head came to the front of the input channel at ``row``; its route is known ``HEAD_DELAY`` cycles later."""
    if b.head_delay == 0:
        request_channel(s, b, row)
    else:
        s[b.inputs + row + STATE] = ROUTING
        post(s, b, ROUTED, when + b.head_delay, row, 0)


@hot
def give_channel(s, b, row, out_vc):  # type: ignore[no-untyped-def]
    """Accept the grant of ``out_vc`` to the waiting head at ``row``; both pointers move past the pair."""
    n_ports, n_vcs, classes = b.n_ports, b.n_vcs, b.n_classes
    router, port, out, vc_class = (
        s[b.inputs + row + ROUTER],
        s[b.inputs + row + PORT],
        s[b.inputs + row + OUT],
        s[b.inputs + row + CLASS],
    )
    index = s[b.inputs + row + INDEX]
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
    s[b.inputs + row + OUT_VC], s[b.inputs + row + STATE] = out_vc, ACTIVE
    s[b.counters + MOVES] += 1


@hot
def accepted(s, b, row, grants):  # type: ignore[no-untyped-def]
    """Which of the granted channels (a mask, all of the output it asked for) the head at ``row`` accepts."""
    n_vcs = b.n_vcs
    pointer = s[b.inputs + row + ACCEPT] - s[b.inputs + row + OUT] * n_vcs
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
    """Free channels of one output and class grant to waiting heads, which accept. Winners' rows go to scratch."""
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
        give_channel(s, b, row, accepted(s, b, row, free))
        s[b.scratch + winners] = row
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
        give_channel(s, b, row, accepted(s, b, row, s[b.scratch + grants + chosen]))
        s[b.scratch + grants + chosen] = 0
    return winners


@hot
def traverse(s, b, row, p_in, now):  # type: ignore[no-untyped-def]
    """The front flit of the input channel at ``row`` leaves through the switch; a credit goes back."""
    n_vcs = b.n_vcs
    to = s[b.inputs + row + ROUTER] * b.n_ports + s[b.inputs + row + OUT]
    out_vc, head = s[b.inputs + row + OUT_VC], s[b.inputs + row + HEAD]
    at = to * b.port_width
    channel = (to * n_vcs + out_vc) * OUTPUT_WIDTH
    flit = s[b.inputs + row + FLITS + head]
    s[b.inputs + row + HEAD] = head + 1 if head + 1 < b.buffer else 0
    s[b.inputs + row + COUNT] -= 1
    s[b.outputs + channel + CREDITS] -= 1
    s[b.ports + at + SENT] += 1
    s[b.counters + MOVES] += 1
    target = s[b.ports + at + TARGET]
    target = target * n_vcs + out_vc if target >= 0 else -1 - (to * n_vcs + out_vc)
    post(s, b, FLIT, now + b.switch_delay + s[b.ports + at + LATENCY] + 1, target, flit)
    upstream = s[b.ports + p_in + UPSTREAM]
    delay = s[b.ports + p_in + UPSTREAM_LATENCY] + 1 + (b.credit_delay if upstream >= 0 else 0)
    post(s, b, CREDIT, now + delay, upstream * n_vcs + s[b.inputs + row + INDEX], 0)
    if flit & 1:
        drop_switch(s, b, row)
        s[b.ports + at + FREE_VCS] |= ONE << out_vc
        s[b.outputs + channel + OWNER] = -1
        if s[b.inputs + row + COUNT] > 0:
            head_arrived(s, b, row, now + 1)
        else:
            s[b.inputs + row + STATE] = IDLE
    elif s[b.inputs + row + COUNT] == 0 or s[b.outputs + channel + CREDITS] == 0:
        drop_switch(s, b, row)


@hot
def switch(s, b, router, now):  # type: ignore[no-untyped-def]
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
        out = round_robin(s[b.scratch + grants + port], s[b.ports + p_in * port_width + SWITCH_ACCEPT])
        s[b.scratch + grants + port] = 0
        to = router * n_ports + out
        vc = round_robin(s[b.switch + to * n_ports + port], s[b.ports + p_in * port_width + SWITCH_VC])
        s[b.ports + p_in * port_width + SWITCH_ACCEPT] = out + 1
        s[b.ports + to * port_width + SWITCH_GRANT] = port + 1
        s[b.ports + p_in * port_width + SWITCH_VC] = vc + 1
        traverse(s, b, (p_in * n_vcs + vc) * width, p_in * port_width, now)


@hot
def step_router(s, b, router, now):  # type: ignore[no-untyped-def]
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
        switch(s, b, router, now)
    for i in range(winners):
        row = s[b.scratch + i]
        channel = (router * b.n_ports + s[b.inputs + row + OUT]) * b.n_vcs + s[b.inputs + row + OUT_VC]
        if s[b.outputs + channel * OUTPUT_WIDTH + CREDITS] > 0:
            request_switch(s, b, row)
    if b.speculative != 0 and s[b.routers + router * b.router_width + ROUTER_SWITCH] != 0:
        switch(s, b, router, now)
