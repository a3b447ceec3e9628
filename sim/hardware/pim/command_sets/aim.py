"""``aim``: the command set of GDDR6-AiM: all-bank multiply-accumulate against a global buffer, bias, results.

A channel has 16 banks with a unit each and one global buffer. Bank commands (MAC, element-wise, activation function,
copies) and register commands (buffer, bias, results) stand in two modes; TMOD changes over. Source of commands and
delays: the AiM simulator (commit 0f28a07), after the ISSCC 2022 device. Left out: loading of activation tables.

``INSTRUCTIONS`` are what a host sends: each stands for so many commands of one kind; a blocking one holds the host up
until its data has come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from sim.hardware.pim.command import Command, rows
from sim.hardware.pim.command_set import CommandSet, by_name, command_sets

BANK, REGISTER = "bank", "register"
_ACTS = "ACT ACT4 ACT16"
_PRES = "PRE PRE4 PREA"
_READS = "RD MAC RDCP"
_ALL_READS = "RDMAC16 RDAF16 MAC16 EWMUL16"
_WRITES = "WR WRCP"
_ALL_WRITES = "WRMAC16 EWMUL16"
_EVERYTHING = f"{_ACTS} {_PRES} {_READS} {_WRITES} MAC16 AF16 EWMUL16 WRGB WRMAC16 RDMAC16 RDAF16 REFAB"


class Instruction(NamedTuple):
    """``command`` of the set ("": none, the host alone); ``fields`` of a text program; ``blocking`` as said above."""

    command: str
    fields: tuple[str, ...]
    blocking: bool = False


INSTRUCTIONS: Mapping[str, Instruction] = {
    "WR_CFR": Instruction("", ("register", "value")),
    "WR_SBK": Instruction("WR", ("size", "channels", "bank", "row")),
    "RD_SBK": Instruction("RD", ("size", "channels", "bank", "row")),
    "WR_GB": Instruction("WRGB", ("size", "source", "channels")),
    "WR_BIAS": Instruction("WRMAC16", ("source", "channels")),
    "RD_MAC": Instruction("RDMAC16", ("target", "channels"), blocking=True),
    "RD_AF": Instruction("RDAF16", ("target", "channels"), blocking=True),
    "COPY_BKGB": Instruction("RDCP", ("size", "channels", "bank", "row")),
    "COPY_GBBK": Instruction("WRCP", ("size", "channels", "bank", "row")),
    "MAC_SBK": Instruction("MAC", ("size", "channels", "bank", "row")),
    "MAC_ABK": Instruction("MAC16", ("size", "channels", "row")),
    "AF": Instruction("AF16", ("channels",)),
    "EWMUL": Instruction("EWMUL16", ("size", "channels", "row")),
}


def _on_row(name: str, action: str, latency: str, all_banks: bool) -> Command:
    """A command on the open row of one bank, or of all banks."""
    touches, opener, closer = ("channel", "ACT16", "PREA") if all_banks else ("bank", "ACT", "PRE")
    return Command(name, touches, action, "open", "none", opener, closer, BANK, latency=latency)


def _on_registers(name: str, action: str, latency: str) -> Command:
    return Command(name, "channel", action, mode=REGISTER, latency=latency, per_bank=False)


@command_sets.register("aim")
class Aim(CommandSet):
    """Commands, delays and modes of GDDR6-AiM."""

    name: ClassVar[str] = "aim"
    source = "AiM simulator, commit 0f28a07; Lee et al., ISSCC 2022"
    refresh = "REFAB"
    multiply = "MAC16"
    first_mode = BANK
    mode_switch: ClassVar[Mapping[str, str]] = {BANK: "TMOD", REGISTER: "TMOD"}
    commands = by_name(
        Command("ACT", "bank", "activate", "closed", "open", closer="PRE"),
        Command("ACT4", "bankgroup", "activate", "closed", "open", closer="PRE4"),
        Command("ACT16", "channel", "activate", "closed", "open", closer="PREA"),
        Command("PRE", "bank", "precharge", effect="close"),
        Command("PRE4", "bankgroup", "precharge", effect="close"),
        Command("PREA", "channel", "precharge", effect="close"),
        Command("REFAB", "channel", "refresh", "closed", closer="PREA", latency="tRFC"),
        Command("TMOD", "channel", "mode_switch", per_bank=False),
        _on_row("RD", "column_read", "CL + burst", False),
        _on_row("WR", "column_write", "CWL + burst", False),
        _on_row("MAC", "pim_mac", "1", False),
        _on_row("MAC16", "pim_mac", "1", True),
        _on_row("AF16", "pim_activation_function", "1", True),
        _on_row("EWMUL16", "pim_multiply", "1", True),
        _on_row("RDCP", "bank_to_buffer", "1", False),
        _on_row("WRCP", "buffer_to_bank", "1", False),
        _on_registers("WRGB", "buffer_write", "tCWLGB + burst"),
        _on_registers("WRMAC16", "register_write", "tCWLREG + burst"),
        _on_registers("RDMAC16", "register_read", "tCLREG + burst"),
        _on_registers("RDAF16", "register_read", "tCLREG + burst"),
    )
    rules = (
        *rows(
            "channel",
            # External data bus, and column to column across bank groups.
            ("RD RDMAC16 RDAF16", "RD RDMAC16 RDAF16", "burst"),
            ("WR WRGB WRMAC16", "WR WRGB WRMAC16", "burst"),
            (f"{_READS} MAC16 RDMAC16 RDAF16", f"{_READS} MAC16 RDMAC16 RDAF16", "tCCD_S"),
            (f"{_WRITES} WRGB WRMAC16", f"{_WRITES} WRGB WRMAC16", "tCCD_S"),
            (f"{_READS} {_ALL_READS}", _ALL_READS, "tCCD_L"),
            (_ALL_READS, _READS, "tCCD_L"),
            (f"{_WRITES} {_ALL_WRITES}", _ALL_WRITES, "tCCD_L"),
            (_ALL_WRITES, _WRITES, "tCCD_L"),
            # Turnaround of the data bus.
            ("RD", "WR", "CL + burst - CWL + tRTRS"),
            ("RD", "WRGB", "CL + burst - tCWLGB + tRTRS"),
            ("RD", "WRMAC16", "CL + burst - tCWLREG + tRTRS"),
            ("RDMAC16 RDAF16", "WR", "tCLREG + burst - CWL + tRTRS"),
            ("RDMAC16 RDAF16", "WRGB", "tCLREG + burst - tCWLGB + tRTRS"),
            ("RDMAC16 RDAF16", "WRMAC16", "tCLREG + burst - tCWLREG + tRTRS"),
            ("WR", "RD", "CWL + burst + tWTR_S"),
            ("WR", "RDMAC16 RDAF16", "CWL + burst + tWTR_L"),
            ("WRGB", "RD RDMAC16 RDAF16", "tCWLGB + burst + tWTR_S"),
            ("WRMAC16", "RD", "tCWLREG + burst + tWTR_S"),
            ("WRMAC16", "RDMAC16 RDAF16", "tCWLREG + burst + tWTR_L"),
            # Rows, refresh, modes.
            ("ACT ACT4", "ACT ACT4", "tRRD_S"),
            ("REFAB", f"{_ACTS} REFAB", "tRFC"),
            ("TMOD", _EVERYTHING, "tMOD"),
        ),
        *rows(
            "bankgroup",
            (_READS, _READS, "tCCD_L"),
            (_WRITES, _WRITES, "tCCD_L"),
            ("WR", "RD", "CWL + burst + tWTR_L"),
            (_ACTS, _ACTS, "tRRD_L"),
        ),
        *rows(
            "bank",
            (_ACTS, _ACTS, "tRC"),
            (_ACTS, _PRES, "tRAS"),
            (_PRES, f"{_PRES} {_ACTS} REFAB", "tRP"),
            (f"{_READS} MAC16 AF16", _PRES, "tRTP"),
            (_WRITES, _PRES, "CWL + burst + tWR"),
            ("EWMUL16", _PRES, "CWL + tWR"),
            (_ACTS, "RD", "tRCDRD"),
            (_ACTS, "WR", "tRCDWR"),
            (_ACTS, "MAC MAC16", "tRCDMAC"),
            (_ACTS, "AF16", "tRCDAF"),
            (_ACTS, "EWMUL16", "tRCDEWMUL"),
            (_ACTS, "RDCP", "tRCDRDCP"),
            (_ACTS, "WRCP", "tRCDWRCP"),
        ),
    )
