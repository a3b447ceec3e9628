"""The decoder block of the NeuPIMs simulator: command counts exactly, dual row buffer cycles within the bounds."""

from __future__ import annotations

from collections import Counter

import pytest

from sim.validate.suite import run_suite
from sim.validate.suites.npu_pim_block import MODES, run_mode

COUNTS = {"COMP": 40_704, "GWRITE": 192, "READRES": 3_256, "G_ACT": 10_736}
"""PIM commands of that simulator for the block with E = 1024, in both modes (commit f299af3)."""


def test_every_mode_and_stage_is_within_its_bounds() -> None:
    result = run_suite("npu_pim_block")
    assert result.scored == 6 and not result.skipped and result.passed
    assert all(metric.rows for metric in result.metrics.values())


@pytest.mark.parametrize("mode", ["npu+pim", "neupims"])
def test_commands_of_a_whole_run_are_those_of_the_reference(mode: str) -> None:
    record = run_mode("gpt-e1024.json", mode)
    found: Counter[str] = Counter()
    for component in record.components:
        for ledger in component.ledger.values():
            found.update(
                {name.removeprefix("command "): n for name, n in ledger.items() if name.startswith("command ")}
            )
    assert {name: found[name] for name in COUNTS} == COUNTS


def test_pim_does_not_beat_its_internal_bandwidth() -> None:
    for mode in set(MODES) - {"npu-only"}:
        record = run_mode("gpt-e1024.json", mode)
        for one in record.operators:
            if one.engine == "pim":
                assert one.macs_executed * 10**12 <= one.peak_macs_per_s * one.active_ps
