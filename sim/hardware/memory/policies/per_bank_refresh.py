"""``per_bank_refresh``: as ``bank_round_robin``, but one bank at a time is refreshed (REFpb), the others go on.

Every bank comes round once in tREFI, in bank order; a refresh that is due blocks its bank at once. For devices whose
row has tRFCpb and tRREFD.
"""

from __future__ import annotations

from typing import ClassVar

from sim.hardware.memory import _bank_layout as at
from sim.hardware.memory.policies.bank_round_robin import BankRoundRobin
from sim.hardware.memory.policies.policy import controller_policies


@controller_policies.register("per_bank_refresh")
class PerBankRefresh(BankRoundRobin):
    """The figures of ``bank_round_robin``."""

    name: ClassVar[str] = "per_bank_refresh"

    def words(self) -> dict[int, int]:
        return super().words() | {at.REFRESH_PER_BANK: 1}
