"""Where each integer of the flit model's state stands: one flat int64 array, in sections of rows, a row per thing.

Integer ``row * width + FIELD`` of a section holds the field; :class:`Layout` says where sections start. Indices:
``p = router * ports + port`` for a port, ``q = p * vcs + vc`` for an input or output virtual channel, by the port it belongs
to. Times are cycles.

A flit is ``node << NODE_SHIFT | packet << 1 | is_tail``. Nodes of multicast trees are rows of an array of their own, named
by where they start there; node 0 means a packet to one terminal.
"""

from __future__ import annotations

from typing import NamedTuple


class Layout(NamedTuple):
    """Sizes and delays of one network, then the start of each section. Plain integers, so that loops keep them in
    registers."""

    n_ports: int
    n_vcs: int
    n_classes: int
    n_routers: int
    n_terminals: int
    buffer: int
    head_delay: int
    switch_delay: int
    credit_delay: int
    inject_delay: int
    speculative: int
    slots: int
    slot_events: int
    input_width: int
    port_width: int
    router_width: int
    terminal_width: int
    counters: int  # of the run
    inputs: int  # a row per input virtual channel, its flit buffer at the end
    outputs: int  # a row per output virtual channel
    ports: int  # a row per port, both directions
    routers: int  # a row per router
    switch: int  # [output port p, input port]: mask of virtual channels that request the switch
    waiting: int  # [output port p, class, input port]: mask of virtual channels whose head waits for an output channel
    terminals: int  # a row per terminal
    routes: int  # [variant, router, destination]: port + class << PORT_BITS
    events: int  # calendar, [slot, kind, position]: what, flit
    fill: int  # [slot, kind]: number of events
    scratch: int  # working space of one router
    branches: (
        int  # [input virtual channel q, output port]: a row per branch of a fork; empty before the first multicast
    )
    packets: int  # a row per packet; the last section, because it grows


# an entry of the route table
PORT_BITS, PORT_MASK = 16, 0xFFFF

# counters
IN_FLIGHT, PENDING, FINISHED, MOVES = 0, 1, 2, 3
COUNTERS_WIDTH = 4

# inputs
HEAD, COUNT, OUT, OUT_VC, STATE, ACCEPT, CLASS, ROUTER, PORT, INDEX, FLITS = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
IDLE, ROUTING, WAITING, ACTIVE, FORKED = 0, 1, 2, 3, 4
# of a forked one: the mask of outputs with branches that have not sent their tail, flits of the packet that all have sent
BRANCHES, GONE = OUT, OUT_VC

# outputs
CREDITS, OWNER, GRANT = 0, 1, 2
OUTPUT_WIDTH = 4

# ports
SWITCH_GRANT, SWITCH_ACCEPT, SWITCH_VC, FREE_VCS, TARGET, LATENCY, UPSTREAM, UPSTREAM_LATENCY = 0, 1, 2, 3, 4, 5, 6, 7
RING_OUT, RING_IN, SENT, WANT_SWITCH, PER_CLASS = 8, 9, 10, 11, 12
# from PER_CLASS on: per class the mask of its virtual channels, then per class the mask of inputs with waiting heads

# routers: the mask of outputs that are wanted by flits; from ROUTER_WAITING on: per class, by waiting heads
ROUTER_SWITCH, ROUTER_WAITING = 0, 1

# terminals; CURRENT: the next flit to send, as long as it is not a tail; from SOURCE_CREDITS on: credits per virtual channel
CURRENT, LEFT, SOURCE_VC, LAST_VC, QUEUE_HEAD, QUEUE_TAIL, ENTRY, EJECTED, INJECTED, SOURCE_CREDITS = range(10)

# packets; ORDER of row i is the number of the packet that finished as the i-th
SOURCE, DESTINATION, SIZE, CREATED, NEXT, ENTERED, DONE, VARIANT, PACKET_CLASS, ORDER = range(10)
PACKET_WIDTH = 10
# of packets of a multicast, whose DESTINATION is minus the root of their tree: copies that have not arrived
COPIES_LEFT = PACKET_CLASS

# flits
NODE_SHIFT, FLIT_MASK = 32, (1 << 32) - 1

# branches: the node of the tree that it leads to, its output virtual channel (-1: waits for one), flits it has sent
NODE, BRANCH_VC, BRANCH_SENT = 0, 1, 2
BRANCH_WIDTH = 3

# nodes of trees (the output port of their router that leads there, class): the first node behind it, the next at the same
# router by another output, the next by the same output in another class (-1: none). Roots have copies for an output
N_OUT, N_CLASS, N_CHILD, N_SIBLING, N_AGAIN = range(5)
N_COPIES = N_OUT
NODE_WIDTH = 5

# kinds of event
FLIT, CREDIT, ROUTED = 0, 1, 2

# why a run of the loop ended
REACHED, STOPPED, DEADLOCK = 0, 1, 2
NEVER = 1 << 62
