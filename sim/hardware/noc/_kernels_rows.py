"""Rows of the packet model's pool, and what is in them, compiled: packets queued, messages booked to their end."""

from __future__ import annotations

from numba import int64, njit, void

from sim.hardware.noc._packet_layout import (
    ALLOWED,
    ASKED,
    BEHIND,
    BLOCKED,
    CHANNEL,
    CHANNEL_WIDTH,
    CLASS,
    COPIES,
    CREATED,
    DESTINATION,
    DONE,
    DUE_FIRST,
    END,
    ENTERED,
    FIRST_MESSAGE,
    FLITS,
    FREE_ROW,
    FRESH,
    HELD,
    HOPS,
    IS_HEAD,
    IS_LAST,
    LAST_MESSAGE,
    M_NEXT,
    M_PREVIOUS,
    MESSAGE,
    N_CLASSES,
    NEXT,
    NODE,
    ORIGIN,
    PACKET,
    PIECE_WIDTH,
    PIECES,
    ROUTER,
    SOURCE,
    SOURCES,
    UNBOOKED,
    UNCONSTRAINED,
    VARIANT,
    WAIT_FIRST,
    WAIT_LAST,
)

ROWS = int64[::1]


@njit(inline="always")
def new_row(s):  # type: ignore[no-untyped-def]
    """Where a row begins that nobody uses; whoever sends has made sure that there is one."""
    row = s[FREE_ROW]
    if row >= 0:
        s[FREE_ROW] = s[row + NEXT]
        return row
    row = s[PIECES] + s[FRESH] * PIECE_WIDTH
    s[FRESH] += 1
    return row


@njit(inline="always")
def free_row(s, row):  # type: ignore[no-untyped-def]
    """Nobody uses ``row`` any more."""
    s[row + NEXT] = s[FREE_ROW]
    s[FREE_ROW] = row


@njit(inline="always")
def booked_to_the_end(s, message, flits, end):  # type: ignore[no-untyped-def]
    """``flits`` of ``message`` will all have reached a terminal in cycle ``end``; with the last, its end is known."""
    s[message + END] = max(s[message + END], end)
    s[message + UNBOOKED] -= flits
    if s[message + UNBOOKED] == 0:
        leave_source(s, message)
        insert_due(s, message)


@njit(inline="always")
def leave_source(s, message):  # type: ignore[no-untyped-def]
    """Take ``message`` out of the list of its source."""
    source = s[message + ORIGIN]
    previous, following = s[message + M_PREVIOUS], s[message + M_NEXT]
    if previous >= 0:
        s[previous + M_NEXT] = following
    else:
        s[source + FIRST_MESSAGE] = following
    if following >= 0:
        s[following + M_PREVIOUS] = previous
    else:
        s[source + LAST_MESSAGE] = previous


@njit(inline="always")
def insert_due(s, message):  # type: ignore[no-untyped-def]
    """Put ``message`` in the list of known ends, behind those that end no later."""
    at, following = DUE_FIRST, s[DUE_FIRST]
    while following >= 0 and s[following + END] <= s[message + END]:
        at = following + M_NEXT
        following = s[at]
    s[at] = message
    s[message + M_NEXT] = following


@njit(void(ROWS, ROWS, ROWS, ROWS, ROWS, ROWS, ROWS, ROWS, int64, int64, int64), cache=True)
def queue_packets(s, source, destination, flits, created, variant, first, last, number, packet, longest):  # type: ignore[no-untyped-def]
    """Put packets behind the lines of their sources, in pieces of at most ``longest`` flits: rows from piece ``number`` on.
    ``first`` and ``last`` become each packet's first and last piece; their own numbers begin with ``packet``."""
    for one in range(len(source)):
        line = s[SOURCES] + source[one] * s[N_CLASSES] * CHANNEL_WIDTH
        left = flits[one]
        first[one] = number
        while left > 0:
            part = min(left, longest)
            head = left == flits[one]
            left -= part
            piece = s[PIECES] + number * PIECE_WIDTH
            number += 1
            s[piece + FLITS], s[piece + SOURCE], s[piece + DESTINATION] = part, source[one], destination[one]
            s[piece + CREATED], s[piece + ASKED], s[piece + VARIANT] = created[one], created[one], variant[one]
            s[piece + PACKET], s[piece + IS_HEAD], s[piece + IS_LAST] = packet + one, int64(head), int64(left == 0)
            s[piece + BEHIND] = -1 if left == 0 else piece + PIECE_WIDTH
            s[piece + ALLOWED] = UNCONSTRAINED if head else 0
            s[piece + HOPS], s[piece + CLASS], s[piece + BLOCKED], s[piece + CHANNEL] = 0, 0, 0, 0
            s[piece + HELD], s[piece + ROUTER], s[piece + NEXT] = -1, -1, -1
            s[piece + MESSAGE], s[piece + NODE], s[piece + COPIES] = -1, -1, -1
            s[piece + ENTERED], s[piece + DONE] = -1, -1
            if s[line + WAIT_FIRST] >= 0:
                s[s[line + WAIT_LAST] + NEXT] = piece
            else:
                s[line + WAIT_FIRST] = piece
            s[line + WAIT_LAST] = piece
        last[one] = number - 1
