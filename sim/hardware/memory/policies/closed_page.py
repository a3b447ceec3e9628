"""``closed_page``: as ``bank_round_robin``, but a row that no queued request of its bank hits any more is closed at once.

The precharge is a command of its own, not an auto-precharge, so it takes a slot of the command bus.
"""

from __future__ import annotations

from typing import ClassVar

from sim.hardware.memory import _bank_layout as at
from sim.hardware.memory.policies.bank_round_robin import BankRoundRobin
from sim.hardware.memory.policies.policy import controller_policies


@controller_policies.register("closed_page")
class ClosedPage(BankRoundRobin):
    """The figures of ``bank_round_robin``."""

    name: ClassVar[str] = "closed_page"

    def words(self) -> dict[int, int]:
        return super().words() | {at.CLOSED_PAGE: 1}
