"""Macro-commands of stacks with units in banks, bank groups, the buffer die (AttAcc) and the logic die (Duplex).

A vector goes into the buffers of all units of the channel at once (on a logic die they are there); then the units go
through a row of all banks, as many banks at a time as the set's command touches; sums leave as many to a column access
as fill it. Banks of different bank groups take turns where a command touches one bank, which hides the longer distance
within a group.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from sim.core.arith import ceil_div
from sim.hardware.pim.command_set import command_sets
from sim.hardware.pim.macro import Macro
from sim.hardware.pim.pim_device import PimDevice
from sim.hardware.pim.programs.program import pim_programs
from sim.hardware.pim.sequencer import Step
from sim.hardware.pim.timeline import units_of_bank


class _StackProgram:
    commands: ClassVar[str]

    @classmethod
    def tile(cls, device: PimDevice, macs: tuple[int, ...], vector_columns: int, vectors: int) -> Macro:
        """As in :class:`~sim.hardware.pim.programs.program.PimProgram`."""
        found = command_sets.get(cls.commands)
        level = found.commands[found.multiply].touches
        targets = 1 + max(units_of_bank(device)[level])
        sums = ceil_div(device.banks // targets, device.lanes)
        through_channel = "WRGB" in found.commands
        steps = [Step("WRGB", vector_columns)] if vector_columns and through_channel else []
        opener = found.commands[found.multiply].opener
        turns = list(_turns(device, targets, level))
        for turn, after in zip(turns, [*turns[1:], ()], strict=True):
            steps += [Step(opener, target=target) for target in after]
            for columns in macs:
                steps += _multiplies(found.multiply, turn, columns)
                if through_channel:
                    steps.append(Step("MVSB", sums * len(turn) * vectors))
        return tuple(steps)


def _turns(device: PimDevice, targets: int, level: str) -> Iterator[tuple[int, ...]]:
    """Targets that take turns column by column: one bank of every bank group, else one target at a time."""
    if level != "bank":
        yield from ((target,) for target in range(targets))
        return
    groups, per_group = device.dram.bankgroups, device.dram.banks_per_group
    for rank in range(device.pim_ranks):
        for bank in range(per_group):
            yield tuple((rank * groups + group) * per_group + bank for group in range(groups))


def _multiplies(command: str, targets: tuple[int, ...], columns: int) -> list[Step]:
    if len(targets) == 1:
        return [Step(command, columns, target=targets[0])]
    return [Step(command, target=target) for _ in range(columns) for target in targets]


@pim_programs.register("attacc_bank")
class AttAccBankProgram(_StackProgram):
    """All banks at once."""

    commands = "attacc_bank"


@pim_programs.register("attacc_bg")
class AttAccBankGroupProgram(_StackProgram):
    """The same bank of all bank groups, one bank after another."""

    commands = "attacc_bg"


@pim_programs.register("attacc_buffer")
class AttAccBufferProgram(_StackProgram):
    """One bank after another, bank groups in turn."""

    commands = "attacc_buffer"


@pim_programs.register("logic_die")
class LogicDieProgram(_StackProgram):
    """One bundle after another."""

    commands = "logic_die"
