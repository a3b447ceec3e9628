"""One cycle of one input-queued virtual-channel router, compiled: allocation of output channels, of the switch, traversal.

Both allocations are separable, output first, with one iteration: every output (virtual channel) grants to the first
requester from its pointer, every input accepts the first grant from its own pointer, and pointers move past a pair only
when its grant is accepted. Virtual channels are allocated whether or not they have credits, and are free again when the
tail has been sent, so that packets follow each other in one buffer.
"""

from __future__ import annotations

from numba import int64, njit, types, void

from sim.hardware.noc._kernels_bits import lowest, round_robin
from sim.hardware.noc._kernels_layout import (
    ACCEPT, ACTIVE, BUFFER, CLASS, CLASSES, COUNT, CREDIT, CREDIT_DELAY, CREDITS, DESTINATION, FLIT, FLITS, FREE_VCS, GRANT,
    HEAD, HEAD_DELAY, IDLE, INDEX, INPUT_WIDTH, LATENCY, MOVES, OUT, OUT_VC, OUTPUT_WIDTH, OWNER, PACKET_CLASS,
    PACKET_WIDTH, PENDING, PER_CLASS, PORT, PORT_BITS, PORT_MASK, PORT_WIDTH, PORTS, RING_IN, RING_OUT, ROUTED, ROUTER, ROUTER_SWITCH,
    ROUTER_WAITING, ROUTER_WIDTH, ROUTERS, ROUTING, SENT, SLOT_EVENTS, SLOTS, SPECULATIVE, STATE, SWITCH_ACCEPT,
    SWITCH_DELAY, SWITCH_GRANT, SWITCH_VC, TARGET, TERMINALS, UPSTREAM, UPSTREAM_LATENCY, VARIANT, VCS, WAITING,
    WANT_SWITCH, State,
)  # fmt: skip

ONE = int64(1)
STATE_TYPE = types.NamedUniTuple(int64[::1], len(State._fields), State)


@njit(void(STATE_TYPE, int64, int64, int64, int64), cache=True)
def post(s, kind, when, what, flit):  # type: ignore[no-untyped-def]
    """Put an event into the calendar slot of cycle ``when``."""
    slot = (when & (s.config[SLOTS] - 1)) * 3 + kind
    at = (slot * s.config[SLOT_EVENTS] + s.fill[slot]) * 2
    s.events[at] = what
    s.events[at + 1] = flit
    s.fill[slot] += 1
    s.counters[PENDING] += 1


@njit(void(STATE_TYPE, int64), cache=True)
def request_switch(s, row):  # type: ignore[no-untyped-def]
    """The input channel at ``row`` has a flit and a credit: it joins the requests for its output."""
    router, port, out = s.inputs[row + ROUTER], s.inputs[row + PORT], s.inputs[row + OUT]
    n_ports = s.config[PORTS]
    to = router * n_ports + out
    s.switch[to * n_ports + port] |= ONE << s.inputs[row + INDEX]
    s.ports[to * s.config[PORT_WIDTH] + WANT_SWITCH] |= ONE << port
    s.routers[router * s.config[ROUTER_WIDTH] + ROUTER_SWITCH] |= ONE << out


@njit(void(STATE_TYPE, int64), cache=True)
def drop_switch(s, row):  # type: ignore[no-untyped-def]
    """Take back the switch request of the input channel at ``row``."""
    router, port, out = s.inputs[row + ROUTER], s.inputs[row + PORT], s.inputs[row + OUT]
    n_ports = s.config[PORTS]
    to = router * n_ports + out
    s.switch[to * n_ports + port] &= ~(ONE << s.inputs[row + INDEX])
    if s.switch[to * n_ports + port] == 0:
        at = to * s.config[PORT_WIDTH] + WANT_SWITCH
        s.ports[at] &= ~(ONE << port)
        if s.ports[at] == 0:
            s.routers[router * s.config[ROUTER_WIDTH] + ROUTER_SWITCH] &= ~(ONE << out)


@njit(void(STATE_TYPE, int64), cache=True)
def request_channel(s, row):  # type: ignore[no-untyped-def]
    """The head in front of the input channel at ``row`` looks up its route and waits for an output channel."""
    n_ports, classes = s.config[PORTS], s.config[CLASSES]
    router, port = s.inputs[row + ROUTER], s.inputs[row + PORT]
    packet = (s.inputs[row + FLITS + s.inputs[row + HEAD]] >> 1) * PACKET_WIDTH
    table = s.packets[packet + VARIANT] * s.config[ROUTERS] + router
    entry = s.routes[table * s.config[TERMINALS] + s.packets[packet + DESTINATION]]
    out, vc_class = entry & PORT_MASK, entry >> PORT_BITS
    to = router * n_ports + out
    ring = s.ports[to * s.config[PORT_WIDTH] + RING_OUT]
    if ring >= 0 and ring == s.ports[(router * n_ports + port) * s.config[PORT_WIDTH] + RING_IN]:
        vc_class = s.packets[packet + PACKET_CLASS]
    s.packets[packet + PACKET_CLASS] = vc_class
    s.inputs[row + OUT], s.inputs[row + CLASS], s.inputs[row + STATE] = out, vc_class, WAITING
    s.waiting[(to * classes + vc_class) * n_ports + port] |= ONE << s.inputs[row + INDEX]
    s.ports[to * s.config[PORT_WIDTH] + PER_CLASS + classes + vc_class] |= ONE << port
    s.routers[router * s.config[ROUTER_WIDTH] + ROUTER_WAITING + vc_class] |= ONE << out


@njit(void(STATE_TYPE, int64, int64), cache=True)
def head_arrived(s, row, when):  # type: ignore[no-untyped-def]
    """A head came to the front of the input channel at ``row``; its route is known ``HEAD_DELAY`` cycles later."""
    if s.config[HEAD_DELAY] == 0:
        request_channel(s, row)
    else:
        s.inputs[row + STATE] = ROUTING
        post(s, ROUTED, when + s.config[HEAD_DELAY], row, 0)


@njit(void(STATE_TYPE, int64, int64), cache=True)
def give_channel(s, row, out_vc):  # type: ignore[no-untyped-def]
    """Accept the grant of ``out_vc`` to the waiting head at ``row``; both pointers move past the pair."""
    n_ports, n_vcs, classes = s.config[PORTS], s.config[VCS], s.config[CLASSES]
    router, port, out, vc_class = (
        s.inputs[row + ROUTER],
        s.inputs[row + PORT],
        s.inputs[row + OUT],
        s.inputs[row + CLASS],
    )
    index = s.inputs[row + INDEX]
    to = router * n_ports + out
    at = to * s.config[PORT_WIDTH]
    slot = (to * classes + vc_class) * n_ports + port
    s.waiting[slot] &= ~(ONE << index)
    if s.waiting[slot] == 0:
        s.ports[at + PER_CLASS + classes + vc_class] &= ~(ONE << port)
        if s.ports[at + PER_CLASS + classes + vc_class] == 0:
            s.routers[router * s.config[ROUTER_WIDTH] + ROUTER_WAITING + vc_class] &= ~(ONE << out)
    s.ports[at + FREE_VCS] &= ~(ONE << out_vc)
    channel = (to * n_vcs + out_vc) * OUTPUT_WIDTH
    s.outputs[channel + OWNER] = row
    s.outputs[channel + GRANT] = port * n_vcs + index + 1
    s.inputs[row + ACCEPT] = out * n_vcs + out_vc + 1
    s.inputs[row + OUT_VC], s.inputs[row + STATE] = out_vc, ACTIVE
    s.counters[MOVES] += 1


@njit(int64(STATE_TYPE, int64, int64), cache=True)
def accepted(s, row, grants):  # type: ignore[no-untyped-def]
    """Which of the granted channels (a mask, all of the output it asked for) the head at ``row`` accepts."""
    n_vcs = s.config[VCS]
    pointer = s.inputs[row + ACCEPT] - s.inputs[row + OUT] * n_vcs
    return round_robin(grants, pointer if 0 <= pointer < n_vcs else 0)


@njit(int64(STATE_TYPE, int64, int64, int64), cache=True)
def first_waiting(s, slot, inputs, pointer):  # type: ignore[no-untyped-def]
    """The waiting head (port * vcs + vc) that an output channel grants to, from ``pointer`` on, cyclically."""
    n_vcs = s.config[VCS]
    port, vc = pointer // n_vcs, pointer % n_vcs
    if inputs >> port & 1:
        here = s.waiting[slot + port] & (int64(-1) << vc)
        if here != 0:
            return port * n_vcs + lowest(here)
    port = round_robin(inputs, port + 1)
    return port * n_vcs + lowest(s.waiting[slot + port])


@njit(int64(STATE_TYPE, int64, int64, int64, int64), cache=True)
def grant_channels(s, router, out, vc_class, winners):  # type: ignore[no-untyped-def]
    """Free channels of one output and class grant to waiting heads, which accept. Winners' rows go to scratch."""
    n_ports, n_vcs, classes, width = s.config[PORTS], s.config[VCS], s.config[CLASSES], s.config[INPUT_WIDTH]
    to = router * n_ports + out
    at = to * s.config[PORT_WIDTH] + PER_CLASS
    free = s.ports[to * s.config[PORT_WIDTH] + FREE_VCS] & s.ports[at + vc_class]
    inputs = s.ports[at + classes + vc_class]
    slot = (to * classes + vc_class) * n_ports
    if free == 0:
        return winners
    port = lowest(inputs)
    if inputs & (inputs - 1) == 0 and s.waiting[slot + port] & (s.waiting[slot + port] - 1) == 0:
        row = ((router * n_ports + port) * n_vcs + lowest(s.waiting[slot + port])) * width
        give_channel(s, row, accepted(s, row, free))
        s.scratch[winners] = row
        return winners + 1
    grants = n_ports * n_vcs  # scratch: winners, then the mask of grants per input channel
    first = winners
    while free != 0:
        out_vc = lowest(free)
        free &= free - 1
        chosen = first_waiting(s, slot, inputs, s.outputs[(to * n_vcs + out_vc) * OUTPUT_WIDTH + GRANT])
        if s.scratch[grants + chosen] == 0:
            s.scratch[winners] = (router * n_ports * n_vcs + chosen) * width
            winners += 1
        s.scratch[grants + chosen] |= ONE << out_vc
    for i in range(first, winners):
        row = s.scratch[i]
        chosen = row // width - router * n_ports * n_vcs
        give_channel(s, row, accepted(s, row, s.scratch[grants + chosen]))
        s.scratch[grants + chosen] = 0
    return winners


@njit(void(STATE_TYPE, int64, int64, int64), cache=True)
def traverse(s, row, p_in, now):  # type: ignore[no-untyped-def]
    """The front flit of the input channel at ``row`` leaves through the switch; a credit goes back."""
    n_vcs = s.config[VCS]
    to = s.inputs[row + ROUTER] * s.config[PORTS] + s.inputs[row + OUT]
    out_vc, head = s.inputs[row + OUT_VC], s.inputs[row + HEAD]
    at = to * s.config[PORT_WIDTH]
    channel = (to * n_vcs + out_vc) * OUTPUT_WIDTH
    flit = s.inputs[row + FLITS + head]
    s.inputs[row + HEAD] = head + 1 if head + 1 < s.config[BUFFER] else 0
    s.inputs[row + COUNT] -= 1
    s.outputs[channel + CREDITS] -= 1
    s.ports[at + SENT] += 1
    s.counters[MOVES] += 1
    target = s.ports[at + TARGET]
    target = target * n_vcs + out_vc if target >= 0 else -1 - (to * n_vcs + out_vc)
    post(s, FLIT, now + s.config[SWITCH_DELAY] + s.ports[at + LATENCY] + 1, target, flit)
    upstream = s.ports[p_in + UPSTREAM]
    delay = s.ports[p_in + UPSTREAM_LATENCY] + 1 + (s.config[CREDIT_DELAY] if upstream >= 0 else 0)
    upstream = upstream * n_vcs + s.inputs[row + INDEX] if upstream >= 0 else upstream * n_vcs + s.inputs[row + INDEX]
    post(s, CREDIT, now + delay, upstream, 0)
    if flit & 1:
        drop_switch(s, row)
        s.ports[at + FREE_VCS] |= ONE << out_vc
        s.outputs[channel + OWNER] = -1
        if s.inputs[row + COUNT] > 0:
            head_arrived(s, row, now + 1)
        else:
            s.inputs[row + STATE] = IDLE
    elif s.inputs[row + COUNT] == 0 or s.outputs[channel + CREDITS] == 0:
        drop_switch(s, row)


@njit(void(STATE_TYPE, int64, int64), cache=True)
def switch(s, router, now):  # type: ignore[no-untyped-def]
    """Outputs grant to inputs, inputs accept an output and choose a virtual channel; winners traverse."""
    n_ports, n_vcs, width, port_width = s.config[PORTS], s.config[VCS], s.config[INPUT_WIDTH], s.config[PORT_WIDTH]
    outs = s.routers[router * s.config[ROUTER_WIDTH] + ROUTER_SWITCH]
    granted, grants = int64(0), 2 * n_ports * n_vcs  # scratch: the mask of granting outputs per input port
    while outs != 0:
        out = lowest(outs)
        outs &= outs - 1
        at = (router * n_ports + out) * port_width
        port = round_robin(s.ports[at + WANT_SWITCH], s.ports[at + SWITCH_GRANT])
        granted |= ONE << port
        s.scratch[grants + port] |= ONE << out
    while granted != 0:
        port = lowest(granted)
        granted &= granted - 1
        p_in = router * n_ports + port
        out = round_robin(s.scratch[grants + port], s.ports[p_in * port_width + SWITCH_ACCEPT])
        s.scratch[grants + port] = 0
        to = router * n_ports + out
        vc = round_robin(s.switch[to * n_ports + port], s.ports[p_in * port_width + SWITCH_VC])
        s.ports[p_in * port_width + SWITCH_ACCEPT] = out + 1
        s.ports[to * port_width + SWITCH_GRANT] = port + 1
        s.ports[p_in * port_width + SWITCH_VC] = vc + 1
        traverse(s, (p_in * n_vcs + vc) * width, p_in * port_width, now)


@njit(void(STATE_TYPE, int64, int64), cache=True)
def step_router(s, router, now):  # type: ignore[no-untyped-def]
    """One cycle: channels are allocated on the state before it, the switch too (after it, when speculative)."""
    winners = int64(0)
    base = router * s.config[ROUTER_WIDTH] + ROUTER_WAITING
    for vc_class in range(s.config[CLASSES]):
        outs = s.routers[base + vc_class]
        while outs != 0:
            out = lowest(outs)
            outs &= outs - 1
            winners = grant_channels(s, router, out, vc_class, winners)
    if s.config[SPECULATIVE] == 0 and s.routers[router * s.config[ROUTER_WIDTH] + ROUTER_SWITCH] != 0:
        switch(s, router, now)
    for i in range(winners):
        row = s.scratch[i]
        channel = (router * s.config[PORTS] + s.inputs[row + OUT]) * s.config[VCS] + s.inputs[row + OUT_VC]
        if s.outputs[channel * OUTPUT_WIDTH + CREDITS] > 0:
            request_switch(s, row)
    if s.config[SPECULATIVE] != 0 and s.routers[router * s.config[ROUTER_WIDTH] + ROUTER_SWITCH] != 0:
        switch(s, router, now)
