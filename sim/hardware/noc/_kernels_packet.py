"""Event loop of the packet model, compiled: every piece of a packet books every link it takes, once, when it gets there.

A piece that reaches an output books it at once: it starts when the link is free, in order of arrival, provided the buffers
downstream have room; otherwise it waits in line and everything behind it in the same buffers waits too. Buffer space and
the way for the piece behind it come back when a piece starts on its next link, plus the credit's way. Events are a
calendar of intrusive lists: pieces that arrive or finish, and channels whose line may move.
"""

from __future__ import annotations

from numba import int64, njit, types, void

from sim.hardware.noc._kernels_rows import booked_to_the_end, free_row, new_row
from sim.hardware.noc._packet_layout import (
    ACTOR_NEXT,
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
    CLASS,
    COPIES,
    CREATED,
    DEADLOCK,
    DELAY,
    DESTINATION,
    DONE,
    ENTERED,
    FINISHED,
    FLITS,
    FREE,
    HELD,
    HOPS,
    IS_HEAD,
    IS_LAST,
    MESSAGE,
    N_CHANNEL,
    N_CHILD,
    N_SIBLING,
    NEVER,
    NEXT,
    NODE,
    ORDER,
    PACKET,
    PENDING,
    PIECE_WIDTH,
    PORT_BITS,
    PORT_MASK,
    PORT_WIDTH,
    REACHED,
    RELEASE_FIRST,
    RELEASES,
    RETURN,
    RING,
    ROUTER,
    SENT,
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
    PacketLayout,
)

ROWS = int64[::1]
LAYOUT = types.NamedUniTuple(int64, len(PacketLayout._fields), PacketLayout)  # type: ignore[no-untyped-call]


@njit(inline="always")
def post(s, b, link, actor, when):  # type: ignore[no-untyped-def]
    """Make ``actor`` due in cycle ``when``, after those that already are; its list pointer stands at ``link``."""
    slot = b.slot_ends + (when & (b.slots - 1)) * 2
    s[link] = -1
    if s[slot] < 0:
        s[slot] = actor
    else:
        last = s[slot + 1]
        n_channels = (b.all_ports + b.n_terminals) * b.n_classes
        if last < n_channels:
            s[b.channels + last * CHANNEL_WIDTH + ACTOR_NEXT] = actor
        else:
            s[b.pieces + (last - n_channels) * PIECE_WIDTH + NEXT] = actor
    s[slot + 1] = actor
    s[b.counters + PENDING] += 1


@njit(inline="always")
def post_piece(s, b, piece, when):  # type: ignore[no-untyped-def]
    """Make the piece at row ``piece`` due in cycle ``when``."""
    number = (piece - b.pieces) // PIECE_WIDTH
    post(s, b, piece + NEXT, (b.all_ports + b.n_terminals) * b.n_classes + number, when)


@njit(inline="always")
def wake(s, b, channel, when):  # type: ignore[no-untyped-def]
    """Look at the line of ``channel`` again in cycle ``when``, unless it will be looked at anyway."""
    row = b.channels + channel * CHANNEL_WIDTH
    if s[row + WAKING] == 0:
        s[row + WAKING] = 1
        post(s, b, row + ACTOR_NEXT, channel, when)


@njit(inline="always")
def release(s, b, channel, flits, when, now):  # type: ignore[no-untyped-def]
    """``flits`` of buffer behind ``channel`` are free again from ``when`` on."""
    row = b.channels + channel * CHANNEL_WIDTH
    at = s[row + RELEASE_FIRST] + s[row + RELEASES]
    if at >= b.pool_width:
        at -= b.pool_width
    s[b.releases + (channel * b.pool_width + at) * 2] = when
    s[b.releases + (channel * b.pool_width + at) * 2 + 1] = flits
    s[row + RELEASES] += 1
    if s[row + WAIT_FIRST] >= 0:
        wake(s, b, channel, max(s[b.releases + (channel * b.pool_width + s[row + RELEASE_FIRST]) * 2], now))


@njit(inline="always")
def leave(s, b, channel, flits, back, now):  # type: ignore[no-untyped-def]
    """A piece starts on its next link, so that credits for ``channel`` come back from ``back`` on, one a cycle.

    A train longer than the buffers has them to itself until its tail is in, and stops its link while they are full."""
    capacity = s[b.channels + channel * CHANNEL_WIDTH + CAPACITY]
    if flits > capacity:
        back += flits - capacity
        port = b.ports + (channel // b.n_classes) * PORT_WIDTH
        s[port + FREE] = max(s[port + FREE], back)
    release(s, b, channel, min(flits, capacity), back, now)


@njit(inline="always")
def has_room(s, b, channel, flits, now):  # type: ignore[no-untyped-def]
    """Is there buffer for ``flits`` behind ``channel``? Returns 1, or minus the cycle of the next release (0: unknown)."""
    row = b.channels + channel * CHANNEL_WIDTH
    while s[row + USED] + flits > s[row + CAPACITY]:
        if s[row + RELEASES] == 0:
            return 0
        first = s[row + RELEASE_FIRST]
        at = b.releases + (channel * b.pool_width + first) * 2
        if s[at] > now:
            return -s[at]
        s[row + USED] -= s[at + 1]
        s[row + RELEASES] -= 1
        s[row + RELEASE_FIRST] = first + 1 if first + 1 < b.pool_width else 0
    return 1


@njit(inline="always")
def make_way(s, b, piece, when, now):  # type: ignore[no-untyped-def]
    """The piece behind ``piece`` may take its next hop from ``when`` on: its first credit is back."""
    behind = s[piece + BEHIND]
    if behind < 0:
        return
    row = b.pieces + behind * PIECE_WIDTH
    s[row + ALLOW_TIMES + s[row + ALLOWED] % ALLOW_RING] = when
    s[row + ALLOWED] += 1
    if s[row + BLOCKED] == 1:
        s[row + BLOCKED] = 0
        post_piece(s, b, row, max(when, now))
    elif s[row + BLOCKED] == 2:
        s[row + BLOCKED] = 0
        wake(s, b, s[row + CHANNEL], max(when, now))


@njit(inline="always")
def last_copy(s, b, piece):  # type: ignore[no-untyped-def]
    """Is ``piece``, which starts now, the last of the copies that share its place in the buffer (or the only one)?"""
    copies = s[piece + COPIES]
    if copies < 0:
        return True
    s[piece + COPIES] = -1
    s[copies + C_LEFT] -= 1
    if s[copies + C_LEFT] > 0:
        return False
    free_row(s, b, copies)
    return True


@njit(void(ROWS, LAYOUT, int64, int64, int64), cache=True)
def book(s, b, piece, channel, now):  # type: ignore[no-untyped-def]
    """The piece takes the link of ``channel`` from the first free cycle on."""
    port = channel // b.n_classes
    at = b.ports + port * PORT_WIDTH
    flits, held = s[piece + FLITS], s[piece + HELD]
    start = max(now, s[at + FREE])
    s[at + STALLED] += start - max(s[at + FREE], s[piece + ASKED])
    s[at + WAITED] += start - s[piece + ASKED]
    s[at + FREE] = start + flits
    s[at + SENT] += flits
    row = b.channels + channel * CHANNEL_WIDTH
    s[row + USED] += min(flits, s[row + CAPACITY])
    s[piece + HOPS] += 1
    s[piece + HELD] = channel
    if held >= 0:
        if last_copy(s, b, piece):
            back = start + s[b.ports + (held // b.n_classes) * PORT_WIDTH + RETURN]
            leave(s, b, held, flits, back, now)
            make_way(s, b, piece, back, now)
    else:
        s[piece + ENTERED] = start
        if s[piece + MESSAGE] >= 0:
            s[s[piece + MESSAGE] + TAIL] = start + flits
        s[b.counters + UNDER_WAY] += 1
    arrival = start + s[at + DELAY]
    if s[at + TARGET] < 0:
        back = arrival + s[at + RETURN]
        leave(s, b, channel, flits, back, now)
        make_way(s, b, piece, back, now)
        if s[piece + MESSAGE] >= 0:
            booked_to_the_end(s, b, s[piece + MESSAGE], flits, arrival + flits - 1)
            s[b.counters + UNDER_WAY] -= 1
            free_row(s, b, piece)
            return
        s[piece + ROUTER] = -1
        post_piece(s, b, piece, arrival + flits - 1)
        return
    s[piece + ROUTER] = s[at + TARGET]
    post_piece(s, b, piece, arrival + s[piece + IS_HEAD] * b.head_cycles)


@njit(inline="always")
def next_channel(s, b, piece):  # type: ignore[no-untyped-def]
    """The channel that the route table gives for the piece at its router; classes persist along a ring."""
    router = s[piece + ROUTER]
    table = s[piece + VARIANT] * b.n_routers + router
    entry = s[b.routes + table * b.n_terminals + s[piece + DESTINATION]]
    port, vc_class = router * b.n_ports + (entry & PORT_MASK), entry >> PORT_BITS
    ring = s[b.ports + port * PORT_WIDTH + RING]
    if ring >= 0 and ring == s[b.ports + (s[piece + HELD] // b.n_classes) * PORT_WIDTH + RING]:
        vc_class = s[piece + CLASS]
    s[piece + CLASS] = vc_class
    return port * b.n_classes + vc_class


@njit(inline="always")
def way_is_free(s, b, piece, now):  # type: ignore[no-untyped-def]
    """Has the piece ahead made way? Returns 1, or minus the cycle in which it will have (0: unknown)."""
    hop, allowed = s[piece + HOPS], s[piece + ALLOWED]
    if allowed <= hop:
        return 0
    if allowed - hop > ALLOW_RING:
        return 1
    when = s[piece + ALLOW_TIMES + hop % ALLOW_RING]
    return 1 if when <= now else -when


@njit(void(ROWS, LAYOUT, int64, int64, int64), cache=True)
def ask(s, b, piece, channel, now):  # type: ignore[no-untyped-def]
    """The piece takes the link of ``channel`` now, or stands in line for it."""
    row = b.channels + channel * CHANNEL_WIDTH
    room = int64(0)
    if s[row + WAIT_FIRST] < 0:
        room = has_room(s, b, channel, min(s[piece + FLITS], s[row + CAPACITY]), now)
        if room == 1:
            book(s, b, piece, channel, now)
            return
    s[piece + NEXT] = -1
    if s[row + WAIT_FIRST] < 0:
        s[row + WAIT_FIRST] = piece
        if room < 0:
            wake(s, b, channel, -room)
    else:
        s[s[row + WAIT_LAST] + NEXT] = piece
    s[row + WAIT_LAST] = piece


@njit(void(ROWS, LAYOUT, int64, int64), cache=True)
def branch(s, b, piece, now):  # type: ignore[no-untyped-def]
    """A piece of a multicast asks for every link that its tree takes from here, with one copy for each."""
    child, count = s[s[piece + NODE] + N_CHILD], 0
    while child >= 0:
        count += 1
        child = s[child + N_SIBLING]
    copies = int64(-1)
    if count > 1:
        copies = new_row(s, b)
        s[copies + C_LEFT] = count
        s[b.counters + UNDER_WAY] += count - 1
    child = s[s[piece + NODE] + N_CHILD]
    while child >= 0:
        following, one = s[child + N_SIBLING], piece
        if following >= 0:
            one = new_row(s, b)
            for column in range(PIECE_WIDTH):
                s[one + column] = s[piece + column]
        s[one + COPIES], s[one + NODE] = copies, child
        ask(s, b, one, s[child + N_CHANNEL], now)
        child = following


@njit(void(ROWS, LAYOUT, int64, int64), cache=True)
def arrive(s, b, piece, now):  # type: ignore[no-untyped-def]
    """A piece is due: its tail reached its terminal, or it asks for the next link."""
    if s[piece + ROUTER] < 0:
        s[piece + DONE] = now
        s[b.counters + UNDER_WAY] -= 1
        if s[piece + IS_LAST]:
            s[b.pieces + s[b.counters + FINISHED] * PIECE_WIDTH + ORDER] = s[piece + PACKET]
            s[b.counters + FINISHED] += 1
        return
    free = way_is_free(s, b, piece, now)
    if free == 0:
        s[piece + BLOCKED] = 1
        return
    if free < 0:
        post_piece(s, b, piece, -free)
        return
    s[piece + ASKED] = now
    if s[piece + NODE] >= 0:
        branch(s, b, piece, now)
    else:
        ask(s, b, piece, next_channel(s, b, piece), now)


@njit(void(ROWS, LAYOUT, int64, int64), cache=True)
def serve(s, b, channel, now):  # type: ignore[no-untyped-def]
    """Let the line of ``channel`` move as far as creation times (at sources), the pieces ahead and buffers allow."""
    row = b.channels + channel * CHANNEL_WIDTH
    s[row + WAKING] = 0
    while s[row + WAIT_FIRST] >= 0:
        piece = s[row + WAIT_FIRST]
        if channel >= b.all_ports * b.n_classes:
            created = s[piece + CREATED]
            if created - now >= b.slots // 2:
                s[b.counters + ASLEEP] = min(s[b.counters + ASLEEP], created)
                return
            if created > now:
                wake(s, b, channel, created)
                return
            free = way_is_free(s, b, piece, now)
            if free == 0:
                s[piece + BLOCKED], s[piece + CHANNEL] = 2, channel
                return
            if free < 0:
                wake(s, b, channel, -free)
                return
        room = has_room(s, b, channel, min(s[piece + FLITS], s[row + CAPACITY]), now)
        if room <= 0:
            if room < 0:
                wake(s, b, channel, -room)
            return
        s[row + WAIT_FIRST] = s[piece + NEXT]
        book(s, b, piece, channel, now)


@njit(void(ROWS, LAYOUT, int64), cache=True)
def rouse(s, b, now):  # type: ignore[no-untyped-def]
    """Look again at the sources that wait for a creation time."""
    s[b.counters + ASLEEP] = NEVER
    for terminal in range(b.n_terminals):
        channel = (b.all_ports + terminal) * b.n_classes
        row = b.channels + channel * CHANNEL_WIDTH
        if s[row + WAKING] == 0 and s[row + WAIT_FIRST] >= 0:
            serve(s, b, channel, now)


@njit(int64(ROWS, LAYOUT, int64, int64, int64), cache=True)
def run(s, b, now, until, stop_when_finished):  # type: ignore[no-untyped-def]
    """Cycles from ``now`` on, not including ``until``. Returns 4 * (next cycle to run) + why it ended."""
    n_channels = (b.all_ports + b.n_terminals) * b.n_classes
    while now < until:
        if s[b.counters + PENDING] == 0:
            if s[b.counters + ASLEEP] == NEVER:
                if s[b.counters + UNDER_WAY] > 0:
                    return now * 4 + DEADLOCK
                return until * 4 + REACHED
            now = max(now, s[b.counters + ASLEEP])
            if now >= until:
                return until * 4 + REACHED
        if s[b.counters + ASLEEP] - now < b.slots // 2:
            rouse(s, b, now)
        slot = b.slot_ends + (now & (b.slots - 1)) * 2
        while s[slot] >= 0:
            actor = s[slot]
            s[b.counters + PENDING] -= 1
            if actor < n_channels:
                s[slot] = s[b.channels + actor * CHANNEL_WIDTH + ACTOR_NEXT]
                serve(s, b, actor, now)
            else:
                piece = b.pieces + (actor - n_channels) * PIECE_WIDTH
                s[slot] = s[piece + NEXT]
                arrive(s, b, piece, now)
        now += 1
        if stop_when_finished != 0 and s[b.counters + FINISHED] >= stop_when_finished:
            return now * 4 + STOPPED
    return now * 4 + REACHED
