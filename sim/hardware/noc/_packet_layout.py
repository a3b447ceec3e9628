"""Where each integer of the packet model's state stands: one flat int64 array, a header and then sections of rows.

The header holds sizes and delays of the network and where the sections start, so that a kernel takes one array. A *channel*
is one class of virtual channels of one output port, or of one source (sources follow the ports), with the downstream
buffers of its class as one pool. A *piece* is a packet, or a part of one that fits a buffer. Whole runs send *messages*:
rows of the pool of pieces hold them too, and the nodes of multicast trees, and the counts of copies that share a buffer;
rows are used again. A row is named by where it starts in the array. Times are cycles.
"""

from __future__ import annotations

# header. HEAD_CYCLES: from the arrival of a head to its request of the switch; SLOTS of the calendar, a power of two;
# POOL_WIDTH: entries of a channel's ring of releases; EJECT_CYCLES: from the start of a flit at a terminal's port to its
# arrival; CHANNELS, SOURCES: first channel of a port, of a source; RELEASE_ROWS: [channel, position] time, flits;
# SLOT_ENDS: [slot] first and last actor; PIECES: the last section, because it grows
N_PORTS, N_CLASSES, N_ROUTERS, N_TERMINALS, ALL_PORTS, HEAD_CYCLES, SLOTS, POOL_WIDTH, EJECT_CYCLES = range(9)
CHANNELS, SOURCES, RELEASE_ROWS, ROUTE_TABLE, SLOT_ENDS, PIECES = range(9, 15)

PORT_BITS, PORT_MASK = 16, 0xFFFF

# counters; ASLEEP is the earliest creation among sources that wait beyond the calendar. FREE_ROW heads the list of rows to
# use again, FRESH counts those used at least once; DUE_FIRST heads the list of messages whose end is known, by that end
PENDING, FINISHED, UNDER_WAY, ASLEEP, FREE_ROW, FRESH, DUE_FIRST = range(15, 22)
PORTS = 22
"""Where the rows of ports start."""

# ports; DELAY from the start of a flit to its arrival, RETURN from its start downstream to the use of its credit here
FREE, SENT, TARGET, DELAY, RETURN, RING, RING_IN = 0, 1, 2, 3, 4, 5, 6
# STALLED: free, but the next piece waits for buffers; WAITED: sum over pieces from asking for the link to starting on it
STALLED, WAITED = 7, 8
# of sources: flits ever queued, first and last message that is not yet booked to its end
QUEUED, FIRST_MESSAGE, LAST_MESSAGE = 9, 10, 11
PORT_WIDTH = 12

# channels and pieces, which both can be due: the next one that is due in the same slot of the calendar
NEXT = 9

# channels
USED, CAPACITY, RELEASE_FIRST, RELEASES, WAIT_FIRST, WAIT_LAST, WAKING, PORT_ROW, RELEASE_RING = range(9)
CHANNEL_WIDTH = NEXT + 1

# pieces, what each hop reads first; ALLOWED counts the hops that the piece ahead has made way for, ALLOW_TIMES (a ring)
# says when
FLITS, DESTINATION, VARIANT, IS_HEAD, BEHIND, HOPS, HELD, ROUTER, CLASS = range(9)
ALLOWED, BLOCKED, MESSAGE, NODE, COPIES, ASKED = range(NEXT + 1, NEXT + 7)
SOURCE, CREATED, PACKET, IS_LAST, CHANNEL, ENTERED, DONE, ORDER, ALLOW_TIMES = range(16, 25)
ALLOW_RING = 8
UNCONSTRAINED = 1 << 40
"""ALLOWED of the first piece of a packet: nobody is ahead of it."""
ENDS_MESSAGE = 2
"""IS_LAST of the last piece of a message to one terminal: what it waits for its links is added to IDLE of the message."""
PIECE_WIDTH = ALLOW_TIMES + ALLOW_RING

# how messages go from a source to their destinations: copies, cycles of an idle head, the terminal's port (its row, -1:
# several), the root of the tree or -1, how many route sets there are
W_SOURCE, W_DESTINATION, W_COPIES, W_IDLE, W_PORT, W_TREE, W_VARIANTS = range(7)

# rows of messages; ORIGIN is the row of its source, TICKET is QUEUED of the source behind its last flit, UNBOOKED flits (of
# all copies) not yet booked into a terminal, IDLE cycles of a head from start to end of its way, EJECT the terminal's port
# (its row; -1: several), TAIL the cycle after its last flit so far has left the source, LAST_FLITS those of its last piece
M_NEXT, M_PREVIOUS, TICKET, ORIGIN, LEAVES, UNBOOKED, IDLE, END, EJECT, TOKEN, TAIL, LAST_FLITS = range(12)
# rows of tree nodes: the channel that leads there, the first node behind it, the next node at the same router
N_CHANNEL, N_CHILD, N_SIBLING = range(3)
# rows of copies that wait in one buffer: how many have not started
C_LEFT = 0

REACHED, STOPPED, DEADLOCK = 0, 1, 2
NEVER = 1 << 62
