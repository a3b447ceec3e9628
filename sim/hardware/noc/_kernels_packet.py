"""Event loop of the packet model, compiled: every piece of a packet books every link it takes, once, when it gets there.

A piece that reaches an output books it at once: it starts when the link is free, in order of arrival, provided the buffers
downstream have room; otherwise it waits in line and everything behind it in the same buffers waits too. Buffer space and
the way for the piece behind it come back when a piece starts on its next link, plus the credit's way. Events are a
calendar of intrusive lists: pieces that arrive or finish, and channels whose line may move.
"""

from __future__ import annotations

from numba import int64, njit, void

from sim.hardware.noc._kernels_rows import booked_to_the_end, free_row, new_row
from sim.hardware.noc._packet_layout import (
    ALLOW_RING,
    ALLOW_TIMES,
    ALLOWED,
    ASKED,
    ASLEEP,
    BEHIND,
    BLOCKED,
    C_LEFT,
    CAPACITY,
    CHANNEL,
    CHANNEL_WIDTH,
    CHANNELS,
    CLASS,
    COPIES,
    CREATED,
    DEADLOCK,
    DELAY,
    DESTINATION,
    DONE,
    ENDS_MESSAGE,
    ENTERED,
    FINISHED,
    FLITS,
    FREE,
    HEAD_CYCLES,
    HELD,
    HOPS,
    IDLE,
    IS_HEAD,
    IS_LAST,
    MESSAGE,
    N_CHANNEL,
    N_CHILD,
    N_CLASSES,
    N_PORTS,
    N_ROUTERS,
    N_SIBLING,
    N_TERMINALS,
    NEVER,
    NEXT,
    NODE,
    ORDER,
    PACKET,
    PENDING,
    PIECE_WIDTH,
    PIECES,
    POOL_WIDTH,
    PORT_BITS,
    PORT_MASK,
    PORT_ROW,
    PORT_WIDTH,
    PORTS,
    REACHED,
    RELEASE_FIRST,
    RELEASE_RING,
    RELEASES,
    RETURN,
    RING,
    ROUTE_TABLE,
    ROUTER,
    SENT,
    SLOT_ENDS,
    SLOTS,
    SOURCES,
    STALLED,
    STOPPED,
    TAIL,
    TARGET,
    UNDER_WAY,
    USED,
    VARIANT,
    WAIT_FIRST,
    WAIT_LAST,
    WAITED,
    WAKING,
)

ROWS = int64[::1]


@njit(inline="always")
def post(s, actor, when):  # type: ignore[no-untyped-def]
    """Make ``actor``, a row of a channel or a piece, due in cycle ``when``, after those that already are."""
    slot = s[SLOT_ENDS] + (when & (s[SLOTS] - 1)) * 2
    s[actor + NEXT] = -1
    if s[slot] < 0:
        s[slot] = actor
    else:
        s[s[slot + 1] + NEXT] = actor
    s[slot + 1] = actor
    s[PENDING] += 1


@njit(inline="always")
def wake(s, channel, when):  # type: ignore[no-untyped-def]
    """Look at the line of ``channel`` again in cycle ``when``, unless it will be looked at anyway."""
    if s[channel + WAKING] == 0:
        s[channel + WAKING] = 1
        post(s, channel, when)


@njit(inline="always")
def release(s, channel, flits, when, now):  # type: ignore[no-untyped-def]
    """``flits`` of buffer behind ``channel`` are free again from ``when`` on."""
    at = s[channel + RELEASE_FIRST] + s[channel + RELEASES]
    if at >= s[POOL_WIDTH]:
        at -= s[POOL_WIDTH]
    ring = s[channel + RELEASE_RING]
    s[ring + at * 2] = when
    s[ring + at * 2 + 1] = flits
    s[channel + RELEASES] += 1
    if s[channel + WAIT_FIRST] >= 0:
        wake(s, channel, max(s[ring + s[channel + RELEASE_FIRST] * 2], now))


@njit(inline="always")
def leave(s, channel, flits, back, now):  # type: ignore[no-untyped-def]
    """A piece starts on its next link, so that credits for ``channel`` come back from ``back`` on, one a cycle.

    A train longer than the buffers has them to itself until its tail is in, and stops its link while they are full."""
    capacity = s[channel + CAPACITY]
    if flits > capacity:
        back += flits - capacity
        port = s[channel + PORT_ROW]
        s[port + FREE] = max(s[port + FREE], back)
    release(s, channel, min(flits, capacity), back, now)


@njit(inline="always")
def has_room(s, channel, flits, now):  # type: ignore[no-untyped-def]
    """Is there buffer for ``flits`` behind ``channel``? Returns 1, or minus the cycle of the next release (0: unknown)."""
    while s[channel + USED] + flits > s[channel + CAPACITY]:
        if s[channel + RELEASES] == 0:
            return 0
        first = s[channel + RELEASE_FIRST]
        at = s[channel + RELEASE_RING] + first * 2
        if s[at] > now:
            return -s[at]
        s[channel + USED] -= s[at + 1]
        s[channel + RELEASES] -= 1
        s[channel + RELEASE_FIRST] = first + 1 if first + 1 < s[POOL_WIDTH] else 0
    return 1


@njit(inline="always")
def make_way(s, piece, when, now):  # type: ignore[no-untyped-def]
    """The piece behind ``piece`` may take its next hop from ``when`` on: its first credit is back."""
    behind = s[piece + BEHIND]
    if behind < 0:
        return
    s[behind + ALLOW_TIMES + s[behind + ALLOWED] % ALLOW_RING] = when
    s[behind + ALLOWED] += 1
    if s[behind + BLOCKED] == 1:
        s[behind + BLOCKED] = 0
        post(s, behind, max(when, now))
    elif s[behind + BLOCKED] == 2:
        s[behind + BLOCKED] = 0
        wake(s, s[behind + CHANNEL], max(when, now))


@njit(inline="always")
def last_copy(s, piece):  # type: ignore[no-untyped-def]
    """Is ``piece``, which starts now, the last of the copies that share its place in the buffer (or the only one)?"""
    copies = s[piece + COPIES]
    if copies < 0:
        return True
    s[piece + COPIES] = -1
    s[copies + C_LEFT] -= 1
    if s[copies + C_LEFT] > 0:
        return False
    free_row(s, copies)
    return True


@njit(void(ROWS, int64, int64, int64), cache=True)
def book(s, piece, channel, now):  # type: ignore[no-untyped-def]
    """The piece takes the link of ``channel`` from the first free cycle on."""
    at = s[channel + PORT_ROW]
    flits, held = s[piece + FLITS], s[piece + HELD]
    start = max(now, s[at + FREE])
    s[at + STALLED] += start - max(s[at + FREE], s[piece + ASKED])
    s[at + WAITED] += start - s[piece + ASKED]
    s[at + FREE] = start + flits
    s[at + SENT] += flits
    s[channel + USED] += min(flits, s[channel + CAPACITY])
    s[piece + HOPS] += 1
    s[piece + HELD] = channel
    if held >= 0:
        if s[piece + IS_LAST] == ENDS_MESSAGE:
            s[s[piece + MESSAGE] + IDLE] += start - s[piece + ASKED]
        if last_copy(s, piece):
            back = start + s[s[held + PORT_ROW] + RETURN]
            leave(s, held, flits, back, now)
            make_way(s, piece, back, now)
    else:
        s[piece + ENTERED] = start
        if s[piece + MESSAGE] >= 0:
            s[s[piece + MESSAGE] + TAIL] = start + flits
        s[UNDER_WAY] += 1
    arrival = start + s[at + DELAY]
    if s[at + TARGET] < 0:
        back = arrival + s[at + RETURN]
        leave(s, channel, flits, back, now)
        make_way(s, piece, back, now)
        if s[piece + MESSAGE] >= 0:
            booked_to_the_end(s, s[piece + MESSAGE], flits, arrival + flits - 1)
            s[UNDER_WAY] -= 1
            free_row(s, piece)
            return
        s[piece + ROUTER] = -1
        post(s, piece, arrival + flits - 1)
        return
    s[piece + ROUTER] = s[at + TARGET]
    post(s, piece, arrival + s[piece + IS_HEAD] * s[HEAD_CYCLES])


@njit(inline="always")
def next_channel(s, piece):  # type: ignore[no-untyped-def]
    """The channel that the route table gives for the piece at its router; classes persist along a ring."""
    router = s[piece + ROUTER]
    table = s[piece + VARIANT] * s[N_ROUTERS] + router
    entry = s[s[ROUTE_TABLE] + table * s[N_TERMINALS] + s[piece + DESTINATION]]
    port, vc_class = router * s[N_PORTS] + (entry & PORT_MASK), entry >> PORT_BITS
    ring = s[PORTS + port * PORT_WIDTH + RING]
    if ring >= 0 and ring == s[s[s[piece + HELD] + PORT_ROW] + RING]:
        vc_class = s[piece + CLASS]
    s[piece + CLASS] = vc_class
    return s[CHANNELS] + (port * s[N_CLASSES] + vc_class) * CHANNEL_WIDTH


@njit(inline="always")
def way_is_free(s, piece, now):  # type: ignore[no-untyped-def]
    """Has the piece ahead made way? Returns 1, or minus the cycle in which it will have (0: unknown)."""
    hop, allowed = s[piece + HOPS], s[piece + ALLOWED]
    if allowed <= hop:
        return 0
    if allowed - hop > ALLOW_RING:
        return 1
    when = s[piece + ALLOW_TIMES + hop % ALLOW_RING]
    return 1 if when <= now else -when


@njit(void(ROWS, int64, int64, int64), cache=True)
def ask(s, piece, channel, now):  # type: ignore[no-untyped-def]
    """The piece takes the link of ``channel`` now, or stands in line for it."""
    room = int64(0)
    if s[channel + WAIT_FIRST] < 0:
        room = has_room(s, channel, min(s[piece + FLITS], s[channel + CAPACITY]), now)
        if room == 1:
            book(s, piece, channel, now)
            return
    s[piece + NEXT] = -1
    if s[channel + WAIT_FIRST] < 0:
        s[channel + WAIT_FIRST] = piece
        if room < 0:
            wake(s, channel, -room)
    else:
        s[s[channel + WAIT_LAST] + NEXT] = piece
    s[channel + WAIT_LAST] = piece


@njit(void(ROWS, int64, int64), cache=True)
def branch(s, piece, now):  # type: ignore[no-untyped-def]
    """A piece of a multicast asks for every link that its tree takes from here, with one copy for each."""
    child, count = s[s[piece + NODE] + N_CHILD], 0
    while child >= 0:
        count += 1
        child = s[child + N_SIBLING]
    copies = int64(-1)
    if count > 1:
        copies = new_row(s)
        s[copies + C_LEFT] = count
        s[UNDER_WAY] += count - 1
    child = s[s[piece + NODE] + N_CHILD]
    while child >= 0:
        following, one = s[child + N_SIBLING], piece
        if following >= 0:
            one = new_row(s)
            for column in range(PIECE_WIDTH):
                s[one + column] = s[piece + column]
        s[one + COPIES], s[one + NODE] = copies, child
        ask(s, one, s[child + N_CHANNEL], now)
        child = following


@njit(void(ROWS, int64, int64), cache=True)
def arrive(s, piece, now):  # type: ignore[no-untyped-def]
    """A piece is due: its tail reached its terminal, or it asks for the next link."""
    if s[piece + ROUTER] < 0:
        s[piece + DONE] = now
        s[UNDER_WAY] -= 1
        if s[piece + IS_LAST]:
            s[s[PIECES] + s[FINISHED] * PIECE_WIDTH + ORDER] = s[piece + PACKET]
            s[FINISHED] += 1
        return
    free = way_is_free(s, piece, now)
    if free == 0:
        s[piece + BLOCKED] = 1
        return
    if free < 0:
        post(s, piece, -free)
        return
    s[piece + ASKED] = now
    if s[piece + NODE] >= 0:
        branch(s, piece, now)
    else:
        ask(s, piece, next_channel(s, piece), now)


@njit(void(ROWS, int64, int64), cache=True)
def serve(s, channel, now):  # type: ignore[no-untyped-def]
    """Let the line of ``channel`` move as far as creation times (at sources), the pieces ahead and buffers allow."""
    s[channel + WAKING] = 0
    while s[channel + WAIT_FIRST] >= 0:
        piece = s[channel + WAIT_FIRST]
        if channel >= s[SOURCES]:
            created = s[piece + CREATED]
            if created - now >= s[SLOTS] // 2:
                s[ASLEEP] = min(s[ASLEEP], created)
                return
            if created > now:
                wake(s, channel, created)
                return
            free = way_is_free(s, piece, now)
            if free == 0:
                s[piece + BLOCKED], s[piece + CHANNEL] = 2, channel
                return
            if free < 0:
                wake(s, channel, -free)
                return
        room = has_room(s, channel, min(s[piece + FLITS], s[channel + CAPACITY]), now)
        if room <= 0:
            if room < 0:
                wake(s, channel, -room)
            return
        s[channel + WAIT_FIRST] = s[piece + NEXT]
        book(s, piece, channel, now)


@njit(void(ROWS, int64), cache=True)
def rouse(s, now):  # type: ignore[no-untyped-def]
    """Look again at the sources that wait for a creation time."""
    s[ASLEEP] = NEVER
    for terminal in range(s[N_TERMINALS]):
        channel = s[SOURCES] + terminal * s[N_CLASSES] * CHANNEL_WIDTH
        if s[channel + WAKING] == 0 and s[channel + WAIT_FIRST] >= 0:
            serve(s, channel, now)


@njit(int64(ROWS, int64, int64, int64), cache=True)
def run(s, now, until, stop_when_finished):  # type: ignore[no-untyped-def]
    """Cycles from ``now`` on, not including ``until``. Returns 4 * (next cycle to run) + why it ended."""
    while now < until:
        if s[PENDING] == 0:
            if s[ASLEEP] == NEVER:
                if s[UNDER_WAY] > 0:
                    return now * 4 + DEADLOCK
                return until * 4 + REACHED
            now = max(now, s[ASLEEP])
            if now >= until:
                return until * 4 + REACHED
        if s[ASLEEP] - now < s[SLOTS] // 2:
            rouse(s, now)
        slot = s[SLOT_ENDS] + (now & (s[SLOTS] - 1)) * 2
        while s[slot] >= 0:
            actor = s[slot]
            s[PENDING] -= 1
            s[slot] = s[actor + NEXT]
            if actor < s[PIECES]:
                serve(s, actor, now)
            else:
                arrive(s, actor, now)
        now += 1
        if stop_when_finished != 0 and s[FINISHED] >= stop_when_finished:
            return now * 4 + STOPPED
    return now * 4 + REACHED
