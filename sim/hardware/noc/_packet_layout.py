"""Where each integer of the packet model's state stands: one flat int64 array, a header and then sections of rows.

The header holds sizes and delays of the network and where the sections start, so that a kernel takes one array. A *channel*
is one class of virtual channels of one output port, or of one source (sources follow the ports), with the downstream
buffers of its class as one pool. A *piece* is a packet, or a part of one that fits a buffer; it has a row of the pool from
when it comes first in its source's line until its last link is booked. Rows of the pool, which are used again, also hold
the *messages* of whole runs, the nodes of multicast trees and the counts of copies that share a buffer. A row is named by
where it starts in the array.

Packets that a caller gives by the thousand have *records* in an array of their own, a row for each of their pieces, where
what is asked about them afterwards is written. Times are cycles.
"""

from __future__ import annotations

# header. HEAD_CYCLES: from the arrival of a head to its request of the switch; SLOTS of the calendar, a power of two;
# POOL_WIDTH: entries of a channel's ring of releases; FLIT_BITS: low bits of an entry that count flits; EJECT_CYCLES: from
# the start of a flit at a terminal's port to its arrival; CHANNELS, SOURCES: first channel of a port, of a source;
# RELEASE_ROWS: [channel, position] time and flits in one integer; SLOT_ENDS: [slot] first and last actor, pieces and
# packets that arrive; TAKEN: a bit per slot that holds anything, WORD_BITS a word; POOL: the last section, because it grows;
# MESSAGES: 1 when sources send messages, 0 for records
N_CLASSES, N_TERMINALS, ALL_PORTS, HEAD_CYCLES, SLOTS, POOL_WIDTH, EJECT_CYCLES = range(7)
CHANNELS, SOURCES, RELEASE_ROWS, ROUTE_TABLE, SLOT_ENDS, TAKEN, POOL, FLIT_BITS, MESSAGES = range(7, 16)
WORD_BITS, WORD_SHIFT = 64, 6

# counters; ASLEEP is the earliest creation among sources that wait beyond the calendar. FREE_ROW heads the list of rows to
# use again, FRESH counts those used at least once, ROWS_LEFT both kinds that are free, RESERVE those that one step may take;
# DUE_FIRST heads the list of messages whose end is known, by that end; BOOKED counts packets booked to their end
PENDING, FINISHED, UNDER_WAY, ASLEEP, FREE_ROW, FRESH, ROWS_LEFT, RESERVE, DUE_FIRST, BOOKED = range(16, 26)
PORTS = 26
"""Where the rows of ports start."""

# ports; TARGET is the row of the route table of the router that it leads to, -1 at a terminal, DELAY from the start of a
# flit to its arrival, RETURN from its start downstream to the use of its credit here
FREE, SENT, TARGET, DELAY, RETURN = range(5)
# STALLED: free, but the next piece waits for buffers; WAITED: sum over pieces from asking for the link to starting on it
STALLED, WAITED = 5, 6
# of sources of messages: flits ever queued, first and last message that is not yet booked to its end, the one that it cuts;
# PRESENT: sum over messages of cycles from when it was sent to after its last flit so far has left the source
QUEUED, FIRST_MESSAGE, LAST_MESSAGE, CUTS, PRESENT = range(7, 12)
# of sources of records: the first and the last behind the piece that is first in line
FIRST_RECORD, LAST_RECORD = range(8, 10)
PORT_WIDTH = 12

# channels and pieces, which both can be due: the next one that is due in the same slot of the calendar
NEXT = 0

# channels; a RING of routers (-1: none) is left in the class CLASS in which it was entered
USED, CAPACITY, RELEASE_FIRST, RELEASES, WAIT_FIRST, WAIT_LAST, WAKING, PORT_ROW, RELEASE_RING, RING, CLASS = range(
    1, 12
)
CHANNEL_WIDTH = 12

# pieces, what each hop reads first; WHERE: column of a row of the route table; TO: the channel to ask for next; OWNER: the
# record or the message that it belongs to
FLITS, KIND, WHERE, HELD, ASKED, TO, OWNER = range(1, 8)
# of pieces that are not alone in their packet; ALLOWED counts the hops that the piece ahead has made way for, ALLOW_TIMES
# (a ring) says when. BLOCKED by the piece ahead: 1 at a router, 2 at the source, in CHANNEL
BEHIND, HOPS, ALLOWED, BLOCKED, CHANNEL = range(8, 13)
# of copies of a multicast
NODE, COPIES = 13, 14
ALLOW_TIMES = 16
ALLOW_RING = 8
PIECE_WIDTH = ALLOW_TIMES + ALLOW_RING
# bits of KIND: one of several pieces of a packet; not the first; the last; a multicast; the last of a message, which tells
# it how late it is: what it waits for links goes to IDLE, or (copies of a multicast) when it will be there at best to M_END
TIED, FOLLOWS, ENDS_PACKET, TREE, ENDS_MESSAGE = 1, 2, 4, 8, 16
UNCONSTRAINED = 1 << 40
"""ALLOWED of the first piece of a packet: nobody is ahead of it."""

# records of pieces; R_NEXT in the line of the source, R_WHERE_KIND: WHERE above KIND_BITS of KIND, ENTERED: start on the
# source's link, END: arrival of the last flit (both -1 before they are known), PACKET: its number; ORDER of row n: packet
# that was booked to its end n-th
R_NEXT, R_CREATED, R_FLITS, R_WHERE_KIND, ENTERED, END, PACKET, ORDER = range(8)
RECORD_WIDTH = 8
KIND_BITS = 5

# rows of ways, how messages go from a source to their destinations: copies, cycles of an idle head and how many fewer a
# piece takes that follows another, the terminal's port (its row, -1: several), the root of the tree or -1, route sets
W_SOURCE, W_DESTINATION, W_COPIES, W_IDLE, W_HEADS, W_PORT, W_TREE, W_VARIANTS = range(8)

# rows of messages; ORIGIN is the row of its source, TICKET is QUEUED of the source behind its last flit, UNBOOKED flits (of
# all copies) not yet booked into a terminal, IDLE cycles of its last piece from start to end of its way, M_END a cycle
# before which it does not end, EJECT the terminal's port (its row; -1: several), TAIL the cycle after its last flit so far
# has left the source, LAST_FLITS those of its last piece
M_NEXT, M_PREVIOUS, TICKET, ORIGIN, LEAVES, UNBOOKED, IDLE, M_END, EJECT, TOKEN, TAIL, LAST_FLITS = range(12)
# what its source has yet to cut: flits of the message and of the packet that it is at, the most in a packet and in a
# piece; when it was sent, to which terminal or tree; route set of that packet, how many there are
UNCUT, IN_PACKET, PACKET_FLITS, PIECE_FLITS, SENT_AT, DESTINATION, ROOT, VARIANT, VARIANTS = range(12, 21)
# rows of tree nodes: the channel that leads there, the first node behind it, the next node at the same router; cycles of an
# idle head from its start on that channel to its arrival at the last of the terminals behind it
N_CHANNEL, N_CHILD, N_SIBLING, N_REST = range(4)
# rows of copies that wait in one buffer: how many have not started
C_LEFT = 1

REACHED, STOPPED, DEADLOCK, NEEDS_ROWS = range(4)
NEVER = 1 << 62
