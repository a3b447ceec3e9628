"""The flit model: a routed fabric simulated cycle by cycle, flit by flit; the reference of the packet model.

Sources queue without bound and send one flit per cycle; terminals take one flit per cycle and return its credit at once.
A packet can go to several terminals at once (:mod:`sim.hardware.noc.flit_trees`). Left out: errors and retransmission,
adaptive routes, virtual networks for message classes.
"""

from __future__ import annotations

import copy

from sim.core.errors import InconsistencyError, Problems
from sim.hardware.compiled import load_kernels
from sim.hardware.noc import _flit_layout as at
from sim.hardware.noc.fabric_spec import MOST_PER_MASK, RouterSpec
from sim.hardware.noc.flit_state import FlitState
from sim.hardware.noc.flit_trees import FlitTrees
from sim.hardware.noc.flit_waiting import waiting_report
from sim.hardware.noc.packet_list import Packets
from sim.hardware.noc.routes import Ints, Routes


class FlitNetwork:
    """State of one run of the flit model on ``routes`` with routers ``spec``. Times are cycles."""

    def __init__(self, routes: Routes, spec: RouterSpec) -> None:
        self.routes, self.spec = routes, spec
        problems = Problems()
        if routes.ports > MOST_PER_MASK:
            problems.add(
                "too many ports at one router for `model: flit`", found=routes.ports, allowed=f"<= {MOST_PER_MASK}"
            )
        if spec.virtual_channels < routes.classes:
            message = "fewer virtual channels than the topology's routes need to be free of deadlock"
            problems.add(message, found=spec.virtual_channels, allowed=f">= {routes.classes}")
        problems.raise_if_any()
        self.now = 0
        self.submitted = 0
        self._state = FlitState(routes, spec)
        self._trees = FlitTrees(routes)

    def way(self, source: int, destinations: tuple[int, ...]) -> int:
        """What stands in ``Packets.destination`` for a way from ``source``: its one destination, or a negative number for
        the tree to several. Packets of a tree that do not fit a buffer can end in a deadlock."""
        if len(destinations) == 1:
            return destinations[0]
        self._state.make_room_for_branches()
        return -self._trees.root(source, destinations)

    def submit(self, packets: Packets) -> int:
        """Append packets to their sources' queues; returns the number of the first. None may lie in the past."""
        first = self.submitted
        self._state.append(packets, first, self._trees.copies_of(packets.destination))
        self.submitted += len(packets)
        return first

    def run(self, until: int, stop_after: int = 0) -> None:
        """Advance to cycle ``until``, not including it, or to the end of the cycle in which ``stop_after`` packets have
        finished. Raises InconsistencyError (a deadlock, and who waits for what) when nothing can move any more."""
        kernels = load_kernels("sim.hardware.noc._kernels_flit")
        state = self._state
        result = int(kernels.run(state.flat, self._trees.nodes, state.layout, self.now, until, stop_after))
        self.now = result >> 2
        if result & 3 == at.DEADLOCK:
            raise InconsistencyError("deadlock", waiting_report(state, self.routes, self._trees.nodes, self.now))

    def copy(self) -> FlitNetwork:
        """An independent network in the same state."""
        twin = copy.copy(self)
        twin._state = self._state.copy()
        return twin

    def forget(self) -> None:
        """Drop the records of all packets; every one submitted must have arrived. Numbers start again from 0."""
        assert self.finished == self.submitted
        self._state.counters[at.FINISHED] = 0
        self.submitted = 0

    @property
    def finished(self) -> int:
        """How many packets have reached their destination, or the last of several."""
        return int(self._state.counters[at.FINISHED])

    @property
    def in_flight(self) -> int:
        """Flits between source and destination; of a multicast, those in buffers and all copies on links."""
        return int(self._state.counters[at.IN_FLIGHT])

    def order(self, first: int = 0, end: int | None = None) -> Ints:
        """Packet numbers in the order in which their tails arrived, from the ``first`` arrival to before the ``end``."""
        return self._state.packets[first : self.finished if end is None else end, at.ORDER].copy()

    def entered(self) -> Ints:
        """The cycle in which each packet's head left its source; -1 when it did not."""
        return self._state.packets[: self.submitted, at.ENTERED].copy()

    def done(self) -> Ints:
        """The cycle in which each packet's tail arrived; -1 when it did not."""
        return self._state.packets[: self.submitted, at.DONE].copy()

    def injected_flits(self) -> Ints:
        """Flits sent so far, by source."""
        return self._state.terminals[:, at.INJECTED].copy()

    def ejected_flits(self) -> Ints:
        """Flits received so far, by destination."""
        return self._state.terminals[:, at.EJECTED].copy()

    def link_flits(self) -> Ints:
        """Flits sent so far over each link of ``routes.links``."""
        links = self.routes.links
        sent: Ints = self._state.ports[links.source * self.routes.ports + links.source_port, at.SENT]
        return sent
