"""Every registered PIM command set resolves on a device, says its source, and can refresh; every device has a set."""

from __future__ import annotations

import pytest

from sim.core.errors import InputError
from sim.hardware.memory.bank_timing import resolve
from sim.hardware.pim.command import Command, Rule, check_commands, delay
from sim.hardware.pim.command_set import command_set_of, command_sets
from sim.hardware.pim.devices import PIM_DEVICES
from sim.hardware.pim.log_checker import check_log
from sim.hardware.pim.sequencer import Sequencer, Step


@pytest.mark.parametrize("name", command_sets.names())
def test_every_command_of_a_set_can_be_issued_and_refresh_goes_on(name: str) -> None:
    devices = [device for device in PIM_DEVICES.values() if name in device.command_sets]
    assert devices
    for device in devices:
        commands = command_set_of(name, device)
        assert commands.source and commands.refresh in commands.commands
        sequencer = Sequencer(commands, device, refresh=True)
        for command, spec in commands.commands.items():
            for row in (0, 1):
                if spec.mode and not commands.mode_switch:
                    sequencer.timeline.mode = spec.mode
                sequencer.run(Step(command, row=row), not_before=device.first_refresh * 2)
        assert set(commands.commands) == set(sequencer.timeline.counts)
        assert sum(sequencer.timeline.actions().values()) > 0
        broken = check_log(commands, device, sequencer.timeline.log)
        assert [one for one in broken if not one.broken.startswith("mode")] == []


@pytest.mark.parametrize("name", sorted(PIM_DEVICES))
def test_every_pim_device_is_a_sound_dram_device(name: str) -> None:
    device = PIM_DEVICES[name]
    assert resolve(device.dram).refi > 0
    assert device.source and device.dram.source and device.banks % device.units == 0


def test_a_set_that_does_not_fit_is_refused_with_everything_wrong() -> None:
    commands = {"A": Command("A", "chanel", "x", opener="B"), "C": Command("C", "bank", "x", latency="tNO + 1")}
    with pytest.raises(InputError) as caught:
        check_commands(commands, [Rule(("A",), ("D",), "tRP", "everywhere")], {"tRP": 1})
    assert len(caught.value.problems) == 5


def test_delays_are_sums_of_names() -> None:
    assert delay("CL + burst + 3 - CWL", {"CL": 10, "burst": 2, "CWL": 4}) == 11
    with pytest.raises(ValueError, match="not a sum"):
        delay("CL burst", {"CL": 1, "burst": 1})
