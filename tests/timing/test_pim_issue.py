"""The host's command port: what it sends, when a channel may begin, and that no channel outruns its commands."""

from __future__ import annotations

from fractions import Fraction

import pytest

from sim.core.clock import PS_PER_S
from sim.hardware.pim.command_set import command_set_of
from sim.hardware.pim.devices import PIM_DEVICES
from sim.hardware.pim.issue_port import IssuePort, packets_of
from sim.hardware.pim.programs.program import pim_programs
from sim.hardware.pim.reservation import reserved_cycles
from sim.validate.suites.npu_pim_block import run_mode

DEVICE = PIM_DEVICES["HBM2_NeuPIMs"]
MACS = (8, 8, 8, 8)


def test_packets_leave_in_order_at_the_rate_of_the_port() -> None:
    port = IssuePort(Fraction(10**9))
    assert port.send(5000, 3) == (6000, 8000)
    assert port.send(5000, 1) == (9000, 9000)
    assert port.send(20_000, 2) == (21_000, 22_000)
    assert IssuePort(None).send(7, 10**6) == (7, 7)


@pytest.mark.parametrize(("name", "packets"), [("newton", 1 + 32 + 4), ("neupims", 1 + 4)])
def test_a_composite_command_is_one_packet(name: str, packets: int) -> None:
    tile = pim_programs.get(name).tile(DEVICE, MACS, 0, 1)
    assert packets_of(command_set_of(name, DEVICE), ((tile, 3),)) == 3 * packets


def test_what_a_header_announces_is_added_up() -> None:
    counts = {"PRE": 32, "G_ACT": 8, "COMP": 32, "READRES": 4}
    assert reserved_cycles(command_set_of("newton", DEVICE).reserved, DEVICE, counts) == 128 + 3 * 30 + 14 + 64 + 3 * 2
    assert reserved_cycles(command_set_of("neupims", DEVICE).reserved, DEVICE, counts) == 0


def test_no_operator_ends_before_its_commands_are_sent() -> None:
    """At one command in eight cycles the port is the limit: each operator takes what its share of the commands does."""
    slow = run_mode("gpt-e1024.json", "npu+pim", {"chip.hbm.pim.issue_rate": "125 MHz"})
    times = {one.name: one.active_ps for one in slow.operators if one.engine == "pim"}
    packets = 40_704 + 3_256 + 192 + 1_342
    assert packets * 8 * PS_PER_S // 10**9 <= sum(times.values()) <= packets * 8 * PS_PER_S // 10**9 * 1.05
