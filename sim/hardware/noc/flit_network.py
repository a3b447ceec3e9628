"""The flit model: a routed fabric simulated cycle by cycle, flit by flit; the reference of the packet model.

Sources queue without bound and send one flit per cycle; terminals take one flit per cycle and return its credit at once.
Left out: errors and retransmission, adaptive routes, virtual networks for message classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.core.errors import InconsistencyError, Problems
from sim.hardware.noc.fabric_spec import MOST_PER_MASK, RouterSpec
from sim.hardware.noc.routing import Routes

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Packets:
    """Packets to send, one entry each: terminals, flits, the cycle they are created in, the route set they take.

    Packets of one source leave in this order; ``created`` must not fall for any source.
    """

    source: Ints
    destination: Ints
    flits: Ints
    created: Ints
    variant: Ints

    def __len__(self) -> int:
        return len(self.source)


class FlitNetwork:
    """State of one run of the flit model on ``routes`` with routers ``spec``. Times are cycles."""

    def __init__(self, routes: Routes, spec: RouterSpec) -> None:
        from sim.hardware.noc import flit_state

        self.routes, self.spec = routes, spec
        problems = Problems()
        if routes.ports > MOST_PER_MASK:
            problems.add("too many ports at one router for `model: flit`", found=routes.ports, allowed=f"<= {MOST_PER_MASK}")
        if spec.virtual_channels < routes.classes:
            message = "fewer virtual channels than the topology's routes need to be free of deadlock"
            problems.add(message, found=spec.virtual_channels, allowed=f">= {routes.classes}")
        problems.raise_if_any()
        self.now = 0
        self.submitted = 0
        self._state = flit_state.build(routes, spec)
        self._layout = flit_state.layout()

    def submit(self, packets: Packets) -> int:
        """Append packets to their sources' queues; returns the number of the first. None may lie in the past."""
        from sim.hardware.noc import flit_state

        first = self.submitted
        self._state = flit_state.append(self._state, packets, first)
        self.submitted += len(packets)
        return first

    def run(self, until: int, stop_after: int = 0) -> None:
        """Advance to cycle ``until``, not including it, or to the end of the cycle in which ``stop_after`` packets have
        finished. Raises InconsistencyError (a deadlock, and who waits for what) when nothing can move any more."""
        from sim.hardware.noc import _kernels_flit

        result = int(_kernels_flit.run(self._state, self.now, until, stop_after))
        self.now = result >> 2
        if result & 3 == self._layout.DEADLOCK:
            raise InconsistencyError("deadlock", self._deadlock())

    @property
    def finished(self) -> int:
        """How many packets have reached their destination."""
        return int(self._state.counters[self._layout.FINISHED])

    @property
    def in_flight(self) -> int:
        """Flits between source and destination."""
        return int(self._state.counters[self._layout.IN_FLIGHT])

    def order(self) -> Ints:
        """Packet numbers in the order in which their tails arrived."""
        return self._state.finished[: self.finished].copy()

    def _column(self, rows: Ints, width: int, field: int) -> Ints:
        return rows.reshape(-1, width)[:, field].copy()

    def entered(self) -> Ints:
        """The cycle in which each packet's head left its source; -1 when it did not."""
        return self._column(self._state.packets, self._layout.PACKET_WIDTH, self._layout.ENTERED)[: self.submitted]

    def done(self) -> Ints:
        """The cycle in which each packet's tail arrived; -1 when it did not."""
        return self._column(self._state.packets, self._layout.PACKET_WIDTH, self._layout.DONE)[: self.submitted]

    def _terminal(self, field: int) -> Ints:
        return self._column(self._state.terminals, self._layout.SOURCE_CREDITS + self.spec.virtual_channels, field)

    def injected_flits(self) -> Ints:
        """Flits sent so far, by source."""
        return self._terminal(self._layout.INJECTED)

    def ejected_flits(self) -> Ints:
        """Flits received so far, by destination."""
        return self._terminal(self._layout.EJECTED)

    def link_flits(self) -> Ints:
        """Flits sent so far over each link of ``routes.links``."""
        width = self._layout.PER_CLASS + 2 * self.routes.classes
        sent = self._column(self._state.ports, width, self._layout.SENT).reshape(self.routes.routers, self.routes.ports)
        links = self.routes.links
        return sent[links.source, links.source_port]

    def _deadlock(self) -> str:
        from sim.hardware.noc import flit_state

        return flit_state.waiting_report(self._state, self.routes, self.spec, self.now)


def packets_of(rows: list[tuple[int, int, int, int]] | Any, variants: Ints | None = None) -> Packets:
    """Packets from rows (source, destination, flits, created), sorted by creation; variant 0 unless given."""
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    variant = np.zeros(len(table), dtype=np.int64) if variants is None else variants
    order = np.argsort(table[:, 3], kind="stable")
    columns = [np.ascontiguousarray(table[order, column]) for column in range(4)]
    return Packets(*columns, np.ascontiguousarray(variant[order]))
