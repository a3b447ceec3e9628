"""The packet model: a routed fabric in events per packet and hop, for long messages and whole-accelerator runs.

Each packet books each link of its route when it arrives there, for its flits, in order of arrival. An idle network and
a lack of credits are timed as in the flit model: a packet larger than a buffer goes in buffer-sized pieces, each after
the first credit of the piece before it, and may span routers. Buffers are finite, per link and class, as one pool.
Left out: packets take a link one after the other (routers interleave their flits), the switch always matches inputs
and outputs perfectly, and virtual channels of a class are not told apart. So it does not know where a network
saturates: :meth:`PacketNetwork.warnings` says which links are loaded beyond what it is good for.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np

from sim.core.errors import InconsistencyError, Problems
from sim.hardware.compiled import load_kernels
from sim.hardware.noc import _packet_layout as at
from sim.hardware.noc.credit_limit import credit_limit
from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.packet_list import Packets
from sim.hardware.noc.packet_state import PacketState
from sim.hardware.noc.routes import MOST_SHOWN, Ints, Routes

TRUSTED_LOAD = 0.3
"""Flits per cycle on one link up to which this model is trusted where credits do not limit it: half of the lowest load of
the busiest port (0.6, a 16x16 crossbar with uniform traffic) at which the input-queued router of the flit model saturates.
With credits for a part of that (:func:`~sim.hardware.noc.credit_limit.credit_limit`) that router saturates at this part."""


class PacketNetwork:
    """State of one run of the packet model on ``routes`` with routers ``spec``. Times are cycles."""

    def __init__(self, routes: Routes, spec: RouterSpec, longest: int = 0, messages: bool = False) -> None:
        self.routes, self.spec = routes, spec
        problems = Problems()
        if spec.virtual_channels < routes.classes:
            message = "fewer virtual channels than the topology's routes need to be free of deadlock"
            problems.add(message, found=spec.virtual_channels, allowed=f">= {routes.classes}")
        problems.raise_if_any()
        self.now = 0
        self._state = PacketState(routes, spec, longest, messages)

    @property
    def submitted(self) -> int:
        """How many packets have been submitted."""
        return self._state.submitted

    def submit(self, packets: Packets) -> int:
        """Append packets to their sources' queues; returns the number of the first. None may lie in the past."""
        return self._state.append(packets, self.now)

    def run(self, until: int, stop_after: int = 0) -> None:
        """Advance to cycle ``until``, not including it, or to the end of the cycle in which ``stop_after`` packets have
        finished. Raises InconsistencyError when packets are under way and none can move."""
        run = load_kernels("sim.hardware.noc._kernels_packet").run
        while not self._reached(int(run(self._state.flat, self._state.records, self.now, until, stop_after))):
            pass

    def _reached(self, result: int) -> bool:
        """Take over what the event loop returned. False when it wanted rows, which are there now: to be called again."""
        self.now = result >> 2
        if result & 3 == at.NEEDS_ROWS:
            self._state.grow_by(2 * int(self._state.counters[at.RESERVE]) + 2)
            return False
        if result & 3 == at.DEADLOCK:
            count = int(self._state.counters[at.UNDER_WAY])
            raise InconsistencyError("deadlock", f"at cycle {self.now} none of {count} packets under way can move")
        return True

    def copy(self) -> PacketNetwork:
        """An independent network in the same state."""
        twin = copy.copy(self)
        twin._state = self._state.copy()
        return twin

    def forget(self) -> None:
        """Drop the records of all packets; every one submitted must have arrived. Numbers start again from 0."""
        assert self.finished == self.submitted
        self._state.forget()

    @property
    def finished(self) -> int:
        """How many packets have reached their destination."""
        return int(self._state.counters[at.FINISHED])

    def order(self, first: int = 0, end: int | None = None) -> Ints:
        """Packet numbers in the order in which their tails arrived, from the ``first`` arrival to before the ``end``."""
        booked = self._state.pieces()[: int(self._state.counters[at.BOOKED]), at.ORDER]
        order: Ints = booked[np.argsort(self._last_ends()[booked], kind="stable")]
        return order[first : self.finished if end is None else end]

    def entered(self) -> Ints:
        """The cycle in which each packet's head left its source; -1 when it did not."""
        pieces = self._state.pieces()
        cycles: Ints = pieces[np.flatnonzero(np.diff(pieces[:, at.PACKET], prepend=-1)), at.ENTERED]
        return cycles

    def done(self) -> Ints:
        """The cycle in which each packet's tail arrived; -1 when it did not."""
        ends = self._last_ends()
        return np.where(ends < self.now, ends, -1)

    def _last_ends(self) -> Ints:
        """When the tail of each packet arrives, -1 when that is not known."""
        pieces = self._state.pieces()
        ends: Ints = pieces[np.flatnonzero(np.diff(pieces[:, at.PACKET], append=-1)), at.END]
        return ends

    def ejected_flits(self) -> Ints:
        """Flits of the packet pieces received so far, by destination; a piece counts when its last flit is in."""
        pieces = self._state.pieces()
        there = pieces[(pieces[:, at.END] >= 0) & (pieces[:, at.END] < self.now)]
        destination = (there[:, at.R_WHERE_KIND] >> at.KIND_BITS) % self.routes.terminals
        counts = np.bincount(destination, weights=there[:, at.R_FLITS], minlength=self.routes.terminals)
        return counts.astype(np.int64)

    def injected_flits(self) -> Ints:
        """Flits booked so far out of each terminal."""
        first = int(self._state.flat[at.ALL_PORTS])
        sent: Ints = self._state.ports[first : first + self.routes.terminals, at.SENT].copy()
        return sent

    def link_flits(self) -> Ints:
        """Flits booked so far over each link of ``routes.links``."""
        links = self.routes.links
        sent: Ints = self._state.ports[links.source * self.routes.ports + links.source_port, at.SENT]
        return sent

    def warnings(self, cycles: int, endpoints: Mapping[int, str] | None = None) -> list[str]:
        """What to tell about this model's limits after a run of ``cycles``: links and terminals' ports beyond half of what
        they saturate at. Where no packet has waited there is nothing that the model could have left out. ``endpoints``: what
        terminals are called."""
        links = self.routes.links
        names = [f"link {links.name(link)}" for link in range(len(links))]
        ends = self.routes.terminal_router * self.routes.ports + self.routes.terminal_port
        hung = endpoints or {}
        names += [f"port into {hung.get(one, f'terminal {one}')}" for one in range(self.routes.terminals)]
        rows = self._state.ports[np.concatenate([links.source * self.routes.ports + links.source_port, ends])]
        load = rows[:, at.SENT] / max(cycles, 1)
        trusted = TRUSTED_LOAD * credit_limit(self.routes, self.spec)
        beyond = (load > trusted) & (rows[:, at.WAITED] > 0)
        hot = [int(i) for i in np.argsort(-load, kind="stable") if beyond[i]]
        if not hot:
            return []
        shown = ", ".join(f"{names[i]} ({load[i]:.2f})" for i in hot[:MOST_SHOWN])
        more = f" and {len(hot) - MOST_SHOWN} more" if len(hot) > MOST_SHOWN else ""
        return [
            f"`model: packet` is trusted up to {trusted:.2g} flits per cycle and link; beyond it are {shown}{more}; "
            "`model: flit` simulates saturation"
        ]
