"""``bank_round_robin``: per-bank command queues served in turn, as DRAMsim3 (Li et al., IEEE CAL 2020) schedules.

Per channel 32 reads and 32 writes wait; each cycle the oldest that fits moves to its bank's queue of 8. Banks take
turns, starting after the one chosen last; any ready command qualifies. Within a bank the oldest ready entry issues;
only the head may close the row, and only when no queued request hits it or 4 columns were accessed since it was
opened. Writes
complete when accepted and drain when 32 wait, or more than 8 with all bank queues empty, while reads stand still; a
pending read of the same address ends the drain. Refresh is all-bank, staggered over ranks, and blocks its rank at once.
"""

from __future__ import annotations

from typing import ClassVar

from sim.hardware.memory import _bank_layout as at
from sim.hardware.memory.policies.policy import controller_policies


@controller_policies.register("bank_round_robin")
class BankRoundRobin:
    """The policy's figures; all are those of the source named above. Each pseudo-channel has its own controller."""

    name: ClassVar[str] = "bank_round_robin"
    joins_pseudochannels: ClassVar[bool] = False
    request_queue = 32
    write_buffer = 32
    bank_queue = 8
    drain_idle_above = 8
    columns_per_open = 4

    def words(self) -> dict[int, int]:
        return {
            at.READ_QUEUE: self.request_queue,
            at.WRITE_QUEUE: self.write_buffer,
            at.BANK_QUEUE: self.bank_queue,
            at.DRAIN_HIGH: self.write_buffer,
            at.DRAIN_IDLE: self.drain_idle_above,
            at.MOVES: 1,
            at.HIT_LIMIT: self.columns_per_open,
        }
