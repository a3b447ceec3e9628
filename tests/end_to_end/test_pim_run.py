"""A whole model on a machine with processing in memory: host and PIM in turns, side by side, and without."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from sim.config.load import load_architecture
from sim.core.errors import InputError
from sim.core.probe import Probe
from sim.hardware.layout import Layout
from sim.hardware.pim.command_set import command_set_of
from sim.hardware.pim.devices import PIM_DEVICES
from sim.hardware.pim.log_checker import check_log
from sim.hardware.pim.pim_units import PimUnits
from sim.run.executor import Executor, run_together
from sim.run.jobs import Job, ListedJobs
from sim.run.record import RunRecord
from sim.run.simulate import run_trace
from sim.trace.decoder_block import decoder_block
from sim.trace.load import load_trace

MODES: dict[str, dict[str, Any]] = {
    "npu": {"chip.hbm.pim.enabled": False},
    "blocked": {"chip.hbm.pim.commands": "newton"},
    "dual": {},
}


@pytest.fixture(scope="module")
def records() -> dict[str, RunRecord]:
    trace = load_trace("llama2_7b_decode")
    return {mode: run_trace(trace, load_architecture("neupims", changes)) for mode, changes in MODES.items()}


def test_every_mode_does_all_the_work_and_pim_does_the_attention(records: dict[str, RunRecord]) -> None:
    for mode, record in records.items():
        engines = Counter(one.engine for one in record.operators if one.kind.startswith("attention_"))
        assert sum(one.macs_executed for one in record.operators) == sum(one.macs for one in record.operators)
        assert engines["pim"] == (0 if mode == "npu" else 2)


def test_side_by_side_is_no_slower_than_in_turns(records: dict[str, RunRecord]) -> None:
    assert records["dual"].elapsed_ps <= records["blocked"].elapsed_ps


def test_caches_are_not_moved_where_pim_reads_them(records: dict[str, RunRecord]) -> None:
    def read(mode: str) -> int:
        scores = (one for one in records[mode].operators if one.kind == "attention_score")
        return sum(moved["read"] for one in scores for tier, moved in one.bytes.items() if tier.endswith("hbm"))

    assert read("dual") == 0 < read("npu")


@pytest.mark.parametrize("mode", ["blocked", "dual"])
def test_every_command_of_every_channel_is_legal_and_a_changed_one_is_caught(mode: str) -> None:
    layout = Layout(load_architecture("neupims", MODES[mode]))
    block = decoder_block("block", 512, 4, 128, 512, range(60, 94))
    executor = Executor(layout, ListedJobs([Job(block, "one")]), Probe())
    units = next(one.component for one in executor.machine.engines)
    assert isinstance(units, PimUnits)
    units.record_commands()
    run_together([executor])
    commands = command_set_of(units.model.commands.name, PIM_DEVICES["HBM2_NeuPIMs"])
    found = Counter(line.command for log in units.logs for line in log)
    assert len(units.logs) == 32 and all(units.logs) and found["GWRITE"] >= 34 * 5
    for log in units.logs:
        assert check_log(commands, units.model.device, log) == []
        place = next(number for number, line in enumerate(log) if line.command == "COMP")
        early = [*log[:place], log[place]._replace(cycle=log[place].cycle - 1)]
        assert check_log(commands, units.model.device, early)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"chip.hbm.model": "bandwidth"}, "model: bank"),
        ({"chip.hbm.pim.commands": "neupim"}, "neupims"),
        ({"chip.hbm.pim.commands": "aim"}, "does not have this PIM command set"),
        ({"chip.hbm.device": "HBM2_8Gb_x128"}, "no processing units"),
        ({"chip.hbm.pim.commands": "newton", "chip.hbm.pim.access": "concurrent"}, "two row buffers"),
        ({"chip.hbm.pim.access": "split"}, "some of the banks at a time"),
    ],
)
def test_sections_that_cannot_be_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        load_architecture("neupims", changes)
