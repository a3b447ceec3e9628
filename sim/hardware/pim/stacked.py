"""What the command sets of HBM3 stacks with processing units share: the host's commands, buffers, and their timing.

The units multiply columns of rows that the set's own activation opens; vectors come into their buffers and sums leave
them over the channel's data path, one column access each, while columns are multiplied. Source: AttAcc simulator (commit
c600051). There, nothing separates a host column command from a multiplication, because a channel is in one of two modes;
here they keep the distance of column commands in a bank group. Our reading, where it states no distance: a buffer is
ready for the units when the data has come in, and a sum one column distance after its last multiplication.
"""

from __future__ import annotations

from collections.abc import Mapping

from sim.hardware.pim.command import Command, Rule, rows
from sim.hardware.pim.command_set import by_name

REFRESH = "REF"


def stack_commands(unit: str, level: str, action: str) -> Mapping[str, Command]:
    """Commands of a stack whose units work on ``level``: ACT_, PRE_ and MAC_ with the suffix ``unit``, beside the host's."""
    opener, closer = f"ACT_{unit}", f"PRE_{unit}"

    def host(name: str, energy: str, latency: str) -> Command:
        return Command(name, "bank", energy, "open", "none", "ACT", "PRE", latency=latency)

    return by_name(
        Command("ACT", "bank", "activate", "closed", "open", closer="PRE"),
        Command("PRE", "bank", "precharge", effect="close"),
        host("RD", "column_read", "CL + burst"),
        host("WR", "column_write", "CWL + burst"),
        Command(REFRESH, "channel", "refresh", "closed", latency="tRFC"),
        Command(opener, level, "activate", "closed", "open", closer=closer),
        Command(closer, level, "precharge", effect="close"),
        Command(f"MAC_{unit}", level, action, "open", "none", opener, closer, latency="CL + burst"),
    )


BUFFERS = by_name(
    Command("WRGB", "channel", "buffer_write", latency="CWL + burst", per_bank=False),
    Command("MVSB", "channel", "result_move", latency="CL + burst", per_bank=False),
)
"""Vectors into the units and sums out of them, where that goes through the channel."""


def buffer_rules(mac: str, gap: str) -> tuple[Rule, ...]:
    """Rules of ``BUFFERS``; ``gap``: from a multiplication to the sums of it."""
    return rows(
        "channel",
        ("WRGB MVSB", "RD WR WRGB MVSB", "burst"),
        ("WRGB MVSB", "RD WR WRGB MVSB", "tCCD_S"),
        ("RD WR", "WRGB MVSB", "burst"),
        ("RD WR", "WRGB MVSB", "tCCD_S"),
        ("WRGB", "WRGB", "tCCD_L"),
        ("WRGB", mac, "CWL + burst"),
        (mac, "MVSB", gap),
    )


def stack_rules(unit: str) -> tuple[Rule, ...]:
    """Rules of :func:`stack_commands`."""
    act, pre, mac = f"ACT_{unit}", f"PRE_{unit}", f"MAC_{unit}"
    acts, pres = f"ACT {act}", f"PRE {pre}"
    return (
        *rows(
            "channel",
            ("RD WR", "RD WR", "burst"),
            ("RD WR", "RD WR", "tCCD_S"),
            (REFRESH, f"{acts} {REFRESH}", "tRFC"),
        ),
        Rule(("ACT",), ("ACT",), "tFAW", "rank", window=4),
        *rows(
            "rank",
            ("ACT", "ACT", "tRRD_S"),
            ("RD", "WR", "CL + burst + tRTRS - CWL"),
            ("WR", "RD", "CWL + burst + tWTR_S"),
        ),
        *rows(
            "bankgroup",
            ("ACT", "ACT", "tRRD_L"),
            ("RD", f"RD {mac}", "tCCD_L"),
            ("WR", "WR", "tCCD_L"),
            (mac, "RD WR", "tCCD_L"),
            ("WR", f"RD {mac}", "CWL + burst + tWTR_L"),
        ),
        *rows(
            "bank",
            (acts, acts, "tRC"),
            (acts, pres, "tRAS"),
            (acts, f"RD {mac}", "tRCDRD"),
            (acts, "WR", "tRCDWR"),
            (pres, f"{acts} {REFRESH}", "tRP"),
            (f"RD {mac}", pres, "tRTP"),
            ("WR", pres, "CWL + burst + tWR"),
        ),
    )
