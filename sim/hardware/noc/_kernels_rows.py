"""Rows of the packet model's pool, and the messages in them, compiled: taken, given back, booked to their end."""

from __future__ import annotations

from numba import njit

from sim.hardware.noc._packet_layout import (
    DUE_FIRST,
    END,
    FIRST_MESSAGE,
    FREE_ROW,
    FRESH,
    LAST_MESSAGE,
    M_NEXT,
    M_PREVIOUS,
    NEXT,
    ORIGIN,
    PIECE_WIDTH,
    PIECES,
    UNBOOKED,
)


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
