"""Messages through the packet model, compiled: cut into packets, sent, delivered, and when at the earliest one ends.

A message's end is known as soon as its last flit is booked into its terminal. Before that there are lower bounds: the
flits queued before its tail at its source, what its tail has waited for links since, and the flits that it still has to
bring through its terminal's port, each after what has booked that port (at one of several terminals at least its last
piece, for pieces keep their order). Whoever waits for the next end may therefore look too early, but never too late, and
nothing is ever computed ahead of time and thrown away.
"""

from __future__ import annotations

from numba import int64, njit

from sim.hardware.noc._kernels_packet import run, wake
from sim.hardware.noc._kernels_rows import free_row, new_row
from sim.hardware.noc._packet_layout import (
    ALL_PORTS,
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
    EJECT_CYCLES,
    END,
    ENDS_MESSAGE,
    ENTERED,
    FIRST_MESSAGE,
    FLITS,
    FREE,
    HELD,
    HOPS,
    IDLE,
    IS_HEAD,
    IS_LAST,
    LAST_FLITS,
    LAST_MESSAGE,
    LEAVES,
    M_NEXT,
    M_PREVIOUS,
    MESSAGE,
    N_CLASSES,
    N_TERMINALS,
    NEVER,
    NEXT,
    NODE,
    ORIGIN,
    PORT_WIDTH,
    PORTS,
    QUEUED,
    ROUTER,
    SENT,
    SOURCE,
    SOURCES,
    TAIL,
    TICKET,
    TOKEN,
    UNBOOKED,
    UNCONSTRAINED,
    VARIANT,
    W_COPIES,
    W_DESTINATION,
    W_IDLE,
    W_PORT,
    W_SOURCE,
    W_TREE,
    W_VARIANTS,
    WAIT_FIRST,
    WAIT_LAST,
)

ROWS = int64[::1]


@njit(inline="always")
def new_message(s, way, flits, token, now):  # type: ignore[no-untyped-def]
    """A row for a message of ``flits`` at the end of its source's list."""
    message = new_row(s)
    source = PORTS + (s[ALL_PORTS] + way[W_SOURCE]) * PORT_WIDTH
    s[source + QUEUED] += flits
    s[message + ORIGIN], s[message + TICKET] = source, s[source + QUEUED]
    s[message + LEAVES], s[message + UNBOOKED] = way[W_COPIES], flits * way[W_COPIES]
    s[message + IDLE], s[message + EJECT], s[message + TOKEN] = way[W_IDLE], way[W_PORT], token
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
def bound(s, message, now):  # type: ignore[no-untyped-def]
    """A cycle before which ``message`` cannot end."""
    source = s[message + ORIGIN]
    ahead = s[message + TICKET] - s[source + SENT]
    tail = max(now, s[source + FREE]) + ahead if ahead > 0 else s[message + TAIL]
    port, start = s[message + EJECT], now
    if port >= 0:
        start = max(now, s[port + FREE])
    flits, leaves = s[message + UNBOOKED], s[message + LEAVES]
    if leaves > 1:
        flits = max((flits + leaves - 1) // leaves, s[message + LAST_FLITS])
    return max(tail - 1 + s[message + IDLE], start + flits + s[EJECT_CYCLES] - 1)


@njit(int64(ROWS, int64), cache=True)
def next_end(s, now):  # type: ignore[no-untyped-def]
    """The cycle in which the next message ends, or an earlier one that is not before ``now``; NEVER without messages."""
    found = s[DUE_FIRST]
    earliest = s[found + END] if found >= 0 else NEVER
    first = PORTS + s[ALL_PORTS] * PORT_WIDTH
    for source in range(first, first + s[N_TERMINALS] * PORT_WIDTH, PORT_WIDTH):
        message = s[source + FIRST_MESSAGE]
        while message >= 0:
            earliest = min(earliest, bound(s, message, now))
            message = s[message + M_NEXT]
    return earliest


@njit(int64(ROWS, ROWS, ROWS, int64, int64, int64, int64, int64, int64, int64), cache=True)
def send(s, answers, way, now, cycle, flits, packet, longest, variant, token):  # type: ignore[no-untyped-def]
    """Run from ``now`` up to ``cycle``, not including it, then queue a message of ``flits`` on its ``way`` (see the
    ``W_`` columns), in packets of ``packet`` flits and pieces of at most ``longest``, on route sets from ``variant`` on.
    The last of ``answers`` becomes :func:`next_end`. Returns what :func:`run` returned."""
    result = now * 4
    if now < cycle:
        result = run(s, now, cycle, 0)
        now = result >> 2
    message = new_message(s, way, flits, token, now)
    left, in_packet, before = flits, int64(0), int64(-1)
    line = s[SOURCES] + way[W_SOURCE] * s[N_CLASSES] * CHANNEL_WIDTH
    while left > 0:
        head = in_packet == 0
        if head:
            in_packet = min(left, packet)
        part = min(in_packet, longest)
        in_packet -= part
        left -= part
        s[message + LAST_FLITS] = part
        piece = new_row(s)
        s[piece + SOURCE], s[piece + DESTINATION], s[piece + FLITS] = way[W_SOURCE], way[W_DESTINATION], part
        s[piece + CREATED], s[piece + ASKED], s[piece + VARIANT] = now, now, variant % way[W_VARIANTS]
        s[piece + IS_HEAD], s[piece + IS_LAST] = int64(head), int64(in_packet == 0)
        if left == 0 and in_packet == 0 and way[W_TREE] < 0:
            s[piece + IS_LAST] = ENDS_MESSAGE
        s[piece + MESSAGE], s[piece + NODE], s[piece + COPIES] = message, way[W_TREE], -1
        s[piece + HOPS], s[piece + HELD], s[piece + ROUTER], s[piece + ENTERED] = 0, -1, -1, -1
        s[piece + NEXT], s[piece + BEHIND], s[piece + BLOCKED] = -1, -1, 0
        s[piece + ALLOWED] = UNCONSTRAINED if head else 0
        if not head:
            s[before + BEHIND] = piece
        if s[line + WAIT_FIRST] < 0:
            s[line + WAIT_FIRST] = piece
            wake(s, line, now)
        else:
            s[s[line + WAIT_LAST] + NEXT] = piece
        s[line + WAIT_LAST] = piece
        before = piece
        if in_packet == 0:
            variant += 1
    answers[len(answers) - 1] = next_end(s, now)
    return result


@njit(int64(ROWS, ROWS, int64, int64), cache=True)
def advance(s, tokens, now, cycle):  # type: ignore[no-untyped-def]
    """Run from ``now`` up to ``cycle``, not including it, then take at most len(tokens) - 1 messages that end by ``cycle``
    into ``tokens``, whose last entry becomes :func:`next_end`. Returns (what :func:`run` returned << 20) + how many."""
    result = now * 4
    if now < cycle:
        result = run(s, now, cycle, 0)
    count = 0
    while count < len(tokens) - 1:
        message = s[DUE_FIRST]
        if message < 0 or s[message + END] > cycle:
            break
        s[DUE_FIRST] = s[message + M_NEXT]
        tokens[count] = s[message + TOKEN]
        count += 1
        free_row(s, message)
    tokens[len(tokens) - 1] = next_end(s, result >> 2)
    return (result << 20) + count
