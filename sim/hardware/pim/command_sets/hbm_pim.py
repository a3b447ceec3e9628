"""``hbm_pim``: the command set of HBM-PIM: ordinary DRAM commands that mean more in its all-bank modes.

Modes: ``sb`` (single bank, an ordinary HBM), ``hab`` (all banks in lockstep: a command goes to all even or all odd
banks; registers and instructions are written) and ``hab_pim`` (a column command also makes the units execute their
next instruction). A unit serves an even and an odd bank; it has an instruction memory (CRF, 32 words) and two register
files (GRF_A, GRF_B, 8 vectors of 16 lanes). Modes change by writes to reserved rows. Sources: Lee et al., ISCA 2021;
delays as in the HBM-PIM simulator (commit b464dde), in which an operation costs one column access and nothing more, and
a write delays every later read of the channel by tWTR_L. Left out: the activation window of lockstep activations (the
device sizes its supply for them), power-down.
"""

from __future__ import annotations

from typing import ClassVar

from sim.hardware.pim.command import Command, Rule, rows
from sim.hardware.pim.command_set import CommandSet, by_name, command_sets

SB, HAB, HAB_PIM = "sb", "hab", "hab_pim"
REGISTER_FILE = 8
"""Vectors in each of GRF_A and GRF_B."""
CRF_WORDS_PER_WRITE = 8
"""Instructions of 32 bits in one column access of 32 bytes."""

_ACTS, _PRES = "ACT ACT_HAB", "PRE PRE_HAB"
_READS = "RD RD_PIM"
_WRITES = "WR SET_HAB ENTER_HAB WR_HAB SET_SB EXIT_HAB ENTER_PIM EXIT_PIM WR_PIM WR_GRF"


def _single(name: str, action: str, latency: str, enters: str = "") -> Command:
    return Command(name, "bank", action, "open", "none", "ACT", "PRE", SB, enters, latency)


def _lockstep(name: str, action: str, latency: str, mode: str, enters: str = "", per_bank: bool = True) -> Command:
    return Command(name, "parity", action, "open", "none", "ACT_HAB", "PRE_HAB", mode, enters, latency, per_bank)


@command_sets.register("hbm_pim")
class HbmPim(CommandSet):
    """Commands, delays and modes of HBM-PIM. Targets: banks in mode sb, 0 (even) or 1 (odd) in the others."""

    name: ClassVar[str] = "hbm_pim"
    source = "Lee et al., ISCA 2021; HBM-PIM simulator, commit b464dde"
    refresh = "REF"
    multiply = "RD_PIM"
    first_mode = SB
    commands = by_name(
        Command("ACT", "bank", "activate", "closed", "open", closer="PRE"),
        Command("ACT_HAB", "parity", "activate", "closed", "open", closer="PRE_HAB"),
        Command("PRE", "bank", "precharge", effect="close"),
        Command("PRE_HAB", "parity", "precharge", effect="close"),
        Command("REF", "channel", "refresh", "closed", closer="PRE", latency="tRFC"),
        _single("RD", "column_read", "CL + burst"),
        _single("WR", "column_write", "CWL + burst"),
        _single("SET_HAB", "mode_switch", "CWL + burst"),
        _single("ENTER_HAB", "mode_switch", "CWL + burst", HAB),
        _lockstep("WR_HAB", "register_write", "CWL + burst", HAB),
        _lockstep("SET_SB", "mode_switch", "CWL + burst", HAB, per_bank=False),
        _lockstep("EXIT_HAB", "mode_switch", "CWL + burst", HAB, SB, per_bank=False),
        _lockstep("ENTER_PIM", "mode_switch", "CWL + burst", HAB, HAB_PIM, per_bank=False),
        _lockstep("EXIT_PIM", "mode_switch", "CWL + burst", HAB_PIM, HAB, per_bank=False),
        _lockstep("RD_PIM", "pim_operation", "CL + burst", HAB_PIM),
        _lockstep("WR_PIM", "register_to_bank", "CWL + burst", HAB_PIM),
        _lockstep("WR_GRF", "register_write", "CWL + burst", HAB_PIM),
    )
    rules = (
        *rows(
            "channel",
            (_READS, _READS, "tCCD_S"),
            (_WRITES, _WRITES, "tCCD_S"),
            (_READS, _WRITES, "CL + burst + tRTRS - CWL"),
            (_WRITES, _READS, "CWL + burst + tWTR_L"),
            (_ACTS, _ACTS, "tRRD_S"),
            ("REF", f"{_ACTS} REF", "tRFC"),
        ),
        Rule(("ACT",), ("ACT",), "tFAW", "channel", window=4),
        *rows(
            "bankgroup",
            (_READS, _READS, "tCCD_L"),
            (_WRITES, _WRITES, "tCCD_L"),
            (_ACTS, _ACTS, "tRRD_L"),
        ),
        *rows(
            "bank",
            (_ACTS, _ACTS, "tRC"),
            (_ACTS, _PRES, "tRAS"),
            (_ACTS, _READS, "tRCDRD"),
            (_ACTS, _WRITES, "tRCDWR"),
            (_PRES, f"{_ACTS} REF", "tRP"),
            (_READS, _PRES, "burst + tRTP - tCCD_L"),
            (_WRITES, _PRES, "CWL + burst + tWR"),
        ),
    )
