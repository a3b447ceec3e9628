"""Macro-commands by looked-up transitions are the command-by-command sequencer, at any gaps, with and without refresh."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.hardware.pim.command_set import command_set_of
from sim.hardware.pim.devices import PIM_DEVICES
from sim.hardware.pim.log_checker import check_log
from sim.hardware.pim.macro import ChannelState, Transitions
from sim.hardware.pim.programs.pim_attention import Tile, tile_steps
from sim.hardware.pim.sequencer import Sequencer

DEVICE = PIM_DEVICES["HBM2_NeuPIMs"]
KINDS = [
    tuple(tile_steps(DEVICE, Tile(1, macs, vector))) for macs in ((8, 8, 8, 8), (32,), (3,)) for vector in (None, 0)
]
gaps = st.one_of(st.just(0), st.integers(0, 9000))
programs = st.lists(st.tuples(st.integers(0, len(KINDS) - 1), gaps, st.integers(1, 8)), max_size=40)


@pytest.mark.parametrize("refresh", [False, True])
@pytest.mark.parametrize("name", ["newton", "neupims"])
@given(program=programs, keep_log=st.booleans())
@settings(max_examples=12, deadline=None)
def test_transitions_are_the_sequencer(name: str, refresh: bool, program: Any, keep_log: bool) -> None:
    commands = command_set_of(name, DEVICE)
    sequencer = Sequencer(commands, DEVICE, refresh=refresh)
    channel = ChannelState(Transitions(commands, DEVICE, refresh=refresh), [] if keep_log else None)
    for row, (kind, gap, repeat) in enumerate(program):
        start = channel.cycle + gap if gap else 0
        for place, step in enumerate(KINDS[kind]):
            fresh = step._replace(row=row) if step.command == "COMP" else step
            sequencer.run(fresh, start if place == 0 else 0)
        _, end, _ = channel.take(KINDS[kind], start, repeat)
        for again in range(repeat - 1):
            for step in KINDS[kind]:
                sequencer.run(step._replace(row=1000 + row * 8 + again) if step.command == "COMP" else step)
        assert end == sequencer.timeline.completion(KINDS[kind][-1].command, sequencer.last)
    assert channel.counts == dict(sequencer.timeline.counts)
    assert check_log(commands, DEVICE, channel.log or []) == []
