"""Where each integer of the packet model's state stands: one flat int64 array, in sections of rows.

A *channel* is one class of virtual channels of one output port, or of one source: ``channel = port * classes + class`` for
ports (the last ones are the sources), with the downstream buffers of its class as one pool. A *piece* is a packet, or a
part of one that fits a buffer. Times are cycles.
"""

from __future__ import annotations

from typing import NamedTuple


class PacketLayout(NamedTuple):
    """Sizes and delays of one network, then the start of each section."""

    n_ports: int
    n_classes: int
    n_routers: int
    n_terminals: int
    all_ports: int  # ports of routers; sources follow
    head_cycles: int  # from the arrival of a head to its request of the switch
    slots: int  # of the calendar, a power of two
    pool_width: int  # integers of a channel's ring of releases
    counters: int
    ports: int
    channels: int
    releases: int  # [channel, position]: time, flits
    routes: int
    slot_ends: int  # [slot]: first and last actor
    pieces: int  # the last section, because it grows


PORT_BITS, PORT_MASK = 16, 0xFFFF

# counters; ASLEEP is the earliest creation among sources that wait beyond the calendar
PENDING, FINISHED, UNDER_WAY, ASLEEP = 0, 1, 2, 3
COUNTERS_WIDTH = 4

# ports; DELAY from the start of a flit to its arrival, RETURN from its start downstream to the use of its credit here
FREE, SENT, TARGET, DELAY, RETURN, RING, RING_IN = 0, 1, 2, 3, 4, 5, 6
PORT_WIDTH = 8

# channels; ACTOR_NEXT links those that are due in one slot of the calendar
USED, CAPACITY, RELEASE_FIRST, RELEASES, WAIT_FIRST, WAIT_LAST, WAKING, ACTOR_NEXT = range(8)
CHANNEL_WIDTH = 8

# pieces; ALLOWED counts the hops that the piece ahead has made way for, ALLOW_TIMES (a ring) says when
SOURCE, DESTINATION, FLITS, CREATED, VARIANT, PACKET, IS_HEAD, BEHIND, IS_LAST = range(9)
NEXT, HOPS, HELD, ROUTER, CLASS, CHANNEL, ENTERED, DONE, ORDER, BLOCKED, ALLOWED, ALLOW_TIMES = range(9, 21)
ALLOW_RING = 8
PIECE_WIDTH = ALLOW_TIMES + ALLOW_RING + 3  # 32

REACHED, STOPPED, DEADLOCK = 0, 1, 2
NEVER = 1 << 62
