"""Both sides of every timing gate in the engine itself: two commands, the second exactly when the one constraint ends.

Each scenario is the fewest requests that make the engine issue a given pair of commands; the constraint under test is
so long that nothing else holds the second. It must come exactly then, and one cycle earlier or later with the
constraint one shorter or longer.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest

from sim.hardware.memory import _bank_layout as at
from sim.hardware.memory import bank_timing
from sim.hardware.memory.bank_engine import BankEngine
from sim.hardware.memory.devices.device import Device

TIMING = {
    "CL": 12, "CWL": 8, "tRCDRD": 11, "tRCDWR": 9, "tRP": 10, "tRAS": 30, "tRC": 44, "tRRD_S": 4, "tRRD_L": 6,
    "tFAW": 16, "tCCD_S": 4, "tCCD_L": 6, "tWR": 13, "tWTR_S": 4, "tWTR_L": 7, "tRTP": 6, "tPPD": 3, "tRTRS": 2,
    "tRFC": 90, "tREFI": 0, "t32AW": 130, "tRFCpb": 40, "tRREFD": 8,
}  # fmt: skip
DEVICE = Device(
    name="test", family="DDR4", clock_hz=Fraction(10**9), beats_per_clock=2, burst_length=8, channels=1, bus_bits=64,
    device_bits=8, ranks=2, bankgroups=4, banks_per_group=8, rows=4096, row_bytes=2048, mapping="rorababgchco",
    timing=TIMING, source="made up for this test",
)  # fmt: skip
GATE = 300
"""Cycles: longer than everything else together."""
REFI = 128_000
"""So long that no second refresh comes near the first."""
Where = tuple[int, int, int, int, int]


class Scenario(NamedTuple):
    """Requests (write, rank, group, bank, row), ``apart`` cycles apart from ``start`` on; which two commands to look at.

    A command is a kind and its number among those of the kind.
    """

    requests: list[Where]
    first: tuple[int, int]
    second: tuple[int, int]
    per_bank: bool = False
    start: int = 0
    apart: int = 0


A, B = (0, 0, 0, 0, 0), (1, 0, 0, 0, 0)
"""A read and a write of row 0 of the first bank."""
ROWS = [A, (0, 0, 0, 0, 1)]
SPREAD = [(0, 0, k % 4, k // 4 % 8, k // 32) for k in range(33)]


def second(write: int, rank: int, group: int) -> Where:
    return (write, rank, group, 0, 0)


SCENARIOS = {
    "rcd_rd": Scenario([A], (at.ACT, 0), (at.RD, 0)),
    "rcd_wr": Scenario([B], (at.ACT, 0), (at.WR, 0)),
    "ras": Scenario(ROWS, (at.ACT, 0), (at.PRE, 0)),
    "rc": Scenario(ROWS, (at.ACT, 0), (at.ACT, 1)),
    "rp": Scenario(ROWS, (at.PRE, 0), (at.ACT, 1)),
    "rd_pre": Scenario(ROWS, (at.RD, 0), (at.PRE, 0)),
    "wr_pre": Scenario([B, (1, 0, 0, 0, 1)], (at.WR, 0), (at.PRE, 0)),
    "rrd_s": Scenario([A, second(0, 0, 1)], (at.ACT, 0), (at.ACT, 1)),
    "rrd_l": Scenario([A, (0, 0, 0, 1, 0)], (at.ACT, 0), (at.ACT, 1)),
    "faw": Scenario(SPREAD[:5], (at.ACT, 0), (at.ACT, 4)),
    "faw32": Scenario(SPREAD, (at.ACT, 0), (at.ACT, 32)),
    "ppd": Scenario([A, second(0, 0, 1), (0, 0, 0, 0, 1), (0, 0, 1, 0, 1)], (at.PRE, 0), (at.PRE, 1)),
    "rfc": Scenario([A], (at.REF, 0), (at.ACT, 0), start=REFI // 2 + 5),
    "rfc_pb": Scenario([A], (at.REFPB, 0), (at.ACT, 0), per_bank=True, start=REFI // 64 + 1),
    "rrefd": Scenario([(0, 0, 0, 5, 0)], (at.REFPB, 0), (at.ACT, 0), per_bank=True, start=REFI // 64 + 1),
    "rd_rd_l": Scenario([A, (0, 0, 0, 1, 0)], (at.RD, 0), (at.RD, 1)),
    "rd_rd_s": Scenario([A, second(0, 0, 1)], (at.RD, 0), (at.RD, 1)),
    "rd_rd_o": Scenario([A, second(0, 1, 0)], (at.RD, 0), (at.RD, 1)),
    "wr_wr_l": Scenario([B, (1, 0, 0, 1, 0)], (at.WR, 0), (at.WR, 1)),
    "wr_wr_s": Scenario([B, second(1, 0, 1)], (at.WR, 0), (at.WR, 1)),
    "wr_wr_o": Scenario([B, second(1, 1, 0)], (at.WR, 0), (at.WR, 1)),
    "rd_wr": Scenario([A, (1, 0, 0, 1, 0)], (at.RD, 0), (at.WR, 0), apart=30),
    "rd_wr_o": Scenario([A, second(1, 1, 0)], (at.RD, 0), (at.WR, 0), apart=30),
    "wr_rd_l": Scenario([B, (0, 0, 0, 1, 0)], (at.WR, 0), (at.RD, 0)),
    "wr_rd_s": Scenario([B, second(0, 0, 1)], (at.WR, 0), (at.RD, 0)),
    "wr_rd_o": Scenario([B, second(0, 1, 0)], (at.WR, 0), (at.RD, 0)),
}


def gap(field: str, cycles: int) -> int:
    """Cycles between the two commands of the scenario in an engine whose one constraint is ``cycles``."""
    one = SCENARIOS[field]
    refreshed = one.first[0] in (at.REF, at.REFPB)
    device = DEVICE if not refreshed else Device(**{**DEVICE.__dict__, "timing": TIMING | {"tREFI": REFI}})
    words = {bank_timing._WORDS[field]: cycles, at.DRAIN_IDLE: 0}
    engine = BankEngine(device, policy="per_bank_refresh" if one.per_bank else "bank_round_robin", words=words)
    shift = engine.map.field_shift
    addresses = [
        (rank << shift("ra")) | (group << shift("bg")) | (bank << shift("ba")) | (row << shift("ro"))
        for _, rank, group, bank, row in one.requests
    ]
    kinds = np.array([write for write, *_ in one.requests], dtype=bool)
    starts = one.start + one.apart * np.arange(len(kinds))
    log = engine.run(np.array(addresses), kinds, issue_width=8, not_before=starts, log_lines=500).log

    def cycle(kind: int, number: int) -> int:
        return int(log[log[:, at.LOG_KIND] == kind][number, at.LOG_CYCLE])

    return cycle(*one.second) - cycle(*one.first)


def test_every_constraint_has_a_scenario() -> None:
    assert set(SCENARIOS) == set(bank_timing.Timing._fields) - {"refi", "read_delay", "write_delay"}


@pytest.mark.parametrize("field", SCENARIOS)
@pytest.mark.parametrize("cycles", [GATE - 1, GATE, GATE + 1])
def test_the_second_command_comes_exactly_when_the_gate_opens(field: str, cycles: int) -> None:
    assert gap(field, cycles) == cycles


@pytest.mark.parametrize("field", SCENARIOS)
def test_without_the_constraint_the_second_command_comes_earlier(field: str) -> None:
    assert 0 < gap(field, 0) < GATE // 2
