"""Every timing constraint of the bank engine: shortened in the engine it is caught, and both sides of each gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from sim.hardware.memory import _bank_layout as at
from sim.hardware.memory import bank_timing, patterns
from sim.hardware.memory.bank_engine import BankEngine
from sim.hardware.memory.command_check import check_log, gap_rules
from sim.hardware.memory.devices import DEVICES
from sim.hardware.memory.devices.device import Device

TIMING = {
    "CL": 12, "CWL": 8, "tRCDRD": 11, "tRCDWR": 9, "tRP": 10, "tRAS": 30, "tRC": 44, "tRRD_S": 4, "tRRD_L": 6,
    "tFAW": 24, "tCCD_S": 4, "tCCD_L": 6, "tWR": 13, "tWTR_S": 4, "tWTR_L": 7, "tRTP": 6, "tPPD": 3, "tRTRS": 2,
    "tRFC": 90, "tREFI": 700,
}  # fmt: skip
DEVICE = Device(
    name="test", family="DDR4", clock_hz=Fraction(10**9), beats_per_clock=2, burst_length=8, channels=1, bus_bits=64,
    device_bits=8, ranks=2, bankgroups=2, banks_per_group=4, rows=4096, row_bytes=2048, mapping="rorababgchco",
    timing=TIMING, source="made up for this test, every constraint distinct",
)  # fmt: skip
WORD = bank_timing._WORDS
SPREAD = ("rand_mix21", "seq_mix21", "stride65536", "stride2048", "stride4096", "rand_wr", "rand_rd", "two_streams")

# Where another constraint would always hide this one, a device on which it binds.
BINDING: dict[str, Mapping[str, int]] = {
    "ras": {"tRAS": 60, "tRC": 70},
    "rcd_rd": {"tRCDRD": 40, "tRAS": 40, "tRC": 50},
    "rcd_wr": {"tRCDWR": 40, "tRAS": 40, "tRC": 50},
    "rp": {"tRP": 40, "tRC": 70},
    "rc": {"tRC": 90},
    "rd_pre": {"tRTP": 40},
    "wr_pre": {"tWR": 40},
    "rrd_s": {"tRRD_S": 9, "tRRD_L": 9, "tFAW": 10},
    "rrd_l": {"tRRD_L": 20, "tFAW": 10},
    "faw": {"tFAW": 60},
    "faw32": {"t32AW": 600, "tRFC": 600, "tREFI": 6000},
    "ppd": {"tPPD": 9},
    "rfc": {"tRFC": 300},
    "rfc_pb": {"tRFCpb": 60, "tRREFD": 20},
    "rrefd": {"tRFCpb": 60, "tRREFD": 30},
    "wr_rd_o": {"tRTRS": 9},
    "wr_wr_l": {"tCCD_L_WR": 20},
}


def shortened(field: str, device: Device, by: int) -> list[str]:
    """The rules that an engine with ``field`` cut ``by`` cycles breaks, in the first stream that breaks any."""
    value = getattr(bank_timing.resolve(device), field)
    for name in SPREAD:
        requests = patterns.make(name, 1500, device.burst_bytes)
        policy = "per_bank_refresh" if field in ("rfc_pb", "rrefd") else "bank_round_robin"
        engine = BankEngine(device, policy=policy, words={WORD[field]: value - by})
        outcome = engine.run(requests.addresses, requests.is_write, issue_width=4, log_lines=20000)
        broken = [violation.rule for violation in check_log(device, outcome.log)]
        if broken:
            return broken
    return []


FIELDS = [name for name in bank_timing.Timing._fields if name not in ("refi", "read_delay", "write_delay")]


@pytest.mark.parametrize("field", FIELDS)
def test_a_constraint_one_cycle_short_in_the_engine_is_caught(field: str) -> None:
    device = replace(DEVICE, timing=TIMING | dict(BINDING.get(field, {})))
    assert shortened(field, device, 0) == []
    assert shortened(field, device, 1) != []


@pytest.mark.parametrize("field", FIELDS)
def test_a_constraint_deleted_in_the_engine_is_caught(field: str) -> None:
    device = replace(DEVICE, timing=TIMING | dict(BINDING.get(field, {})))
    assert shortened(field, device, getattr(bank_timing.resolve(device), field)) != []


def test_a_refresh_that_never_comes_is_caught() -> None:
    requests = patterns.make("seq_rd", 20000, DEVICE.burst_bytes)
    late = BankEngine(DEVICE, words={at.REFRESH_INTERVAL: 10 * TIMING["tREFI"] // DEVICE.ranks})
    log = late.run(requests.addresses, requests.is_write, log_lines=40000).log
    assert {violation.rule for violation in check_log(DEVICE, log)} == {"tREFI"}


@pytest.mark.parametrize("name", sorted(DEVICES))
def test_every_device_of_the_library_keeps_every_rule(name: str) -> None:
    device = DEVICES[name]
    for pattern in ("rand_mix21", "seq_mix21", "stride65536"):
        requests = patterns.make(pattern, 1200, device.burst_bytes)
        outcome = BankEngine(device).run(requests.addresses, requests.is_write, issue_width=8, log_lines=20000)
        assert len(outcome.log) > 1200 - outcome.counts["buffered_writes"]
        assert check_log(device, outcome.log) == []


def line(cycle: int, kind: int, bank: int, row: int = 0) -> list[int]:
    words = [0] * at.LOG_LINE
    words[at.LOG_CYCLE], words[at.LOG_KIND], words[at.LOG_BANK], words[at.LOG_ROW] = cycle, kind, bank, row
    return words


KIND = {"ACT": at.ACT, "PRE": at.PRE, "RD": at.RD, "WR": at.WR, "REF": at.REF, "REFPB": at.REFPB}
NEIGHBOUR = {"bank": 0, "group": 1, "rank": 4}
"""A bank that shares no narrower scope with bank 0 than the one named."""


PER_BANK = replace(DEVICE, timing=TIMING | {"tFAW": 1, "tRFCpb": 60, "tRREFD": 20})


@pytest.mark.parametrize("gap", gap_rules(PER_BANK), ids=lambda gap: f"{gap.rule}-{gap.first}-{gap.second}-{gap.scope}")
def test_the_checker_draws_the_line_between_gap_and_gap_minus_one(gap) -> None:
    def found(cycles: int) -> set[str]:
        log = []
        other = NEIGHBOUR[gap.scope]
        opened = [(0, 0)] if gap.first not in ("ACT", "REFPB") else []
        opened += [(40, other)] if gap.second in ("PRE", "RD", "WR") and other else []
        log += [line(cycle, at.ACT, bank) for cycle, bank in opened]
        log += [line(400, KIND[gap.first], 0), line(400 + cycles, KIND[gap.second], other)]
        if gap.first == "REF":
            log = [line(400, at.REF, 0), line(400 + cycles, KIND[gap.second], 0)]
        return {violation.rule for violation in check_log(PER_BANK, log)}

    assert gap.rule in found(gap.cycles - 1)
    assert gap.rule not in found(gap.cycles)


def single(reads: list[tuple[int, int]], device: Device = DEVICE) -> np.ndarray:
    """Cycles and kinds of the commands that reads at ``(not before, address)`` cause."""
    engine = BankEngine(device)
    addresses = np.array([address for _, address in reads])
    earliest = np.array([cycle for cycle, _ in reads])
    log = engine.run(addresses, np.zeros(len(reads), dtype=bool), not_before=earliest, log_lines=50).log
    return log[:, [at.LOG_CYCLE, at.LOG_KIND]]


@pytest.mark.parametrize("early", [0, 1, 2, 3, 10])
def test_an_early_row_conflict_waits_for_tras_to_the_cycle(early: int) -> None:
    device = replace(DEVICE, timing=TIMING | {"tRAS": 60, "tRC": 70})
    row = 1 << BankEngine(device).map.field_shift("ro")
    arrival = 60 - early
    cycles, kinds = single([(0, 0), (arrival, row)], device).T
    opened = int(cycles[kinds == at.ACT][0])
    closed = int(cycles[kinds == at.PRE][0])
    assert closed == max(opened + 60, arrival + 2)


@pytest.mark.parametrize("late", [-2, -1, 0, 1, 2])
def test_a_refresh_blocks_its_rank_from_its_due_cycle(late: int) -> None:
    due = TIMING["tREFI"] // DEVICE.ranks
    cycles, kinds = single([(due + late - 2, 0), (due + 50, 1 << 11)]).T
    refresh = int(cycles[kinds == at.REF][0])
    if late < 0:
        assert int(cycles[kinds == at.ACT][0]) == due + late
        assert refresh == due + late + TIMING["tRAS"] + TIMING["tRP"]
    else:
        assert refresh == due
        assert int(cycles[kinds == at.ACT][0]) == due + TIMING["tRFC"]
