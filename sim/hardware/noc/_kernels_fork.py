"""Packets of a multicast in a router of the flit model, compiled: a packet forks to several outputs from one buffer.

What a router does, and why a fork cannot end in a deadlock: :mod:`sim.hardware.noc.flit_trees`. A forked input channel has a
branch for each output, with an output channel and a count of flits sent of its own. Only the channel's place in the masks of
requests is shared with packets to one terminal.
"""

from __future__ import annotations

from sim.hardware._kernel import hot, inner, lowest
from sim.hardware.noc._flit_layout import (
    BRANCH_SENT,
    BRANCH_VC,
    BRANCHES,
    COPIES_LEFT,
    COUNT,
    CREDITS,
    DONE,
    EJECTED,
    FINISHED,
    FLIT_MASK,
    FLITS,
    GONE,
    HEAD,
    IDLE,
    IN_FLIGHT,
    INDEX,
    N_AGAIN,
    NEVER,
    NODE,
    NODE_SHIFT,
    ORDER,
    OUTPUT_WIDTH,
    PACKET_WIDTH,
    PORT,
    ROUTER,
    STATE,
    SWITCH_GRANT,
    TARGET,
)
from sim.hardware.noc._kernels_requests import (
    ONE,
    begin_branch,
    branch_at,
    drop_switch,
    empty_slot,
    free_channel,
    head_arrived,
    request_switch,
    send_flit,
)


@hot
def packet_of(flit):  # type: ignore[no-untyped-def]
    """The packet's number."""
    return (flit & FLIT_MASK) >> 1


@hot
def may_send(s, b, row, out, at):  # type: ignore[no-untyped-def]
    """Has the branch at ``at``, of the input channel at ``row`` to ``out``, a channel with a credit?"""
    channel = (s[b.inputs + row + ROUTER] * b.n_ports + out) * b.n_vcs + s[at + BRANCH_VC]
    return s[at + BRANCH_VC] >= 0 and s[b.outputs + channel * OUTPUT_WIDTH + CREDITS] > 0


@inner
def take_at_fork(s, b, row, count):  # type: ignore[no-untyped-def]
    """A flit came in behind ``count`` others: branches that have sent all of these request the switch again."""
    left, gone = s[b.inputs + row + BRANCHES], s[b.inputs + row + GONE]
    while left != 0:
        out = lowest(left)
        left &= left - 1
        at = branch_at(s, b, row, out)
        if s[at + BRANCH_SENT] - gone == count and may_send(s, b, row, out, at):
            request_switch(s, b, row, out)


@inner
def credit_at_fork(s, b, row, to):  # type: ignore[no-untyped-def]
    """The branch of the input channel at ``row`` to the output port ``to`` has its first credit again."""
    out = to - s[b.inputs + row + ROUTER] * b.n_ports
    if s[branch_at(s, b, row, out) + BRANCH_SENT] - s[b.inputs + row + GONE] < s[b.inputs + row + COUNT]:
        request_switch(s, b, row, out)


@inner
def arrive_at_leaf(s, b, what, flit, now):  # type: ignore[no-untyped-def]
    """A flit of a multicast reaches the terminal behind the output channel ``what``."""
    packet = packet_of(flit) * PACKET_WIDTH
    terminal = -1 - s[b.ports + what // b.n_vcs * b.port_width + TARGET]
    s[b.terminals + terminal * b.terminal_width + EJECTED] += 1
    s[b.counters + IN_FLIGHT] -= 1
    if flit & 1:
        s[b.packets + packet + COPIES_LEFT] -= 1
        if s[b.packets + packet + COPIES_LEFT] == 0:
            s[b.packets + packet + DONE] = now
            s[b.packets + s[b.counters + FINISHED] * PACKET_WIDTH + ORDER] = packet_of(flit)
            s[b.counters + FINISHED] += 1


@hot
def send_copy(s, t, b, row, out, flit, now):  # type: ignore[no-untyped-def]
    """The branch to ``out`` sends ``flit``. After its tail, the next branch that wants the same output begins."""
    to, at = s[b.inputs + row + ROUTER] * b.n_ports + out, branch_at(s, b, row, out)
    node, out_vc = s[at + NODE], s[at + BRANCH_VC]
    s[b.ports + to * b.port_width + SWITCH_GRANT] = s[b.inputs + row + PORT] + 1
    send_flit(s, b, to, out_vc, flit & FLIT_MASK | node << NODE_SHIFT, now)
    s[b.counters + IN_FLIGHT] += 1
    s[at + BRANCH_SENT] += 1
    if flit & 1:
        drop_switch(s, b, row, out)
        free_channel(s, b, to, out_vc)
        if t[node + N_AGAIN] >= 0:
            begin_branch(s, t, b, row, t[node + N_AGAIN])
        else:
            s[b.inputs + row + BRANCHES] &= ~(ONE << out)
        return
    is_last = s[at + BRANCH_SENT] - s[b.inputs + row + GONE] == s[b.inputs + row + COUNT]
    if is_last or s[b.outputs + (to * b.n_vcs + out_vc) * OUTPUT_WIDTH + CREDITS] == 0:
        drop_switch(s, b, row, out)


@inner
def empty_behind_slowest(s, t, b, row, p_in, now):  # type: ignore[no-untyped-def]
    """The front flit leaves the buffer when no branch has yet to send it; after the tail the next packet's turn comes."""
    left, slowest = s[b.inputs + row + BRANCHES], NEVER
    while left != 0:
        at = branch_at(s, b, row, lowest(left))
        left &= left - 1
        slowest = min(slowest, 0 if t[s[at + NODE] + N_AGAIN] >= 0 else s[at + BRANCH_SENT])
    if slowest == s[b.inputs + row + GONE]:
        return
    empty_slot(s, b, row, s[b.inputs + row + HEAD], p_in, now)
    s[b.counters + IN_FLIGHT] -= 1
    s[b.inputs + row + GONE] += 1
    if s[b.inputs + row + BRANCHES] == 0:
        if s[b.inputs + row + COUNT] > 0:
            head_arrived(s, t, b, row, now + 1)
        else:
            s[b.inputs + row + STATE] = IDLE


@inner
def traverse_fork(s, t, b, row, p_in, granted, now):  # type: ignore[no-untyped-def]
    """The input port reads one flit of the forked channel at ``row`` for the outputs that ``granted`` to the port: that of
    the branches furthest behind, all of which take it, so that branches that came apart meet again."""
    n_ports, router, port = b.n_ports, s[b.inputs + row + ROUTER], s[b.inputs + row + PORT]
    furthest, going = NEVER, granted & 0
    while granted != 0:
        out = lowest(granted)
        granted &= granted - 1
        if s[b.switch + (router * n_ports + out) * n_ports + port] >> s[b.inputs + row + INDEX] & 1:
            sent = s[branch_at(s, b, row, out) + BRANCH_SENT]
            if sent < furthest:
                furthest, going = sent, going & 0
            if sent == furthest:
                going |= ONE << out
    place = s[b.inputs + row + HEAD] + furthest - s[b.inputs + row + GONE]
    flit = s[b.inputs + row + FLITS + (place if place < b.buffer else place - b.buffer)]
    while going != 0:
        send_copy(s, t, b, row, lowest(going), flit, now)
        going &= going - 1
    empty_behind_slowest(s, t, b, row, p_in, now)
