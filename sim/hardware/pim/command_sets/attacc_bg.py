"""``attacc_bg``: AttAcc with a unit in every bank group: one command multiplies a column of the same bank of all groups.

Eight units work at once in a pseudo-channel of two ranks; columns come tCCDSB apart (its power limit). Sources: Park et
al., AttAcc, ASPLOS 2024; its simulator (commit c600051), whose other constants it shares with ``attacc_bank``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sim.hardware.pim.command import Command, rows
from sim.hardware.pim.command_set import CommandSet, command_sets
from sim.hardware.pim.stacked import BUFFERS, REFRESH, buffer_rules, stack_commands, stack_rules


@command_sets.register("attacc_bg")
class AttAccBankGroup(CommandSet):
    """A unit a bank group."""

    name: ClassVar[str] = "attacc_bg"
    source = "Park et al., AttAcc, ASPLOS 2024; simulator commit c600051"
    refresh = REFRESH
    multiply = "MAC_SB"
    commands: ClassVar[Mapping[str, Command]] = {**stack_commands("SB", "samebank", "pim_mac_bank_group"), **BUFFERS}
    rules = (*stack_rules("SB"), *buffer_rules("MAC_SB", "tCCDSB"), *rows("channel", ("MAC_SB", "MAC_SB", "tCCDSB")))
