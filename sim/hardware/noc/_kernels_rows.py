"""Rows of the packet model's pool, compiled: taken and freed, pieces that come first in their source's line."""

from __future__ import annotations

from numba import int64, njit, void

from sim.hardware._kernel import hot, inner, words
from sim.hardware.noc._packet_layout import (
    ALLOWED,
    ASKED,
    BEHIND,
    BLOCKED,
    CHANNEL_WIDTH,
    COPIES,
    CUTS,
    DESTINATION,
    END,
    ENDS_MESSAGE,
    ENDS_PACKET,
    ENTERED,
    FIRST_RECORD,
    FLITS,
    FOLLOWS,
    FREE_ROW,
    FRESH,
    HELD,
    HOPS,
    IN_PACKET,
    KIND,
    KIND_BITS,
    LAST_RECORD,
    M_NEXT,
    MESSAGES,
    N_CLASSES,
    N_TERMINALS,
    NEXT,
    NODE,
    OWNER,
    PACKET,
    PACKET_FLITS,
    PIECE_FLITS,
    PIECE_WIDTH,
    POOL,
    PORT_ROW,
    R_CREATED,
    R_FLITS,
    R_NEXT,
    R_WHERE_KIND,
    RECORD_WIDTH,
    ROOT,
    ROWS_LEFT,
    SENT_AT,
    SOURCES,
    TIED,
    TREE,
    UNCONSTRAINED,
    UNCUT,
    VARIANT,
    VARIANTS,
    WAIT_FIRST,
    WHERE,
)

ROWS = int64[::1]


@hot
def new_row(s):  # type: ignore[no-untyped-def]
    """Where a row begins that nobody uses; the event loop has made sure that there is one."""
    s[ROWS_LEFT] -= 1
    free = s[FREE_ROW]
    if free >= 0:
        s[FREE_ROW] = s[free + NEXT]
        return free
    fresh = s[POOL] + s[FRESH] * PIECE_WIDTH
    s[FRESH] += 1
    return fresh


@hot
def free_row(s, one):  # type: ignore[no-untyped-def]
    """Nobody uses the row ``one`` any more."""
    s[ROWS_LEFT] += 1
    s[one + NEXT] = s[FREE_ROW]
    s[FREE_ROW] = one


@hot
def part_of_record(s, r, port):  # type: ignore[no-untyped-def]
    """The first record of the line of the source ``port`` as a piece; -1 when there is none."""
    record = s[port + FIRST_RECORD]
    if record < 0:
        return int64(-1)
    s[port + FIRST_RECORD] = r[record + R_NEXT]
    piece = new_row(s)
    where = r[record + R_WHERE_KIND]
    s[piece + OWNER], s[piece + FLITS], s[piece + ASKED] = record, r[record + R_FLITS], r[record + R_CREATED]
    s[piece + WHERE], s[piece + KIND] = where >> KIND_BITS, where & ((1 << KIND_BITS) - 1)
    return piece


@hot
def part_of_message(s, port):  # type: ignore[no-untyped-def]
    """A piece cut off the message that the source ``port`` is at, or off the next one; -1 when there is none."""
    message = s[port + CUTS]
    if message >= 0 and s[message + UNCUT] == 0:
        message = s[message + M_NEXT]
        s[port + CUTS] = message
    if message < 0:
        return int64(-1)
    kind = FOLLOWS
    if s[message + IN_PACKET] == 0:
        kind = 0
        s[message + IN_PACKET] = min(s[message + UNCUT], s[message + PACKET_FLITS])
        s[message + VARIANT] = (s[message + VARIANT] + 1) % s[message + VARIANTS]
    part = min(s[message + IN_PACKET], s[message + PIECE_FLITS])
    s[message + IN_PACKET] -= part
    s[message + UNCUT] -= part
    if s[message + IN_PACKET] == 0:
        kind |= ENDS_PACKET
    if kind != ENDS_PACKET:
        kind |= TIED
    if s[message + ROOT] >= 0:
        kind |= TREE
    if s[message + UNCUT] == 0:
        kind |= ENDS_MESSAGE
    piece = new_row(s)
    s[piece + OWNER], s[piece + FLITS], s[piece + ASKED], s[piece + KIND] = message, part, s[message + SENT_AT], kind
    s[piece + WHERE] = s[message + VARIANT] * s[N_TERMINALS] + s[message + DESTINATION]
    s[piece + NODE], s[piece + COPIES] = s[message + ROOT], -1
    return piece


@inner
def next_in_line(s, r, channel, ahead):  # type: ignore[no-untyped-def]
    """Put the next piece of the source of ``channel`` first in its line; ``ahead`` is the one that leaves it, or -1."""
    port = s[channel + PORT_ROW]
    piece = part_of_message(s, port) if s[MESSAGES] else part_of_record(s, r, port)
    s[channel + WAIT_FIRST] = piece
    if piece < 0:
        return
    s[piece + HELD], s[piece + NEXT] = -1, -1
    kind = s[piece + KIND]
    if kind & TIED:
        s[piece + BEHIND], s[piece + HOPS], s[piece + BLOCKED] = -1, 0, 0
        if kind & FOLLOWS:
            s[piece + ALLOWED] = 0
            s[ahead + BEHIND] = piece
        else:
            s[piece + ALLOWED] = UNCONSTRAINED


@njit(void(ROWS, ROWS, ROWS, ROWS, ROWS, ROWS, ROWS, int64, int64, int64), cache=True)
def queue_records(state, records, source, destination, flits, created, variant, record, packet, longest):  # type: ignore[no-untyped-def]
    """Put packets behind the lines of their sources, in pieces of at most ``longest`` flits: a record for each from where
    ``record`` stands on; their own numbers begin with ``packet``. The pool has a row for every source."""
    s, r = words(state), words(records)
    terminals, classes = s[N_TERMINALS], s[N_CLASSES]
    for one in range(len(source)):
        channel = s[SOURCES] + source[one] * classes * CHANNEL_WIDTH
        port = s[channel + PORT_ROW]
        left = flits[one]
        where = (variant[one] * terminals + destination[one]) << KIND_BITS
        while left > 0:
            part = min(left, longest)
            kind = 0 if left == flits[one] else FOLLOWS
            left -= part
            if left == 0:
                kind |= ENDS_PACKET
            if kind != ENDS_PACKET:
                kind |= TIED
            r[record + R_NEXT], r[record + R_CREATED], r[record + R_FLITS] = -1, created[one], part
            r[record + R_WHERE_KIND], r[record + PACKET] = where | kind, packet + one
            r[record + ENTERED], r[record + END] = -1, -1
            if s[port + FIRST_RECORD] < 0:
                s[port + FIRST_RECORD] = record
            else:
                r[s[port + LAST_RECORD] + R_NEXT] = record
            s[port + LAST_RECORD] = record
            if s[channel + WAIT_FIRST] < 0:
                next_in_line(s, r, channel, -1)
            record += RECORD_WIDTH
