"""Messages through the packet model, compiled: cut into packets, sent, delivered, and when at the earliest one ends.

A message's end is known as soon as its last flit is booked into its terminal. Before that there are lower bounds: the
flits queued before its tail at its source, and those it still has to bring through its terminal's port, each after what
has booked that port. Whoever waits for the next end may therefore look too early, but never too late, and nothing is
ever computed ahead of time and thrown away.
"""

from __future__ import annotations

from numba import int64, njit, types, void

from sim.hardware.noc._kernels_packet import run, wake
from sim.hardware.noc._kernels_rows import free_row, new_row
from sim.hardware.noc._packet_layout import (
    ALLOWED,
    ASKED,
    BEHIND,
    BLOCKED,
    CHANNEL_WIDTH,
    COPIES,
    CREATED,
    DESTINATION,
    DUE_FIRST,
    EJECT,
    END,
    ENTERED,
    FIRST_MESSAGE,
    FLITS,
    FREE,
    HELD,
    HOPS,
    IDLE,
    IS_HEAD,
    IS_LAST,
    LAST_MESSAGE,
    LEAVES,
    M_NEXT,
    M_PREVIOUS,
    MESSAGE,
    NEVER,
    NEXT,
    NODE,
    ORIGIN,
    PIECE_WIDTH,
    PORT_WIDTH,
    QUEUED,
    ROUTER,
    SENT,
    SOURCE,
    TAIL,
    TICKET,
    TOKEN,
    UNBOOKED,
    VARIANT,
    WAIT_FIRST,
    WAIT_LAST,
    PacketLayout,
)

ROWS = int64[::1]
LAYOUT = types.NamedUniTuple(int64, len(PacketLayout._fields), PacketLayout)  # type: ignore[no-untyped-call]
UNCONSTRAINED = 1 << 40


@njit(inline="always")
def new_message(s, b, order, now):  # type: ignore[no-untyped-def]
    """A row for the message of ``order`` at the end of its source's list."""
    message = new_row(s, b)
    source = b.ports + (b.all_ports + order[0]) * PORT_WIDTH
    s[source + QUEUED] += order[2]
    s[message + ORIGIN], s[message + TICKET] = order[0], s[source + QUEUED]
    s[message + LEAVES], s[message + UNBOOKED] = order[6], order[2] * order[6]
    s[message + IDLE], s[message + EJECT], s[message + TOKEN] = order[7], order[8], order[9]
    s[message + END] = now
    last = s[source + LAST_MESSAGE]
    s[message + M_PREVIOUS], s[message + M_NEXT] = last, -1
    if last >= 0:
        s[last + M_NEXT] = message
    else:
        s[source + FIRST_MESSAGE] = message
    s[source + LAST_MESSAGE] = message
    return message


@njit(inline="always")
def bound(s, b, message, idle, now):  # type: ignore[no-untyped-def]
    """A cycle before which ``message`` cannot end, given ``idle`` cycles of a head on its way."""
    source = b.ports + (b.all_ports + s[message + ORIGIN]) * PORT_WIDTH
    ahead = s[message + TICKET] - s[source + SENT]
    tail = max(now, s[source + FREE]) + ahead if ahead > 0 else s[message + TAIL]
    port, start = s[message + EJECT], now
    if port >= 0:
        start = max(now, s[b.ports + port * PORT_WIDTH + FREE])
    leaves = s[message + LEAVES]
    flits = (s[message + UNBOOKED] + leaves - 1) // leaves
    return max(tail - 1 + idle, start + flits + b.eject_cycles - 1)


@njit(int64(ROWS, LAYOUT, int64), cache=True)
def next_end(s, b, now):  # type: ignore[no-untyped-def]
    """The cycle in which the next message ends, or an earlier one that is not before ``now``; NEVER without messages.

    Of each source: every message up to the first that has not begun, and what follows by the shortest way there is."""
    found = s[b.counters + DUE_FIRST]
    earliest = s[found + END] if found >= 0 else NEVER
    for terminal in range(b.n_terminals):
        source = b.ports + (b.all_ports + terminal) * PORT_WIDTH
        message = s[source + FIRST_MESSAGE]
        while message >= 0:
            earliest = min(earliest, bound(s, b, message, s[message + IDLE], now))
            following = s[message + M_NEXT]
            if s[message + TICKET] > s[source + SENT]:
                if following >= 0:
                    ahead = s[following + TICKET] - s[source + SENT]
                    earliest = min(earliest, max(now, s[source + FREE]) + ahead - 1 + b.least_idle)
                break
            message = following
    return earliest


@njit(void(ROWS, LAYOUT, int64[::1], int64), cache=True)
def send(s, b, order, now):  # type: ignore[no-untyped-def]
    """Queue a message. ``order``: source, destination, flits, packet flits, piece flits, first variant and route sets
    (one number: first * 65536 + sets), copies, idle cycles, terminal port, token, tree node or -1.
    Leaves :func:`next_end` in order[0]."""
    message = new_message(s, b, order, now)
    left, in_packet, before = order[2], int64(0), int64(-1)
    variant, variants = order[5] >> 16, order[5] & 0xFFFF
    source = (b.all_ports + order[0]) * b.n_classes
    line = b.channels + source * CHANNEL_WIDTH
    while left > 0:
        head = in_packet == 0
        if head:
            in_packet = min(left, order[3])
        flits = min(in_packet, order[4])
        in_packet -= flits
        left -= flits
        piece = new_row(s, b)
        s[piece + SOURCE], s[piece + DESTINATION], s[piece + FLITS] = order[0], order[1], flits
        s[piece + CREATED], s[piece + ASKED], s[piece + VARIANT] = now, now, variant % variants
        s[piece + IS_HEAD], s[piece + IS_LAST] = int64(head), int64(in_packet == 0)
        s[piece + MESSAGE], s[piece + NODE], s[piece + COPIES] = message, order[10], -1
        s[piece + HOPS], s[piece + HELD], s[piece + ROUTER], s[piece + ENTERED] = 0, -1, -1, -1
        s[piece + NEXT], s[piece + BEHIND], s[piece + BLOCKED] = -1, -1, 0
        s[piece + ALLOWED] = UNCONSTRAINED if head else 0
        if not head:
            s[before + BEHIND] = (piece - b.pieces) // PIECE_WIDTH
        if s[line + WAIT_FIRST] < 0:
            s[line + WAIT_FIRST] = piece
            wake(s, b, source, now)
        else:
            s[s[line + WAIT_LAST] + NEXT] = piece
        s[line + WAIT_LAST] = piece
        before = piece
        if in_packet == 0:
            variant += 1
    order[0] = next_end(s, b, now)


@njit(int64(ROWS, LAYOUT, ROWS, int64, int64), cache=True)
def advance(s, b, tokens, now, cycle):  # type: ignore[no-untyped-def]
    """Run from ``now`` up to ``cycle``, not including it, then take at most len(tokens) - 1 messages that end by ``cycle``
    into ``tokens``, whose last entry becomes :func:`next_end`. Returns (what :func:`run` returned << 20) + how many."""
    result = now * 4
    if now < cycle:
        result = run(s, b, now, cycle, 0)
    count = 0
    while count < len(tokens) - 1:
        message = s[b.counters + DUE_FIRST]
        if message < 0 or s[message + END] > cycle:
            break
        s[b.counters + DUE_FIRST] = s[message + M_NEXT]
        tokens[count] = s[message + TOKEN]
        count += 1
        free_row(s, b, message)
    tokens[len(tokens) - 1] = next_end(s, b, result >> 2)
    return (result << 20) + count
