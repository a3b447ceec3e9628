"""Attention on Newton-like PIM: command counts of a published simulator, and one row buffer against two."""

from __future__ import annotations

from collections import Counter

import pytest

from sim.core.errors import InputError
from sim.hardware.pim.command_set import command_set_of
from sim.hardware.pim.concurrent import InOrder, run_together
from sim.hardware.pim.devices import PIM_DEVICES
from sim.hardware.pim.log_checker import check_log
from sim.hardware.pim.programs.pim_attention import Heads, attend_tiles, check_attention, logit_tiles, tile_steps
from sim.hardware.pim.sequencer import Sequencer, Step

DEVICE = PIM_DEVICES["HBM2_NeuPIMs"]
HEADS = Heads(8, 128)
CONTEXTS = (2048, 2048, 1004, 942, 861, 1548, 847, 824)
COUNTS = {"G_ACT": 10736, "GWRITE": 192, "COMP": 40704, "READRES": 3256}
"""One decoder block, 8 heads of 128, 8 requests: NeuPIMs simulator, commit f299af3 (npu+pim and neupims alike)."""


@pytest.mark.parametrize("name", ["newton", "neupims"])
def test_the_small_block_issues_the_published_commands(name: str) -> None:
    commands, counts = command_set_of(name, DEVICE), Counter[str]()
    for context in CONTEXTS:
        sequencer = Sequencer(commands, DEVICE)
        logits = logit_tiles(DEVICE, HEADS, context)
        for tile in [*logits, *attend_tiles(DEVICE, HEADS, context, len(logits))]:
            for step in tile_steps(DEVICE, tile):
                sequencer.run(step)
        counts += sequencer.timeline.counts
    assert {name: counts[name] for name in COUNTS} == COUNTS


def _pim() -> list[Step]:
    return [step for tile in logit_tiles(DEVICE, HEADS, 300) for step in tile_steps(DEVICE, tile)]


def _host(banks: int) -> list[Step]:
    return [Step("RD", 8, 5000 + number // banks, number % banks) for number in range(200)]


@pytest.mark.parametrize("banks", [1, 8, 32])
@pytest.mark.parametrize("refresh", [False, True])
def test_two_row_buffers_overlap_and_one_does_not(banks: int, refresh: bool) -> None:
    """Together takes at least the longer, at most the sum; with one row buffer, the sum, but for the change over (the
    host closes each of its banks before it first opens it).

    A refresh falls elsewhere in a joint run, and may cut it better or worse: the bounds hold to within one or two.
    """
    ends = {}
    for name in ("newton", "neupims"):
        commands = command_set_of(name, DEVICE)
        alone = [run_together(commands, DEVICE, InOrder(host), InOrder(pim), refresh=refresh).cycles
                 for host, pim in ((_host(banks), []), ([], _pim()))]  # fmt: skip
        both = run_together(commands, DEVICE, InOrder(_host(banks)), InOrder(_pim()), refresh=refresh)
        assert check_log(commands, DEVICE, both.timeline.log) == []
        slack = 100 + banks * DEVICE.dram.timing["tRP"] + (DEVICE.dram.timing["tRFC"] * 2 if refresh else 0)
        assert max(alone) - (slack if refresh else 0) <= both.cycles <= sum(alone) + slack
        if name == "newton":
            assert both.cycles >= sum(alone) - slack
        ends[name] = both.cycles
    assert ends["neupims"] < ends["newton"]


def test_attention_that_does_not_fit_is_refused_with_everything_wrong() -> None:
    with pytest.raises(InputError, match="do not fit"):
        check_attention(DEVICE, HEADS, [1 << 20, 1 << 20])
    with pytest.raises(InputError) as caught:
        check_attention(DEVICE, Heads(0, 4096), [0])
    assert len(caught.value.problems) == 3
