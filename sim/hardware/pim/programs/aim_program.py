"""Programs of AiM instructions on channels that run in lockstep, and how long they take.

The host hands over one instruction a cycle; a channel carries out its instructions in order; a blocking instruction
(reading results) holds the host until the cycle after its data is back. A program ends when the host has seen that
nothing is pending: one cycle after the last completion. Channels get the same instructions, so one stands for all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sim.core.errors import Place, Problems
from sim.hardware.pim.command_set import CommandSet
from sim.hardware.pim.command_sets.aim import INSTRUCTIONS
from sim.hardware.pim.pim_device import PimDevice
from sim.hardware.pim.sequencer import Sequencer, Step
from sim.hardware.pim.timeline import Timeline

ACTIVATION_ROW = 1 << 29
"""The row address under which the look-up table of the activation function is read (a row of its own)."""


class AimInstruction(NamedTuple):
    """``size`` column accesses by ``opcode`` in ``row`` of ``bank`` (where the opcode has them)."""

    opcode: str
    size: int = 1
    row: int = 0
    bank: int = 0


class AimOutcome(NamedTuple):
    """``cycles`` from the first cycle to the end of the program as the host sees it; the channel's record."""

    cycles: int
    timeline: Timeline


def run_aim(
    commands: CommandSet, device: PimDevice, program: Iterable[AimInstruction], *, refresh: bool = False,
    keep_log: bool = False,
) -> AimOutcome:  # fmt: skip
    """Run ``program`` on a fresh channel."""
    sequencer = Sequencer(commands, device, refresh=refresh, keep_log=keep_log)
    line = sequencer.timeline
    arrives, last, pending = 1, 0, 0
    for instruction in program:
        name, _, blocking = INSTRUCTIONS[instruction.opcode]
        done = arrives
        if name and instruction.size > 0:
            step = Step(name, instruction.size, instruction.row, instruction.bank)
            last = sequencer.run(step, arrives)
            done = line.completion(name, last)
            pending = max(pending, 0 if blocking else done)
        arrives = done + 1 if blocking else arrives + 1
    end = max(arrives, last + 1)
    return AimOutcome(max(end, pending) + 1, line)


def parse_aim(text: str, place: Place | None = None) -> list[AimInstruction]:
    """A program from text: ``AiM OPCODE field ...`` joined by ``;``; ``... xN`` at the end repeats it over N rows.

    Fields of an opcode are those of ``INSTRUCTIONS``. Raises InputError with everything wrong.
    """
    problems = Problems()
    body, dots, times = text.partition("...")
    program = [one for part in body.split(";") if part.strip() for one in _parse_one(part.split(), place, problems)]
    if dots:
        count = times.strip().removeprefix("x")
        if not count.isdecimal() or int(count) < 1 or len(program) != 1:
            problems.add("a repetition is one instruction and xN", place, found=text)
        else:
            program = [one._replace(row=row) for one in program for row in range(int(count))]
    problems.raise_if_any()
    return program


def _parse_one(words: list[str], place: Place | None, problems: Problems) -> list[AimInstruction]:
    if len(words) < 2 or words[0] != "AiM" or words[1] not in INSTRUCTIONS:
        problems.add("not an AiM instruction", place, found=" ".join(words), allowed=tuple(INSTRUCTIONS))
        return []
    opcode, given = words[1], words[2:]
    fields = INSTRUCTIONS[opcode].fields
    if len(given) != len(fields) or not all(word.isdecimal() for word in given):
        problems.add(f"{opcode} takes these numbers", place, found=" ".join(given), allowed=" ".join(fields))
        return []
    values = dict(zip(fields, map(int, given), strict=True))
    row = ACTIVATION_ROW if opcode == "AF" else values.get("row", 0)
    return [AimInstruction(opcode, values.get("size", 1), row, values.get("bank", 0))]
