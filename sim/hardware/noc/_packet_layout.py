"""Where each integer of the packet model's state stands: one flat int64 array, in sections of rows.

A *channel* is one class of virtual channels of one output port, or of one source: ``channel = port * classes + class`` for
ports (the last ones are the sources), with the downstream buffers of its class as one pool. A *piece* is a packet, or a
part of one that fits a buffer. Whole runs send *messages*: rows of the pool of pieces hold them too, and the nodes of
multicast trees, and the counts of copies that share a buffer; rows are used again. Times are cycles.
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
    pool_width: int  # entries of a channel's ring of releases
    eject_cycles: int  # from the start of a flit at a terminal's port to its arrival
    least_idle: int  # cycles of a head from any terminal to another on its own router
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
# FREE_ROW heads the list of rows to use again, FRESH counts those used at least once; DUE_FIRST heads the list of messages
# whose end is known, by that end
FREE_ROW, FRESH, DUE_FIRST = 4, 5, 6
COUNTERS_WIDTH = 8

# ports; DELAY from the start of a flit to its arrival, RETURN from its start downstream to the use of its credit here
FREE, SENT, TARGET, DELAY, RETURN, RING, RING_IN = 0, 1, 2, 3, 4, 5, 6
# STALLED: free, but the next piece waits for buffers; WAITED: sum over pieces from asking for the link to starting on it
STALLED, WAITED = 7, 8
# of sources: flits ever queued, first and last message that is not yet booked to its end
QUEUED, FIRST_MESSAGE, LAST_MESSAGE = 9, 10, 11
PORT_WIDTH = 12

# channels; ACTOR_NEXT links those that are due in one slot of the calendar
USED, CAPACITY, RELEASE_FIRST, RELEASES, WAIT_FIRST, WAIT_LAST, WAKING, ACTOR_NEXT = range(8)
CHANNEL_WIDTH = 8

# pieces; ALLOWED counts the hops that the piece ahead has made way for, ALLOW_TIMES (a ring) says when
SOURCE, DESTINATION, FLITS, CREATED, VARIANT, PACKET, IS_HEAD, BEHIND, IS_LAST = range(9)
NEXT, HOPS, HELD, ROUTER, CLASS, CHANNEL, ENTERED, DONE, ORDER, BLOCKED, ALLOWED, ALLOW_TIMES = range(9, 21)
ALLOW_RING = 8
MESSAGE, NODE, COPIES, ASKED = range(ALLOW_TIMES + ALLOW_RING, ALLOW_TIMES + ALLOW_RING + 4)
PIECE_WIDTH = ASKED + 1  # 32

# rows of messages; TICKET is QUEUED of the source behind its last flit, UNBOOKED flits (of all copies) not yet booked into
# a terminal, IDLE cycles of a head from start to end of its way, EJECT the terminal's port (-1: several),
# TAIL the cycle after its last flit so far has left the source
M_NEXT, M_PREVIOUS, TICKET, ORIGIN, LEAVES, UNBOOKED, IDLE, END, EJECT, TOKEN, TAIL = range(11)
# rows of tree nodes: the channel that leads there, the first node behind it, the next node at the same router
N_CHANNEL, N_CHILD, N_SIBLING = range(3)
# rows of copies that wait in one buffer: how many have not started
C_LEFT = 0

REACHED, STOPPED, DEADLOCK = 0, 1, 2
NEVER = 1 << 62
