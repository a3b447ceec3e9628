"""Cycles of PIM commands are booked to what they went to: all of them, and refreshes to refresh."""

from __future__ import annotations

import pytest

from sim.hardware.pim.command_set import command_set_of
from sim.hardware.pim.cycle_account import GOES_TO, HOST, MODE_SWITCH, MULTIPLY, REFRESH, ROWS
from sim.hardware.pim.devices import PIM_DEVICES
from sim.hardware.pim.macro import ChannelState, Transitions
from sim.hardware.pim.programs.program import pim_programs

CASES = [("aim", "GDDR6_AiM"), ("neupims", "HBM2_NeuPIMs"), ("newton", "HBM2_NeuPIMs"), ("attacc_bank", "HBM3_5200"),
         ("logic_die", "HBM3_5200")]  # fmt: skip


@pytest.mark.parametrize("refresh", [False, True])
@pytest.mark.parametrize(("name", "device"), CASES)
def test_every_cycle_is_booked_once(name: str, device: str, refresh: bool) -> None:
    found = PIM_DEVICES[device]
    commands = command_set_of(name, found)
    transitions = Transitions(commands, found, refresh=refresh, whole=commands.announces)
    first, rest = (pim_programs.get(name).tile(found, (8,), columns, 1) for columns in (8, 0))
    one, two = ChannelState(transitions), ChannelState(transitions)
    for channel in (one, two):  # the second finds the program known
        taken = channel.run("program", ((first, 1), (rest, 100)), 17)
        assert sum(channel.spent.values()) == channel.cycle - taken.start
        idle_until = 5 * channel.cycle
        before = dict(channel.spent)
        taken = channel.run("again", ((rest, 3),), idle_until)
        assert sum(channel.spent.values()) - sum(before.values()) == channel.cycle - taken.start
    assert one.counts == two.counts, "refreshes that a known program waits for are counted too"
    assert one.spent == two.spent and set(one.spent) <= set(GOES_TO)
    assert one.spent[MULTIPLY] and one.spent[ROWS] and HOST not in one.spent
    assert (one.spent.get(MODE_SWITCH, 0) > 0) == (name == "aim")
    if not refresh:
        assert REFRESH not in one.spent
    else:
        shortest = one.counts["REF" if "REF" in one.counts else commands.refresh] - 5 * 20
        assert one.spent[REFRESH] >= max(1, shortest)
