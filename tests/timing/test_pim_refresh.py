"""Refresh of PIM ranks in turn, and macro-commands that wait for it: both sides of the gate."""

from __future__ import annotations

from sim.hardware.pim.command_set import command_set_of
from sim.hardware.pim.devices import PIM_DEVICES
from sim.hardware.pim.macro import ChannelState, Transitions
from sim.hardware.pim.programs.program import pim_programs

DEVICE = PIM_DEVICES["HBM2_NeuPIMs"]
COMMANDS = command_set_of("neupims", DEVICE)
TILE = pim_programs.get("neupims").tile(DEVICE, (32,), 0, 1)
TREFI, TRFC = DEVICE.dram.timing["tREFI"], DEVICE.dram.timing["tRFC"]


def _channel(*, in_turn: bool = True, whole: bool = True) -> ChannelState:
    return ChannelState(Transitions(COMMANDS, DEVICE, refresh=True, in_turn=in_turn, whole=whole), [])


def _tile_cycles() -> int:
    channel = _channel()
    channel.take(TILE)
    before = channel.cycle
    channel.take(TILE)
    return channel.cycle - before


def test_a_tile_that_ends_as_the_refresh_falls_due_goes_first_and_one_that_ends_later_waits() -> None:
    needed = _tile_cycles()
    for late, refreshes in ((0, 0), (1, 1)):
        channel = _channel()
        channel.take(TILE)
        taken = channel.take(TILE, not_before=TREFI // 2 - needed + late)
        assert taken.counts.get("REF", 0) == channel.counts.get("REF", 0) == refreshes
        assert taken.counts["G_ACT"] == 8


def test_ranks_in_turn_are_refreshed_twice_in_the_interval() -> None:
    for in_turn, refreshes in ((True, 2), (False, 1)):
        channel = _channel(in_turn=in_turn)
        channel.take(TILE, not_before=TREFI + 1)
        assert channel.counts["REF"] == refreshes


def test_a_cut_tile_opens_its_rows_again_and_a_whole_one_does_not() -> None:
    counts = []
    for whole in (True, False):
        channel = _channel(whole=whole)
        channel.take(TILE, times=64)
        counts.append(channel.counts["G_ACT"])
    assert counts[0] == 64 * 8 < counts[1]
