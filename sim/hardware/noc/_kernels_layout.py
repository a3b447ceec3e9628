"""Where each integer of the flit model's state stands: rows of plain int64 arrays, one row per thing.

Every array is flat and is addressed as ``row * width + FIELD``. Indices: ``p = router * ports + port`` for a port,
``q = p * vcs + vc`` for an input or output virtual channel, by the port it belongs to. Times are cycles.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


class State(NamedTuple):
    """The whole state of one network, as the compiled loop sees it."""

    config: Ints  # scalars of the configuration
    counters: Ints  # counters of the run
    inputs: Ints  # a row per input virtual channel, its flit buffer at the end
    outputs: Ints  # a row per output virtual channel
    ports: Ints  # a row per port, both directions
    routers: Ints  # a row per router
    switch: Ints  # [output port p, input port]: mask of virtual channels that request the switch
    waiting: Ints  # [output port p, class, input port]: mask of virtual channels whose head waits for an output channel
    terminals: Ints  # a row per terminal
    packets: Ints  # a row per packet
    routes: Ints  # [variant, router, destination]: port + class << PORT_BITS
    events: Ints  # calendar: [slot, kind, position]: what, flit
    fill: Ints  # [slot, kind]: number of events
    finished: Ints  # packets that finished since the caller looked
    scratch: Ints  # working space of one router


# an entry of the route table
PORT_BITS, PORT_MASK = 16, 0xFFFF

# config
PORTS, VCS, BUFFER, CLASSES, ROUTERS, TERMINALS = 0, 1, 2, 3, 4, 5
HEAD_DELAY, SWITCH_DELAY, CREDIT_DELAY, SPECULATIVE, SLOTS, SLOT_EVENTS, INJECT_DELAY = 6, 7, 8, 9, 10, 11, 12
INPUT_WIDTH, PORT_WIDTH, ROUTER_WIDTH, TERMINAL_WIDTH = 13, 14, 15, 16
CONFIG_WIDTH = 17

# counters
IN_FLIGHT, PENDING, FINISHED, MOVES = 0, 1, 2, 3
COUNTERS_WIDTH = 4

# inputs
HEAD, COUNT, OUT, OUT_VC, STATE, ACCEPT, CLASS, ROUTER, PORT, INDEX, FLITS = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
IDLE, ROUTING, WAITING, ACTIVE = 0, 1, 2, 3

# outputs
CREDITS, OWNER, GRANT = 0, 1, 2
OUTPUT_WIDTH = 4

# ports
SWITCH_GRANT, SWITCH_ACCEPT, SWITCH_VC, FREE_VCS, TARGET, LATENCY, UPSTREAM, UPSTREAM_LATENCY = 0, 1, 2, 3, 4, 5, 6, 7
RING_OUT, RING_IN, SENT, WANT_SWITCH, PER_CLASS = 8, 9, 10, 11, 12
# from PER_CLASS on: per class the mask of its virtual channels, then per class the mask of inputs with waiting heads

# routers: the mask of outputs that are wanted by flits; from ROUTER_WAITING on: per class, by waiting heads
ROUTER_SWITCH, ROUTER_WAITING = 0, 1

# terminals; from SOURCE_CREDITS on: credits per virtual channel
CURRENT, LEFT, SOURCE_VC, LAST_VC, QUEUE_HEAD, QUEUE_TAIL, ENTRY, EJECTED, INJECTED, SOURCE_CREDITS = range(10)

# packets
SOURCE, DESTINATION, SIZE, CREATED, NEXT, ENTERED, DONE, VARIANT, PACKET_CLASS = range(9)
PACKET_WIDTH = 9

# kinds of event
FLIT, CREDIT, ROUTED = 0, 1, 2

# why a run of the loop ended
REACHED, STOPPED, DEADLOCK = 0, 1, 2
NEVER = 1 << 62
