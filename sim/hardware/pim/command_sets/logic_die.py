"""``logic_die``: Duplex's Logic-PIM: matrix modules on the logic die, fed over added TSVs from bundles of eight banks.

A command goes to a bundle (two banks of each bank group of a rank), which gives a column of each bank every tCCD_L:
four times what the channel's own TSVs carry. A module multiplies a column with up to eight vectors (8 operations a
byte: 21.3 TFLOPS of a stack against 2.68 TB/s). The host works on the other bundles meanwhile. Source: Yun et al.,
Duplex, MICRO 2024. Vectors and sums stay on the logic die and take no time on a channel. It states no activation window
of bundles: here eight banks count as two windows of four, and other timings are those of the HBM3 stack of the AttAcc
simulator (commit c600051).
"""

from __future__ import annotations

from typing import ClassVar

from sim.hardware.pim.command import rows
from sim.hardware.pim.command_set import CommandSet, command_sets
from sim.hardware.pim.stacked import REFRESH, stack_commands, stack_rules


@command_sets.register("logic_die")
class LogicDie(CommandSet):
    """Modules on the logic die."""

    name: ClassVar[str] = "logic_die"
    source = "Yun et al., Duplex, MICRO 2024; timings of the AttAcc simulator, commit c600051"
    refresh = REFRESH
    multiply = "MAC_BB"
    vectors = 8
    split_banks = True
    commands = stack_commands("BB", "bundle", "pim_mac_logic_die")
    rules = (
        *stack_rules("BB"),
        *rows("rank", ("ACT_BB", "ACT_BB", "tFAW + tFAW")),
        *rows("channel", ("MAC_BB", "MAC_BB", "tCCD_L")),
    )
