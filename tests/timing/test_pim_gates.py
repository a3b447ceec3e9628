"""Both sides of every timing gate of every PIM command set: one cycle before it is shut, at it is open."""

from __future__ import annotations

import pytest
from pim_streams import SETS

from sim.hardware.pim.command import delay
from sim.hardware.pim.log_checker import check_log
from sim.hardware.pim.timeline import Issued, Timeline

START = 1000
GATES = [
    (name, number, first, then)
    for name, (commands, _) in SETS.items()
    for number, rule in enumerate(commands.rules)
    for first in rule.preceding
    for then in rule.following
]


@pytest.mark.parametrize("name", sorted(SETS))
def test_engine_opens_a_gate_when_its_longest_rule_allows(name: str) -> None:
    commands, device = SETS[name][0](), SETS[name][1]
    timing = device.cycles()
    for _, number, first, then in [gate for gate in GATES if gate[0] == name]:
        rule = commands.rules[number]
        line = Timeline(commands, device)
        for turn in range(rule.window):
            line.issue(first, 0, 0, START + turn)
        last = START + rule.window - 1
        allowed = max(
            (START if one.window > 1 else last) + delay(one.cycles, timing)
            for one in commands.rules
            if first in one.preceding and then in one.following and one.window in (1, rule.window)
        )
        assert line.earliest(then, 0) == max(allowed, last + 1), (str(rule), first, then)


@pytest.mark.parametrize("name", sorted(SETS))
def test_checker_knows_both_sides_of_every_gate(name: str) -> None:
    commands, device = SETS[name][0](), SETS[name][1]
    timing = device.cycles()
    for _, number, first, then in [gate for gate in GATES if gate[0] == name]:
        rule = commands.rules[number]
        cycles = delay(rule.cycles, timing)
        if cycles <= rule.window:
            continue
        before = [Issued(START + turn, first, 0, 0, 1, 1) for turn in range(rule.window)]
        for early in (1, 0):
            log = [*before, Issued(START + cycles - early, then, 0, 0, 1, 1)]
            broken = [found for found in check_log(commands, device, log) if found.broken == str(rule)]
            last_pair = [found for found in broken if found.cycle == START + cycles - early]
            assert len(last_pair) == early, (str(rule), first, then, early)


def test_a_rule_of_a_bank_leaves_other_banks_alone() -> None:
    commands, device = SETS["aim"][0](), SETS["aim"][1]
    line = Timeline(commands, device)
    line.issue("ACT", 0, 0, START)
    assert line.earliest("RD", 0) == START + 36
    assert line.earliest("RD", 4) == START + 1
    assert line.earliest("ACT", 4) == START + 11
