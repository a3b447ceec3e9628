"""The per-request path of a run: the transfers in flight given burst by burst to the request engine's controller.

Serves what whole row runs do not describe: transfers shorter than :data:`SHORT_BURSTS` on a channel; tiles whose rows lie
apart in memory, for the controller reorders over them; more than
:data:`FEW` at once of which one is shorter than the controller's window, for it then reorders whole transfers; transfers
that take turns more finely than :data:`FINE_BYTES`; and per-bank refresh. It takes the bulk engine's channel over and hands
it back with the same banks, windows and refresh schedule (kernels ``_kernels_mixed``). The last burst of a writing
transfer empties the write buffer, for the transfer ends when that burst is on the bus.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sim.hardware.compiled import load_kernels
from sim.hardware.memory import _bank_layout as rq
from sim.hardware.memory import _bulk_layout as at

KERNELS = "sim.hardware.memory._kernels_mixed"
SHORT_BURSTS = 4
FEW = 2
FINE_BYTES = 2048
NEAR_BURSTS = 256
Array = npt.NDArray[np.int64]


class RequestPath:
    """The controller's arrays while it has the channel. ``parameters``: of the row runs; ``own``: of the controller."""

    def __init__(self, parameters: Array, own: Array) -> None:
        self._parameters = parameters
        self._own = own
        self.serving = False
        slots = int(own[rq.BANKS] * own[rq.BANK_QUEUE] + own[rq.READ_QUEUE] + own[rq.WRITE_QUEUE])
        self._controller = np.zeros(rq.STATE, dtype=np.int64)
        self._book = np.zeros(at.SLOTS + 2 * slots, dtype=np.int64)
        self._requests = np.zeros(slots * rq.REQUEST, dtype=np.int64)
        self._log = np.zeros(rq.LOG_HEADER, dtype=np.int64)

    @property
    def every_bank_apart(self) -> bool:
        """Are banks refreshed one at a time? Then the controller keeps the channel throughout."""
        return bool(self._own[rq.REFRESH_PER_BANK])

    @property
    def _kernels(self) -> Any:
        return load_kernels(KERNELS)

    def copy(self) -> RequestPath:
        """A path that goes on from here without changing this one."""
        other = RequestPath.__new__(RequestPath)
        other.__dict__.update(self.__dict__)
        other._controller, other._book = self._controller.copy(), self._book.copy()
        other._requests = self._requests.copy()
        return other

    def enter(self, state: Array, transfers: Array, ring: Array, cycle: int) -> None:
        """Take the channel over at ``cycle`` with the transfers in flight."""
        self.serving = True
        self._kernels.enter(
            self._parameters, self._own, state, self._controller, self._book, transfers, ring, self._requests, cycle
        )

    def give_more(self, wanted: bool) -> None:
        """Does the controller get further requests, or only finish those it has?"""
        self._book[at.GIVING] = int(wanted)

    def serve(self, state: Array, transfers: Array, ring: Array, until: int) -> int:
        """As the bulk kernel's ``serve``; or DRAINED."""
        slot: int = self._kernels.serve(
            self._parameters, self._own, state, self._controller, self._book, transfers, ring, self._requests,
            self._log, until,
        )  # fmt: skip
        return slot

    def none_ends_before(self, state: Array, transfers: Array, ring: Array) -> int:
        """A cycle before which no transfer completes, found without serving any; 0 where it is within NEAR_BURSTS."""
        cycle: int = self._kernels.none_ends_before(
            self._parameters, self._own, state, self._controller, self._book, transfers.copy(), ring
        )
        return cycle if cycle - self._controller[rq.CLOCK] > NEAR_BURSTS * self._parameters[at.BURST] else 0

    def leave(self, state: Array) -> None:
        """Hand the channel back; the controller's queues are empty."""
        self._kernels.leave(self._parameters, self._own, state, self._controller, self._book)
        self.serving = False

    def pass_time(self, until: int) -> None:
        """No request comes before the end of cycle ``until``; refreshes go on."""
        self._kernels.pass_time(self._own, self._controller, self._requests, self._log, until)

    def begin(self, transfers: Array, slot: int) -> None:
        """A transfer joins those in flight."""
        first = slot * at.TRANSFER
        transfers[first + at.TO_GIVE] = transfers[first + at.LEFT]
