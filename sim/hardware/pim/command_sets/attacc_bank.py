"""``attacc_bank``: AttAcc with a unit in every bank: one command multiplies a column of all banks of a pseudo-channel.

Its power limit is the longer distance tCCDAB between such commands; opening all banks at once is part of it, so tFAW does
not bind ACT_AB. Sources: Park et al., AttAcc, ASPLOS 2024; its simulator (commit c600051). Left out: one command for the two
pseudo-channels of a channel, and the softmax commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sim.hardware.pim.command import Command, rows
from sim.hardware.pim.command_set import CommandSet, command_sets
from sim.hardware.pim.stacked import BUFFERS, REFRESH, buffer_rules, stack_commands, stack_rules


@command_sets.register("attacc_bank")
class AttAccBank(CommandSet):
    """A unit a bank."""

    name: ClassVar[str] = "attacc_bank"
    source = "Park et al., AttAcc, ASPLOS 2024; simulator commit c600051"
    refresh = REFRESH
    multiply = "MAC_AB"
    commands: ClassVar[Mapping[str, Command]] = {**stack_commands("AB", "channel", "pim_mac_bank"), **BUFFERS}
    rules = (*stack_rules("AB"), *buffer_rules("MAC_AB", "tCCDAB"), *rows("channel", ("MAC_AB", "MAC_AB", "tCCDAB")))
