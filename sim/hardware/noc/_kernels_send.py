"""Messages through the packet model, compiled: cut into packets, sent, delivered, and when at the earliest one ends.

A message's end is known as soon as its last flit is booked into its terminal. Before that there are lower bounds: the
flits queued before its tail at its source, what its tail (each copy of it) has waited for links since, and the flits that
it still has to bring through its terminal's port, each after what has booked that port (at one of several terminals at
least its last piece, for pieces keep their order). Whoever waits for the next end may therefore look too early, but never
too late, and nothing is ever computed ahead of time and thrown away.
"""

from __future__ import annotations

from numba import int64, njit

from sim.hardware._kernel import hot, inner, moved, words
from sim.hardware.noc._kernels_book import wake
from sim.hardware.noc._kernels_packet import run_until
from sim.hardware.noc._kernels_rows import ROWS, free_row, new_row, next_in_line
from sim.hardware.noc._packet_layout import (
    ALL_PORTS,
    CHANNEL_WIDTH,
    CUTS,
    DESTINATION,
    DUE_FIRST,
    EJECT,
    EJECT_CYCLES,
    FIRST_MESSAGE,
    FREE,
    IDLE,
    IN_PACKET,
    LAST_FLITS,
    LAST_MESSAGE,
    LEAVES,
    M_END,
    M_NEXT,
    M_PREVIOUS,
    N_CLASSES,
    N_TERMINALS,
    NEEDS_ROWS,
    NEVER,
    ORIGIN,
    PACKET_FLITS,
    PIECE_FLITS,
    PORT_ROW,
    PORT_WIDTH,
    PORTS,
    QUEUED,
    ROOT,
    ROWS_LEFT,
    SENT,
    SENT_AT,
    SOURCES,
    TAIL,
    TICKET,
    TOKEN,
    UNBOOKED,
    UNCUT,
    VARIANT,
    VARIANTS,
    W_COPIES,
    W_DESTINATION,
    W_HEADS,
    W_IDLE,
    W_PORT,
    W_SOURCE,
    W_TREE,
    W_VARIANTS,
    WAIT_FIRST,
)


@hot
def new_message(s, way, flits, token, now):  # type: ignore[no-untyped-def]
    """A row for a message of ``flits`` at the end of its source's list."""
    message = new_row(s)
    source = PORTS + (s[ALL_PORTS] + s[way + W_SOURCE]) * PORT_WIDTH
    s[source + QUEUED] += flits
    s[message + ORIGIN], s[message + TICKET] = source, s[source + QUEUED]
    s[message + LEAVES], s[message + UNBOOKED] = s[way + W_COPIES], flits * s[way + W_COPIES]
    s[message + IDLE], s[message + EJECT], s[message + TOKEN] = s[way + W_IDLE], s[way + W_PORT], token
    s[message + M_END] = now
    last = s[source + LAST_MESSAGE]
    s[message + M_PREVIOUS], s[message + M_NEXT] = last, -1
    if last >= 0:
        s[last + M_NEXT] = message
    else:
        s[source + FIRST_MESSAGE] = message
    s[source + LAST_MESSAGE] = message
    return message


@hot
def to_cut(s, message, way, flits, packet, longest, now):  # type: ignore[no-untyped-def]
    """What its source has to know to cut ``message`` into packets and pieces."""
    s[message + UNCUT], s[message + IN_PACKET], s[message + SENT_AT] = flits, 0, now
    s[message + PACKET_FLITS], s[message + PIECE_FLITS] = packet, longest
    s[message + DESTINATION], s[message + ROOT] = s[way + W_DESTINATION], s[way + W_TREE]
    s[message + VARIANT], s[message + VARIANTS] = s[message + TOKEN] + s[way + W_VARIANTS] - 1, s[way + W_VARIANTS]
    s[message + TAIL] = now
    in_last = (flits - 1) % packet
    s[message + LAST_FLITS] = in_last % longest + 1
    if in_last >= longest:
        s[message + IDLE] -= s[way + W_HEADS]


@hot
def leaves_source(s, source, message, now):  # type: ignore[no-untyped-def]
    """The cycle after the last flit of ``message`` leaves its source, or an earlier one; in order of the source's list."""
    ahead = s[message + TICKET] - s[source + SENT]
    return max(now, s[source + FREE]) + ahead if ahead > 0 else s[message + TAIL]


@hot
def bound(s, message, tail, now):  # type: ignore[no-untyped-def]
    """A cycle before which ``message`` cannot end that leaves its source by ``tail`` at the earliest."""
    port, start = s[message + EJECT], now
    if port >= 0:
        start = max(now, s[port + FREE])
    flits, leaves = s[message + UNBOOKED], s[message + LEAVES]
    if leaves > 1:
        flits = max((flits + leaves - 1) // leaves, s[message + LAST_FLITS])
    return max(s[message + M_END], tail - 1 + s[message + IDLE], start + flits + s[EJECT_CYCLES] - 1)


@inner
def next_end(s, now):  # type: ignore[no-untyped-def]
    """The cycle in which the next message ends, or an earlier one that is not before ``now``; NEVER without messages.

    What leaves its source after that ends after it, and so does all behind it in the list of the source."""
    found = s[DUE_FIRST]
    earliest = s[found + M_END] if found >= 0 else NEVER
    first = PORTS + s[ALL_PORTS] * PORT_WIDTH
    for terminal in range(s[N_TERMINALS]):
        source = first + terminal * PORT_WIDTH
        message = s[source + FIRST_MESSAGE]
        while message >= 0:
            tail = leaves_source(s, source, message, now)
            if tail > earliest:
                break
            earliest = min(earliest, bound(s, message, tail, now))
            message = s[message + M_NEXT]
    return earliest


@njit(int64(ROWS, int64, int64, int64, int64, int64, int64, int64), cache=True)
def send(state, way, now, cycle, flits, packet, longest, number):  # type: ignore[no-untyped-def]
    """Run from ``now`` up to ``cycle``, not including it, then queue message ``number`` of ``flits`` on its ``way`` (a row),
    in packets of ``packet`` flits and pieces of at most ``longest``. Returns :func:`next_end`; or, with nothing queued, -1
    minus what the run returned when it did not get there or there are no rows."""
    s, result = words(state), now * 4
    if now < cycle:
        result = run_until(s, s, now, cycle, 0)
        now = result >> 2
    if s[ROWS_LEFT] < 2:
        result = now * 4 + NEEDS_ROWS
    if result & 3:
        return -1 - result
    message = new_message(s, way, flits, number, now)
    to_cut(s, message, way, flits, packet, longest, now)
    channel = s[SOURCES] + s[way + W_SOURCE] * s[N_CLASSES] * CHANNEL_WIDTH
    if s[channel + WAIT_FIRST] < 0:
        s[s[channel + PORT_ROW] + CUTS] = message
        next_in_line(s, s, channel, -1)
        wake(s, channel, now)
    return next_end(s, now)


@inner
def look_ahead(s, found, now, quiet):  # type: ignore[no-untyped-def]
    """Nothing is sent before cycle ``quiet``: run on from ``now`` to each :func:`next_end` up to there that turns out not to
    be the end of a message. ``found`` becomes the next one and the cycle that the state is before. Returns as the run."""
    result, following = now * 4, next_end(s, now)
    while now < following <= quiet and (s[DUE_FIRST] < 0 or s[s[DUE_FIRST] + M_END] > following):
        result = run_until(s, s, now, following, 0)
        if result & 3:
            break
        now = following
        following = next_end(s, now)
    found[0], found[1] = following, now
    return result


@njit(int64(ROWS, ROWS, int64, int64, int64), cache=True)
def advance(state, answers, now, cycle, quiet):  # type: ignore[no-untyped-def]
    """Run from ``now`` up to ``cycle``, not including it, then take at most len(answers) - 2 messages that end by ``cycle``
    into ``answers``; when there are none, :func:`look_ahead`. The last entries of ``answers`` become :func:`next_end` and
    the cycle that the state is before. Returns how many were taken; or, with none taken, -1 minus what the run returned when
    it did not get there."""
    s = words(state)
    if now < cycle:
        result = run_until(s, s, now, cycle, 0)
        if result & 3:
            return -1 - result
        now = cycle
    most, count = len(answers) - 2, 0
    while count < most:
        message = s[DUE_FIRST]
        if message < 0 or s[message + M_END] > cycle:
            break
        s[DUE_FIRST] = s[message + M_NEXT]
        answers[count] = s[message + TOKEN]
        count += 1
        free_row(s, message)
    result = look_ahead(s, moved(words(answers), most), now, 0 if count > 0 else quiet)
    return -1 - result if result & 3 else count
