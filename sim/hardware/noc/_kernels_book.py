"""What a piece does when it takes a link, compiled: books it, gives back its place in the buffers, makes way, moves on."""

from __future__ import annotations

from sim.hardware._kernel import hot, inner
from sim.hardware.noc._kernels_message import booked_to_the_end
from sim.hardware.noc._kernels_rows import free_row
from sim.hardware.noc._packet_layout import (
    ALLOW_RING,
    ALLOW_TIMES,
    ALLOWED,
    ASKED,
    BEHIND,
    BLOCKED,
    BOOKED,
    C_LEFT,
    CAPACITY,
    CHANNEL,
    CHANNEL_WIDTH,
    CLASS,
    COPIES,
    DELAY,
    END,
    ENDS_MESSAGE,
    ENDS_PACKET,
    ENTERED,
    FLIT_BITS,
    FLITS,
    FOLLOWS,
    FREE,
    HEAD_CYCLES,
    HELD,
    HOPS,
    IDLE,
    KIND,
    M_END,
    MESSAGES,
    N_REST,
    NEXT,
    NODE,
    ORDER,
    ORIGIN,
    OWNER,
    PACKET,
    PENDING,
    POOL_WIDTH,
    PORT_ROW,
    PRESENT,
    RECORD_WIDTH,
    RELEASE_FIRST,
    RELEASE_RING,
    RELEASES,
    RETURN,
    RING,
    SENT,
    SLOT_ENDS,
    SLOTS,
    STALLED,
    TAIL,
    TAKEN,
    TARGET,
    TIED,
    TO,
    TREE,
    UNDER_WAY,
    USED,
    WAIT_FIRST,
    WAITED,
    WAKING,
    WHERE,
    WORD_BITS,
    WORD_SHIFT,
)


@hot
def take_slot(s, when):  # type: ignore[no-untyped-def]
    """The slot of the calendar of cycle ``when``, which from now on holds something."""
    number = when & (s[SLOTS] - 1)
    s[s[TAKEN] + (number >> WORD_SHIFT)] |= 1 << (number & (WORD_BITS - 1))
    return s[SLOT_ENDS] + number * 4


@hot
def post(s, actor, when):  # type: ignore[no-untyped-def]
    """Make ``actor``, a row of a channel or a piece, due in cycle ``when``, after those that already are."""
    slot = take_slot(s, when)
    s[actor + NEXT] = -1
    if s[slot] < 0:
        s[slot] = actor
    else:
        s[s[slot + 1] + NEXT] = actor
    s[slot + 1] = actor
    s[PENDING] += 1


@inner
def wake(s, channel, when):  # type: ignore[no-untyped-def]
    """Look at the line of ``channel`` again in cycle ``when``, unless it will be looked at anyway."""
    if s[channel + WAKING] == 0:
        s[channel + WAKING] = 1
        post(s, channel, when)


@hot
def release(s, channel, flits, when, now):  # type: ignore[no-untyped-def]
    """``flits`` of buffer behind ``channel`` are free again from ``when`` on."""
    first, count = s[channel + RELEASE_FIRST], s[channel + RELEASES]
    at = first + count
    if at >= s[POOL_WIDTH]:
        at -= s[POOL_WIDTH]
    ring, bits = s[channel + RELEASE_RING], s[FLIT_BITS]
    s[ring + at] = (when << bits) | flits
    s[channel + RELEASES] = count + 1
    if s[channel + WAIT_FIRST] >= 0:
        wake(s, channel, max(s[ring + first] >> bits, now))


@hot
def leave(s, channel, flits, back, now):  # type: ignore[no-untyped-def]
    """A piece starts on its next link, so that credits for ``channel`` come back from ``back`` on, one a cycle.

    A train longer than the buffers has them to itself until its tail is in, and stops its link while they are full."""
    capacity = s[channel + CAPACITY]
    if flits > capacity:
        back += flits - capacity
        port = s[channel + PORT_ROW]
        s[port + FREE] = max(s[port + FREE], back)
    release(s, channel, min(flits, capacity), back, now)


@hot
def has_room(s, channel, flits, now):  # type: ignore[no-untyped-def]
    """Is there buffer for ``flits`` behind ``channel``? Returns 1, or minus the cycle of the next release (0: unknown)."""
    bits = s[FLIT_BITS]
    while s[channel + USED] + flits > s[channel + CAPACITY]:
        if s[channel + RELEASES] == 0:
            return 0
        first = s[channel + RELEASE_FIRST]
        entry = s[s[channel + RELEASE_RING] + first]
        if entry >> bits > now:
            return -(entry >> bits)
        s[channel + USED] -= entry & ((1 << bits) - 1)
        s[channel + RELEASES] -= 1
        s[channel + RELEASE_FIRST] = first + 1 if first + 1 < s[POOL_WIDTH] else 0
    return 1


@hot
def way_is_free(s, piece, now):  # type: ignore[no-untyped-def]
    """Has the piece ahead made way? Returns 1, or minus the cycle in which it will have (0: unknown)."""
    hop, allowed = s[piece + HOPS], s[piece + ALLOWED]
    if allowed <= hop:
        return 0
    if allowed - hop > ALLOW_RING:
        return 1
    when = s[piece + ALLOW_TIMES + (hop & (ALLOW_RING - 1))]
    return 1 if when <= now else -when


@inner
def make_way(s, piece, when, now):  # type: ignore[no-untyped-def]
    """The piece behind ``piece`` may take its next hop from ``when`` on: its first credit is back."""
    behind = s[piece + BEHIND]
    if behind < 0:
        return
    s[behind + ALLOW_TIMES + (s[behind + ALLOWED] & (ALLOW_RING - 1))] = when
    s[behind + ALLOWED] += 1
    if s[behind + BLOCKED] == 1:
        s[behind + BLOCKED] = 0
        post(s, behind, max(when, now))
    elif s[behind + BLOCKED] == 2:
        s[behind + BLOCKED] = 0
        wake(s, s[behind + CHANNEL], max(when, now))


@hot
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


@hot
def start_from(s, r, piece, held, start, now):  # type: ignore[no-untyped-def]
    """The piece starts, in cycle ``start``, from the buffers behind ``held`` or (-1) from its source."""
    flits, kind, owner = s[piece + FLITS], s[piece + KIND], s[piece + OWNER]
    if held < 0:
        s[UNDER_WAY] += 1
        if s[MESSAGES]:
            s[s[owner + ORIGIN] + PRESENT] += start + flits - s[owner + TAIL]
            s[owner + TAIL] = start + flits
        else:
            r[owner + ENTERED] = start
        return
    if kind & ENDS_MESSAGE:
        if kind & TREE:
            s[owner + M_END] = max(s[owner + M_END], start + s[s[piece + NODE] + N_REST] + flits - 1)
        else:
            s[owner + IDLE] += start - s[piece + ASKED]
    if kind & TREE and not last_copy(s, piece):
        return
    back = start + s[s[held + PORT_ROW] + RETURN]
    leave(s, held, flits, back, now)
    if kind & TIED:
        make_way(s, piece, back, now)


@hot
def end(s, r, piece, channel, arrival, now):  # type: ignore[no-untyped-def]
    """The piece takes its last link, behind which its first flit arrives in cycle ``arrival``."""
    flits, kind, owner = s[piece + FLITS], s[piece + KIND], s[piece + OWNER]
    back, last = arrival + s[s[channel + PORT_ROW] + RETURN], arrival + flits - 1
    leave(s, channel, flits, back, now)
    if kind & TIED:
        make_way(s, piece, back, now)
    free_row(s, piece)
    if s[MESSAGES]:
        s[UNDER_WAY] -= 1
        booked_to_the_end(s, owner, flits, last)
        return
    slot = take_slot(s, last)
    r[owner + END] = last
    s[slot + 2] += 1
    s[PENDING] += 1
    if kind & ENDS_PACKET:
        s[slot + 3] += 1
        r[s[BOOKED] * RECORD_WIDTH + ORDER] = r[owner + PACKET]
        s[BOOKED] += 1


@hot
def book(s, r, piece, channel, now):  # type: ignore[no-untyped-def]
    """The piece takes the link of ``channel`` from the first free cycle on."""
    port = s[channel + PORT_ROW]
    flits, held, asked, free = s[piece + FLITS], s[piece + HELD], s[piece + ASKED], s[port + FREE]
    start = max(now, free)
    s[port + STALLED] += start - max(free, asked)
    s[port + WAITED] += start - asked
    s[port + FREE] = start + flits
    s[port + SENT] += flits
    s[channel + USED] += min(flits, s[channel + CAPACITY])
    s[piece + HELD] = channel
    kind = s[piece + KIND]
    if kind & TIED:
        s[piece + HOPS] += 1
    start_from(s, r, piece, held, start, now)
    arrival, target = start + s[port + DELAY], s[port + TARGET]
    if target < 0:
        end(s, r, piece, channel, arrival, now)
        return
    if not kind & TREE:
        to = s[target + s[piece + WHERE]]
        ring = s[to + RING]
        if ring >= 0 and ring == s[channel + RING]:
            to += (s[channel + CLASS] - s[to + CLASS]) * CHANNEL_WIDTH
        s[piece + TO] = to
    post(s, piece, arrival if kind & FOLLOWS else arrival + s[HEAD_CYCLES])
