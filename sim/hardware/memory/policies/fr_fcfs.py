"""``fr_fcfs``: first ready, first come first served over one shared queue, as Ramulator 2 (commit c5b1c3a) schedules.

Per controller 32 reads wait in one queue for all its banks, in whatever order; each cycle the oldest request whose next
command is ready issues it (on HBM one column and one row command), and an older row conflict may close a row that newer
requests still hit. Writes drain when more than 25 of 32 wait or nothing is queued (Rixner et al., ISCA 2000, for the
order; the figures are Ramulator's defaults). All ranks refresh when tREFI has passed, one after another, and nothing
else issues meanwhile. Left out against Ramulator: reads already at their banks finish during a drain, and only the
oldest request of a bank closes its row.
"""

from __future__ import annotations

from typing import ClassVar

from sim.hardware.memory import _bank_layout as at
from sim.hardware.memory.policies.policy import controller_policies


@controller_policies.register("fr_fcfs")
class FirstReady:
    """The policy's figures."""

    name: ClassVar[str] = "fr_fcfs"
    joins_pseudochannels: ClassVar[bool] = True
    read_queue = 32
    write_buffer = 32
    drain_from = 26
    bank_queue = at.MAX_BANK_QUEUE

    def words(self) -> dict[int, int]:
        return {
            at.READ_QUEUE: self.read_queue,
            at.WRITE_QUEUE: self.write_buffer,
            at.BANK_QUEUE: self.bank_queue,
            at.DRAIN_HIGH: self.drain_from,
            at.DRAIN_IDLE: 0,
            at.HIT_LIMIT: 0,
            at.OLDEST_FIRST: 1,
            at.SHARED_QUEUE: 1,
            at.MOVES: self.bank_queue,
            at.REFRESH_ALL: 1,
        }
