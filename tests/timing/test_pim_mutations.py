"""A constraint dropped or shortened in the engine is caught by the checker, for every row of every command set."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from pim_streams import SETS, random_stream, with_random_timing, with_rules

from sim.hardware.pim.command import Rule
from sim.hardware.pim.log_checker import check_log

TRIES = 40


def _caught(name: str, number: int, mutated: Sequence[Rule]) -> bool:
    """Is the change of rule ``number`` found on some device and stream?"""
    commands, device = SETS[name]
    rule = commands.rules[number]
    for seed in range(TRIES):
        rng = random.Random(f"{name} {number} {seed}")
        other = with_random_timing(device, rng)
        favourites = [*rule.preceding, *rule.following]
        log = random_stream(with_rules(commands, mutated), other, rng, 60, favourites)
        if any(found.broken == str(rule) for found in check_log(commands(), other, log)):
            return True
    return False


@pytest.mark.parametrize("name", sorted(SETS))
def test_a_dropped_rule_is_caught(name: str) -> None:
    rules = SETS[name][0].rules
    missed = [str(rule) for number, rule in enumerate(rules)
              if not _caught(name, number, [*rules[:number], *rules[number + 1 :]])]  # fmt: skip
    assert missed == []


@pytest.mark.parametrize("name", sorted(SETS))
def test_a_rule_shortened_by_one_cycle_is_caught(name: str) -> None:
    rules = SETS[name][0].rules
    missed = []
    for number, rule in enumerate(rules):
        shorter = replace(rule, cycles=f"{rule.cycles} - 1")
        if not _caught(name, number, [*rules[:number], shorter, *rules[number + 1 :]]):
            missed.append(str(rule))
    assert missed == []


@pytest.mark.parametrize("name", sorted(SETS))
@pytest.mark.parametrize("seed", range(10))
def test_what_the_engine_issues_is_legal(name: str, seed: int) -> None:
    commands, device = SETS[name]
    rng = random.Random(seed)
    other = with_random_timing(device, rng)
    log = random_stream(commands(), other, rng, 150, sorted(commands.commands))
    found = [one for one in check_log(commands(), other, log) if not one.broken.startswith("mode")]
    assert found == []
