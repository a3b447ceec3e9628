"""``newton`` and ``neupims``: in-bank dot products with one row buffer a bank, and with two.

A vector is copied from a DRAM row to the channel's global buffer (GWRITE); G_ACT opens a row in the four banks of a
bank group under tFAW of the rank; COMP multiplies one column of all banks with the buffer; READRES reads the sums; a
HEADER tells the device how many of each follow. With one row buffer (Newton) the host and PIM shut each other's rows.
With two (NeuPIMs) an activation for PIM and one for the host on the same bank keep only tRRD_L, and a host column
command need not keep any distance to COMP, nor COMP to a precharge. Sources: He et al., Newton, MICRO 2020; Heo et al.,
NeuPIMs, ASPLOS 2024 and its simulator (commit f299af3). The precharge of all banks for PIM (PRE_PIM) and the packet that
stands for a whole GEMV are NeuPIMs' additions; Newton closes bank by bank. Left out: power-down, and that simulator's
floor of six COMP slots before a READRES.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sim.hardware.pim.command import EVERY_BUFFER, Command, Rule, rows
from sim.hardware.pim.command_set import CommandSet, by_name, command_sets
from sim.hardware.pim.reservation import Reserved

_P_ACTS, _ACTS = "ACT_PIM G_ACT", "ACT ACT_PIM G_ACT"


def _commands(pim_buffer: int, *closers: Command) -> Mapping[str, Command]:
    """``closers``: what else closes banks after PIM; without any the host's precharge does."""
    closer = closers[0].name if closers else "PRE"

    def host(name: str, action: str, latency: str) -> Command:
        return Command(name, "bank", action, "open", "none", "ACT", "PRE", latency=latency)

    def pim(name: str, touches: str, action: str, opener: str, latency: str) -> Command:
        return Command(name, touches, action, "open", "none", opener, closer, latency=latency, row_buffer=pim_buffer)

    return by_name(
        Command("ACT", "bank", "activate", "closed", "open", closer="PRE"),
        Command("PRE", "bank", "precharge", effect="close"),
        host("RD", "column_read", "CL + burst"),
        host("WR", "column_write", "CWL + burst"),
        Command("REF", "channel", "refresh", "closed", row_buffer=EVERY_BUFFER, latency="tRFC"),
        Command("HEADER", "channel", "pim_header", per_bank=False),
        Command("ACT_PIM", "bank", "activate", "closed", "open", closer=closer, row_buffer=pim_buffer),
        Command("G_ACT", "bankgroup", "activate", "closed", "open", closer=closer, row_buffer=pim_buffer),
        *closers,
        pim("GWRITE", "bank", "row_to_buffer", "ACT_PIM", "tGWRITE"),
        pim("COMP", "channel", "pim_mac", "G_ACT", "burst"),
        Command("READRES", "channel", "result_read", latency="CL + burst", per_bank=False),
    )


_SHARED: tuple[Rule, ...] = (
    *rows(
        "channel",
        ("RD", "RD", "tCCD_S"),
        ("WR", "WR", "tCCD_S"),
        ("RD READRES", "WR", "CL + burst + tRTRS - CWL"),
        ("WR", "RD READRES", "CWL + burst + tWTR_S"),
        ("RD READRES", "READRES", "tCCD_L"),
        ("READRES", "RD", "tCCD_L"),
        ("COMP", "COMP READRES", "burst"),
        ("READRES", "COMP", "tCCD_L"),
        ("GWRITE", "GWRITE COMP READRES", "tGWRITE"),
        ("REF", f"{_ACTS} REF", "tRFC"),
    ),
    Rule(("ACT",), ("ACT",), "tFAW", "rank", window=4),
    *rows("rank", ("ACT ACT_PIM", "ACT ACT_PIM", "tRRD_S"), ("G_ACT", "G_ACT", "tFAW")),
    *rows(
        "bankgroup",
        ("RD", "RD", "tCCD_L"),
        ("WR", "WR", "tCCD_L"),
        ("WR", "RD", "CWL + burst + tWTR_L"),
        (_ACTS, _ACTS, "tRRD_L"),
    ),
    *rows(
        "bank",
        ("ACT", "RD", "tRCDRD"),
        ("ACT", "WR", "tRCDWR"),
        (_P_ACTS, "COMP GWRITE", "tRCDRD"),
        ("RD", "PRE", "tRTP"),
        ("WR", "PRE", "CWL + burst + tWR"),
        ("PRE", "REF", "tRP"),
    ),
)


class _NewtonFamily(CommandSet):
    source = "He et al., Newton, MICRO 2020; Heo et al., NeuPIMs, ASPLOS 2024; simulator commit f299af3"
    refresh = "REF"
    multiply = "COMP"
    announces = True  # what the HEADER is for: Heo et al., ASPLOS 2024, section 5


@command_sets.register("newton")
class Newton(_NewtonFamily):
    """One row buffer a bank: host and PIM take turns on it."""

    name: ClassVar[str] = "newton"
    commands = _commands(0)
    reserved = (  # as that simulator's controller adds up what a HEADER announces
        Reserved("PRE", "tRTP", "tRTP"),
        Reserved("GWRITE", "tGWRITE", "tRP + tRCDRD + tGWRITE"),
        Reserved("G_ACT", "tFAW", "tRCDRD", "rank"),
        Reserved("COMP", "burst", "burst"),
        Reserved("READRES", "tCCD_L", "0"),
    )
    rules = (
        *_SHARED,
        *rows("channel", ("RD", "COMP GWRITE", "tCCD_S"), ("WR", "COMP GWRITE", "CWL + burst + tWTR_S")),
        *rows("channel", ("COMP GWRITE", "RD WR", "tCCD_S")),
        *rows(
            "bank",
            (_ACTS, _ACTS, "tRC"),
            (_ACTS, "PRE", "tRAS"),
            ("PRE", _ACTS, "tRP"),
            ("COMP", "PRE", "tRTP"),
            ("GWRITE", "PRE", "tGWRITE"),
        ),
    )


@command_sets.register("neupims")
class NeuPims(_NewtonFamily):
    """Two row buffers a bank: host and PIM side by side."""

    name: ClassVar[str] = "neupims"
    carried = ("COMP",)  # one composite command multiplies and reads the sums (Heo et al., ASPLOS 2024, section 5)
    commands = _commands(1, Command("PRE_PIM", "channel", "precharge", effect="close", row_buffer=1))
    rules = (
        *_SHARED,
        *rows(
            "bank",
            ("ACT", "ACT", "tRC"),
            (_P_ACTS, _P_ACTS, "tRC"),
            ("ACT", "PRE", "tRAS"),
            (_P_ACTS, "PRE_PIM", "tRAS"),
            ("PRE", "ACT", "tRP"),
            ("PRE_PIM", f"{_P_ACTS} REF", "tRP"),
            ("GWRITE", "PRE_PIM", "tGWRITE"),
        ),
    )
