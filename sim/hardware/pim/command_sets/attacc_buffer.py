"""``attacc_buffer``: AttAcc with its units on the buffer die: a column of one bank comes through the channel to the unit.

No more bandwidth than the host has, but nothing crosses the interposer: columns keep the distances of ordinary reads, and
vectors and sums are where the units are.
Sources: Park et al., AttAcc, ASPLOS 2024; its simulator (commit c600051). Left out: the command bus that its two
pseudo-channels share.
"""

from __future__ import annotations

from typing import ClassVar

from sim.hardware.pim.command import Rule, rows
from sim.hardware.pim.command_set import CommandSet, command_sets
from sim.hardware.pim.stacked import REFRESH, stack_commands, stack_rules


@command_sets.register("attacc_buffer")
class AttAccBuffer(CommandSet):
    """Units on the buffer die."""

    name: ClassVar[str] = "attacc_buffer"
    source = "Park et al., AttAcc, ASPLOS 2024; simulator commit c600051"
    refresh = REFRESH
    multiply = "MAC_PB"
    commands = stack_commands("PB", "bank", "pim_mac_buffer")
    rules = (
        *stack_rules("PB"),
        Rule(("ACT_PB",), ("ACT_PB",), "tFAW", "rank", window=4),
        *rows("rank", ("ACT_PB", "ACT_PB", "tRRD_S"), ("MAC_PB", "MAC_PB", "tCCD_S")),
        *rows("bankgroup", ("ACT_PB", "ACT_PB", "tRRD_L"), ("MAC_PB", "MAC_PB", "tCCD_L")),
        *rows("channel", ("MAC_PB", "MAC_PB", "burst")),
    )
