"""Messages of the packet model, compiled: booked to their end, in order of it."""

from __future__ import annotations

from sim.hardware._kernel import hot, inner
from sim.hardware.noc._packet_layout import (
    DUE_FIRST,
    FIRST_MESSAGE,
    LAST_MESSAGE,
    M_END,
    M_NEXT,
    M_PREVIOUS,
    ORIGIN,
    UNBOOKED,
)


@hot
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


@hot
def insert_due(s, message):  # type: ignore[no-untyped-def]
    """Put ``message`` in the list of known ends, behind those that end no later."""
    at, following = DUE_FIRST, s[DUE_FIRST]
    while following >= 0 and s[following + M_END] <= s[message + M_END]:
        at = following + M_NEXT
        following = s[at]
    s[at] = message
    s[message + M_NEXT] = following


@inner
def booked_to_the_end(s, message, flits, end):  # type: ignore[no-untyped-def]
    """``flits`` of ``message`` will all have reached a terminal in cycle ``end``; with the last, its end is known."""
    s[message + M_END] = max(s[message + M_END], end)
    s[message + UNBOOKED] -= flits
    if s[message + UNBOOKED] == 0:
        leave_source(s, message)
        insert_due(s, message)
