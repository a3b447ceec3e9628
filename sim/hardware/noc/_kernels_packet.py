"""Event loop of the packet model, compiled: every piece of a packet books every link it takes, once, when it gets there.

A piece that reaches an output books it at once: it starts when the link is free, in order of arrival, provided the buffers
downstream have room; otherwise it waits in line and everything behind it in the same buffers waits too. Buffer space and
the way for the piece behind it come back when a piece starts on its next link, plus the credit's way. Events are a
calendar of intrusive lists, whose empty slots are passed over: pieces that arrive at a router, and channels whose line may
move; what reaches its terminal is only counted, in the slot of its last flit.
"""

from __future__ import annotations

from numba import int64, njit

from sim.hardware._kernel import hot, inner, lowest, words
from sim.hardware.noc._kernels_book import book, has_room, post, wake, way_is_free
from sim.hardware.noc._kernels_rows import ROWS, new_row, next_in_line
from sim.hardware.noc._packet_layout import (
    ASKED,
    ASLEEP,
    BLOCKED,
    C_LEFT,
    CAPACITY,
    CHANNEL,
    CHANNEL_WIDTH,
    COPIES,
    DEADLOCK,
    FINISHED,
    FLITS,
    KIND,
    N_CHANNEL,
    N_CHILD,
    N_CLASSES,
    N_SIBLING,
    N_TERMINALS,
    NEEDS_ROWS,
    NEVER,
    NEXT,
    NODE,
    PENDING,
    PIECE_WIDTH,
    POOL,
    REACHED,
    RESERVE,
    ROWS_LEFT,
    SLOT_ENDS,
    SLOTS,
    SOURCES,
    STOPPED,
    TAKEN,
    TIED,
    TO,
    TREE,
    UNDER_WAY,
    WAIT_FIRST,
    WAIT_LAST,
    WAKING,
    WORD_BITS,
    WORD_SHIFT,
)


@hot
def ask(s, r, piece, channel, now):  # type: ignore[no-untyped-def]
    """The piece takes the link of ``channel`` now, or stands in line for it."""
    room = int64(0)
    if s[channel + WAIT_FIRST] < 0:
        room = has_room(s, channel, min(s[piece + FLITS], s[channel + CAPACITY]), now)
        if room == 1:
            book(s, r, piece, channel, now)
            return
    s[piece + NEXT] = -1
    if s[channel + WAIT_FIRST] < 0:
        s[channel + WAIT_FIRST] = piece
        if room < 0:
            wake(s, channel, -room)
    else:
        s[s[channel + WAIT_LAST] + NEXT] = piece
    s[channel + WAIT_LAST] = piece


@inner
def branch(s, r, piece, now):  # type: ignore[no-untyped-def]
    """A piece of a multicast asks for every link that its tree takes from here, with one copy for each."""
    first = s[s[piece + NODE] + N_CHILD]
    child, count = first, 0
    while child >= 0:
        count += 1
        child = s[child + N_SIBLING]
    copies = int64(-1)
    if count > 1:
        copies = new_row(s)
        s[copies + C_LEFT] = count
        s[UNDER_WAY] += count - 1
    child = first
    while child >= 0:
        following, one = s[child + N_SIBLING], piece
        if following >= 0:
            one = new_row(s)
            for column in range(PIECE_WIDTH):
                s[one + column] = s[piece + column]
        s[one + COPIES], s[one + NODE] = copies, child
        ask(s, r, one, s[child + N_CHANNEL], now)
        child = following


@hot
def arrive(s, r, piece, now):  # type: ignore[no-untyped-def]
    """A piece that is due asks for its next link."""
    kind = s[piece + KIND]
    if kind & TIED:
        free = way_is_free(s, piece, now)
        if free == 0:
            s[piece + BLOCKED] = 1
            return
        if free < 0:
            post(s, piece, -free)
            return
    s[piece + ASKED] = now
    if kind & TREE:
        branch(s, r, piece, now)
    else:
        ask(s, r, piece, s[piece + TO], now)


@inner
def serve(s, r, channel, now):  # type: ignore[no-untyped-def]
    """Let the line of ``channel`` move as far as creation times (at sources), the pieces ahead and buffers allow. False when
    it could go on if there were rows."""
    s[channel + WAKING] = 0
    while s[channel + WAIT_FIRST] >= 0:
        piece = s[channel + WAIT_FIRST]
        if channel >= s[SOURCES]:
            if s[ROWS_LEFT] < s[RESERVE]:
                return False
            created = s[piece + ASKED]
            if created - now >= s[SLOTS] // 2:
                s[ASLEEP] = min(s[ASLEEP], created)
                return True
            if created > now:
                wake(s, channel, created)
                return True
            free = way_is_free(s, piece, now) if s[piece + KIND] & TIED else int64(1)
            if free == 0:
                s[piece + BLOCKED], s[piece + CHANNEL] = 2, channel
                return True
            if free < 0:
                wake(s, channel, -free)
                return True
        room = has_room(s, channel, min(s[piece + FLITS], s[channel + CAPACITY]), now)
        if room <= 0:
            if room < 0:
                wake(s, channel, -room)
            return True
        s[channel + WAIT_FIRST] = s[piece + NEXT]
        book(s, r, piece, channel, now)
        if channel >= s[SOURCES]:
            next_in_line(s, r, channel, piece)
    return True


@inner
def rouse(s, r, now):  # type: ignore[no-untyped-def]
    """Look again at the sources that wait for a creation time. False when rows ran out: to be called again then."""
    s[ASLEEP] = NEVER
    for terminal in range(s[N_TERMINALS]):
        channel = s[SOURCES] + terminal * s[N_CLASSES] * CHANNEL_WIDTH
        if s[channel + WAKING] == 0 and s[channel + WAIT_FIRST] >= 0 and not serve(s, r, channel, now):
            s[ASLEEP] = now
            return False
    return True


@hot
def do_slot(s, r, now):  # type: ignore[no-untyped-def]
    """All that is due in cycle ``now``. False when rows ran out on the way."""
    number = now & (s[SLOTS] - 1)
    slot = s[SLOT_ENDS] + number * 4
    s[FINISHED] += s[slot + 3]
    s[UNDER_WAY] -= s[slot + 2]
    s[PENDING] -= s[slot + 2]
    s[slot + 2] = 0
    s[slot + 3] = 0
    pool = s[POOL]
    while s[slot] >= 0:
        if s[ROWS_LEFT] < s[RESERVE]:
            return False
        actor = s[slot]
        s[PENDING] -= 1
        s[slot] = s[actor + NEXT]
        if actor >= pool:
            arrive(s, r, actor, now)
        elif not serve(s, r, actor, now):
            s[actor + WAKING] = 1
            s[PENDING] += 1
            if s[slot] < 0:
                s[slot + 1] = actor
            s[actor + NEXT] = s[slot]
            s[slot] = actor
            return False
    s[s[TAKEN] + (number >> WORD_SHIFT)] &= ~(1 << (number & (WORD_BITS - 1)))
    return True


@inner
def next_taken(s, now):  # type: ignore[no-untyped-def]
    """The first cycle from ``now`` on whose slot holds anything; some slot does."""
    number, taken = now & (s[SLOTS] - 1), s[TAKEN]
    place = number >> WORD_SHIFT
    word = s[taken + place] & (-1 << (number & (WORD_BITS - 1)))
    while word == 0:
        place = (place + 1) & ((s[SLOTS] >> WORD_SHIFT) - 1)
        word = s[taken + place]
    return now + (((place << WORD_SHIFT) + lowest(word) - number) & (s[SLOTS] - 1))


@inner
def run_until(s, r, now, until, stop_when_finished):  # type: ignore[no-untyped-def]
    """Cycles from ``now`` on, not including ``until``. Returns 4 * (next cycle to run) + why it ended; NEEDS_ROWS: to be
    called again, from that cycle on, when the pool has grown."""
    while now < until:
        if s[PENDING] == 0:
            if s[ASLEEP] == NEVER:
                if s[UNDER_WAY] > 0:
                    return now * 4 + DEADLOCK
                return until * 4 + REACHED
            now = max(now, s[ASLEEP])
            if now >= until:
                return until * 4 + REACHED
        if s[ASLEEP] - now < s[SLOTS] // 2 and not rouse(s, r, now):
            return now * 4 + NEEDS_ROWS
        if s[PENDING] > 0:
            following = min(next_taken(s, now), until, max(now, s[ASLEEP] - s[SLOTS] // 2 + 1))
            if following > now and (stop_when_finished == 0 or s[FINISHED] < stop_when_finished):
                now = following
                continue
            if not do_slot(s, r, now):
                return now * 4 + NEEDS_ROWS
        now += 1
        if stop_when_finished != 0 and s[FINISHED] >= stop_when_finished:
            return now * 4 + STOPPED
    return now * 4 + REACHED


@njit(int64(ROWS, ROWS, int64, int64, int64), cache=True)
def run(state, records, now, until, stop_when_finished):  # type: ignore[no-untyped-def]
    """:func:`run_until` for arrays."""
    return run_until(words(state), words(records), now, until, stop_when_finished)
