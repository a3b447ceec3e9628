"""What the steps of a router share, compiled: the calendar, the masks of requests, and flits and credits that leave."""

from __future__ import annotations

from numba import int64, types

from sim.hardware._kernel import hot, inner
from sim.hardware.noc._flit_layout import (
    BRANCH_SENT,
    BRANCH_VC,
    BRANCH_WIDTH,
    BRANCHES,
    CLASS,
    COUNT,
    CREDIT,
    CREDITS,
    DESTINATION,
    FLIT,
    FLITS,
    FORKED,
    FREE_VCS,
    GONE,
    HEAD,
    INDEX,
    LATENCY,
    MOVES,
    N_CHILD,
    N_CLASS,
    N_OUT,
    N_SIBLING,
    NODE,
    NODE_SHIFT,
    OUT,
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
    TARGET,
    UPSTREAM,
    UPSTREAM_LATENCY,
    VARIANT,
    WAITING,
    WANT_SWITCH,
    Layout,
)

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
def request_switch(s, b, row, out):  # type: ignore[no-untyped-def]
    """The input channel at ``row`` has a flit and a credit for the output ``out``: it joins the requests for it."""
    router, port = s[b.inputs + row + ROUTER], s[b.inputs + row + PORT]
    n_ports = b.n_ports
    to = router * n_ports + out
    s[b.switch + to * n_ports + port] |= ONE << s[b.inputs + row + INDEX]
    s[b.ports + to * b.port_width + WANT_SWITCH] |= ONE << port
    s[b.routers + router * b.router_width + ROUTER_SWITCH] |= ONE << out


@hot
def drop_switch(s, b, row, out):  # type: ignore[no-untyped-def]
    """Take back the request of the input channel at ``row`` for the output ``out``."""
    router, port = s[b.inputs + row + ROUTER], s[b.inputs + row + PORT]
    n_ports = b.n_ports
    to = router * n_ports + out
    s[b.switch + to * n_ports + port] &= ~(ONE << s[b.inputs + row + INDEX])
    if s[b.switch + to * n_ports + port] == 0:
        at = to * b.port_width + WANT_SWITCH
        s[b.ports + at] &= ~(ONE << port)
        if s[b.ports + at] == 0:
            s[b.routers + router * b.router_width + ROUTER_SWITCH] &= ~(ONE << out)


@hot
def wait_for_channel(s, b, row, out, vc_class):  # type: ignore[no-untyped-def]
    """The head in front of the input channel at ``row`` waits for an output channel of a class."""
    n_ports, classes = b.n_ports, b.n_classes
    router, port = s[b.inputs + row + ROUTER], s[b.inputs + row + PORT]
    to = router * n_ports + out
    s[b.waiting + (to * classes + vc_class) * n_ports + port] |= ONE << s[b.inputs + row + INDEX]
    s[b.ports + to * b.port_width + PER_CLASS + classes + vc_class] |= ONE << port
    s[b.routers + router * b.router_width + ROUTER_WAITING + vc_class] |= ONE << out


@hot
def branch_at(s, b, row, out):  # type: ignore[no-untyped-def]
    """Where the row of the branch stands that leads from the input channel at ``row`` to the output ``out``."""
    port = s[b.inputs + row + ROUTER] * b.n_ports + s[b.inputs + row + PORT]
    return b.branches + ((port * b.n_vcs + s[b.inputs + row + INDEX]) * b.n_ports + out) * BRANCH_WIDTH


@inner
def begin_branch(s, t, b, row, node):  # type: ignore[no-untyped-def]
    """The packet in front of the input channel at ``row`` wants the channel of ``node``."""
    out = t[node + N_OUT]
    at = branch_at(s, b, row, out)
    s[at + NODE], s[at + BRANCH_VC], s[at + BRANCH_SENT] = node, -1, 0
    s[b.inputs + row + BRANCHES] |= ONE << out
    wait_for_channel(s, b, row, out, t[node + N_CLASS])


@inner
def fork(s, t, b, row, node):  # type: ignore[no-untyped-def]
    """The head in front of the input channel at ``row`` came over ``node`` of a tree: a branch for each output behind."""
    s[b.inputs + row + STATE] = FORKED
    s[b.inputs + row + BRANCHES], s[b.inputs + row + GONE] = 0, 0
    child = t[node + N_CHILD]
    while child >= 0:
        begin_branch(s, t, b, row, child)
        child = t[child + N_SIBLING]


@hot
def request_channel(s, t, b, row):  # type: ignore[no-untyped-def]
    """The head in front of the input channel at ``row`` looks up its route and waits for an output channel."""
    n_ports = b.n_ports
    flit = s[b.inputs + row + FLITS + s[b.inputs + row + HEAD]]
    if flit >> NODE_SHIFT != 0:
        fork(s, t, b, row, flit >> NODE_SHIFT)
        return
    router, port = s[b.inputs + row + ROUTER], s[b.inputs + row + PORT]
    packet = (flit >> 1) * PACKET_WIDTH
    table = s[b.packets + packet + VARIANT] * b.n_routers + router
    entry = s[b.routes + table * b.n_terminals + s[b.packets + packet + DESTINATION]]
    out, vc_class = entry & PORT_MASK, entry >> PORT_BITS
    ring = s[b.ports + (router * n_ports + out) * b.port_width + RING_OUT]
    if ring >= 0 and ring == s[b.ports + (router * n_ports + port) * b.port_width + RING_IN]:
        vc_class = s[b.packets + packet + PACKET_CLASS]
    s[b.packets + packet + PACKET_CLASS] = vc_class
    s[b.inputs + row + OUT], s[b.inputs + row + CLASS], s[b.inputs + row + STATE] = out, vc_class, WAITING
    wait_for_channel(s, b, row, out, vc_class)


@hot
def head_arrived(s, t, b, row, when):  # type: ignore[no-untyped-def]
    """A head came to the front of the input channel at ``row``; its route is known ``HEAD_DELAY`` cycles later."""
    if b.head_delay == 0:
        request_channel(s, t, b, row)
    else:
        s[b.inputs + row + STATE] = ROUTING
        post(s, b, ROUTED, when + b.head_delay, row, 0)


@hot
def send_flit(s, b, to, out_vc, flit, now):  # type: ignore[no-untyped-def]
    """A flit goes through the switch to the output port ``to`` and its channel ``out_vc``."""
    at, channel = to * b.port_width, to * b.n_vcs + out_vc
    s[b.outputs + channel * OUTPUT_WIDTH + CREDITS] -= 1
    s[b.ports + at + SENT] += 1
    s[b.counters + MOVES] += 1
    target = s[b.ports + at + TARGET]
    target = target * b.n_vcs + out_vc if target >= 0 else -1 - channel
    post(s, b, FLIT, now + b.switch_delay + s[b.ports + at + LATENCY] + 1, target, flit)


@hot
def empty_slot(s, b, row, head, p_in, now):  # type: ignore[no-untyped-def]
    """The front flit (at ``head``) of the input channel at ``row`` of the port at ``p_in`` is gone: its credit goes back."""
    s[b.inputs + row + HEAD] = head + 1 if head + 1 < b.buffer else 0
    s[b.inputs + row + COUNT] -= 1
    upstream = s[b.ports + p_in + UPSTREAM]
    delay = s[b.ports + p_in + UPSTREAM_LATENCY] + 1 + (b.credit_delay if upstream >= 0 else 0)
    post(s, b, CREDIT, now + delay, upstream * b.n_vcs + s[b.inputs + row + INDEX], 0)


@hot
def free_channel(s, b, to, out_vc):  # type: ignore[no-untyped-def]
    """The tail has been sent through channel ``out_vc`` of the output port ``to``."""
    s[b.ports + to * b.port_width + FREE_VCS] |= ONE << out_vc
    s[b.outputs + (to * b.n_vcs + out_vc) * OUTPUT_WIDTH + OWNER] = -1
