"""Random legal command streams on a PIM device with random timings, and the pieces of mutation tests."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sim.hardware.pim.command import Rule
from sim.hardware.pim.command_set import CommandSet
from sim.hardware.pim.command_sets.aim import Aim
from sim.hardware.pim.command_sets.attacc_bank import AttAccBank
from sim.hardware.pim.command_sets.attacc_bg import AttAccBankGroup
from sim.hardware.pim.command_sets.attacc_buffer import AttAccBuffer
from sim.hardware.pim.command_sets.hbm_pim import HbmPim
from sim.hardware.pim.command_sets.logic_die import LogicDie
from sim.hardware.pim.command_sets.newton import NeuPims, Newton
from sim.hardware.pim.devices import PIM_DEVICES
from sim.hardware.pim.pim_device import PimDevice
from sim.hardware.pim.timeline import Issued, Timeline

SETS: dict[str, tuple[type[CommandSet], PimDevice]] = {
    "aim": (Aim, PIM_DEVICES["GDDR6_AiM"]),
    "hbm_pim": (HbmPim, PIM_DEVICES["HBM2_PIM"]),
    "newton": (Newton, PIM_DEVICES["HBM2_NeuPIMs"]),
    "attacc_bank": (AttAccBank, PIM_DEVICES["HBM3_5200"]),
    "attacc_bg": (AttAccBankGroup, PIM_DEVICES["HBM3_5200"]),
    "attacc_buffer": (AttAccBuffer, PIM_DEVICES["HBM3_5200"]),
    "logic_die": (LogicDie, PIM_DEVICES["HBM3_5200"]),
    "neupims": (NeuPims, PIM_DEVICES["HBM2_NeuPIMs"]),
}


def with_rules(commands: type[CommandSet], rules: Sequence[Rule]) -> CommandSet:
    """The command set with other rules."""
    changed: type[CommandSet] = type(f"Changed{commands.__name__}", (commands,), {"rules": tuple(rules)})
    return changed()


def with_random_timing(device: PimDevice, rng: random.Random) -> PimDevice:
    """The same organisation, every delay drawn anew, so that no rule is always implied by others."""
    timing = {name: rng.randint(2, 40) for name in device.dram.timing}
    timing |= {"tFAW": rng.randint(2, 200), "tRC": rng.randint(2, 100)}
    burst = rng.randint(2, 40) * device.dram.beats_per_clock
    dram: Any = replace(device.dram, timing=timing, burst_length=burst)
    return replace(device, dram=dram, timing={name: rng.randint(2, 40) for name in device.timing})


def random_stream(
    commands: CommandSet, device: PimDevice, rng: random.Random, length: int, favourites: Sequence[str]
) -> list[Issued]:
    """Each command, and what it needs first, at its earliest cycle; modes are changed by hand."""
    line = Timeline(commands, device)
    names = sorted(commands.commands)
    while len(line.log) < length:
        name = rng.choice(list(favourites) if rng.random() < 0.7 else names)
        spec = commands.commands[name]
        target = line.target_with(name, rng.choice((0, 1, 4, 5, 8, 12)))
        row = rng.randint(0, 1)
        if spec.mode:
            line.mode = spec.mode
        while True:
            step, unit = line.demand(name, target, row)
            line.issue(step, unit, row, line.earliest(step, unit))
            if step == name:
                break
    return line.log
