"""Replays a command log against every timing row, one command at a time, without the engine that wrote it.

It reads the rows as they stand in the command set, expands runs, and for each command looks back at every earlier one
that the row names on a common unit. It also holds bank states and modes: a column command finds its row open in every
bank it touches, an activation and a refresh find banks closed, and one cycle carries one command.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sim.hardware.pim.command import EVERY_BUFFER, Rule, delay
from sim.hardware.pim.command_set import CommandSet
from sim.hardware.pim.pim_device import PimDevice
from sim.hardware.pim.timeline import Issued


@dataclass(frozen=True)
class Violation:
    """A command that came wrong, and what it broke: ``wanted`` and ``found`` cycles for a timing row."""

    cycle: int
    command: str
    broken: str
    wanted: int = 0
    found: int = 0


def _expanded(log: Iterable[Issued]) -> Iterator[tuple[int, str, int, int]]:
    for line in log:
        for index in range(line.times):
            yield line.cycle + index * line.gap, line.command, line.target, line.row


def _banks(device: PimDevice, touches: str, target: int) -> list[int]:
    return [bank for bank in range(device.banks) if _unit(touches, bank, device) == target]


def _unit(level: str, bank: int, device: PimDevice) -> int:
    if level == "channel":
        return 0
    if level == "rank":
        return bank // (device.dram.bankgroups * device.dram.banks_per_group)
    if level == "bankgroup":
        return bank // device.dram.banks_per_group
    if level == "samebank":
        return bank % device.dram.banks_per_group
    if level == "bundle":
        rank, pair = _unit("rank", bank, device), _unit("samebank", bank, device) // 2
        return rank * -(-device.dram.banks_per_group // 2) + pair
    return bank % 2 if level == "parity" else bank


class _Replay:
    def __init__(self, commands: CommandSet, device: PimDevice) -> None:
        self.set, self.device = commands, device
        self.timing = device.cycles()
        self.rules: list[tuple[Rule, int]] = [(rule, delay(rule.cycles, self.timing)) for rule in commands.rules]
        self.past: dict[tuple[int, int], list[int]] = {}
        self.rows: dict[tuple[int, int], int] = {}
        self.buffers = {spec.row_buffer for spec in commands.commands.values()} - {EVERY_BUFFER}
        self.mode = commands.first_mode
        self.violations: list[Violation] = []

    def step(self, cycle: int, name: str, target: int, row: int) -> None:
        banks = _banks(self.device, self.set.commands[name].touches, target)
        for number, (rule, cycles) in enumerate(self.rules):
            units = {_unit(rule.scope, bank, self.device) for bank in banks}
            if name in rule.following:
                for unit in units:
                    seen = self.past.get((number, unit), [])
                    if len(seen) >= rule.window and cycle - seen[-rule.window] < cycles:
                        self.violations.append(Violation(cycle, name, str(rule), cycles, cycle - seen[-rule.window]))
                        break
            if name in rule.preceding:
                for unit in units:
                    self.past.setdefault((number, unit), []).append(cycle)
        self._state(cycle, name, banks, row)

    def _state(self, cycle: int, name: str, banks: Sequence[int], row: int) -> None:
        spec = self.set.commands[name]
        buffers = self.buffers if spec.row_buffer == EVERY_BUFFER else {spec.row_buffer}
        places = [(buffer, bank) for buffer in sorted(buffers) for bank in banks]
        if spec.needs == "open" and any(self.rows.get(place) != row for place in places):
            self.violations.append(Violation(cycle, name, f"row {row} is not open in all of banks {banks}"))
        if spec.needs == "closed" and any(place in self.rows for place in places):
            self.violations.append(Violation(cycle, name, f"banks {banks} are not all closed"))
        if spec.mode and spec.mode != self.mode:
            self.violations.append(Violation(cycle, name, f"mode is {self.mode}, not {spec.mode}"))
        for place in places:
            if spec.effect == "open":
                self.rows[place] = row
            elif spec.effect == "close":
                self.rows.pop(place, None)
        self._change_mode(name)

    def _change_mode(self, name: str) -> None:
        spec = self.set.commands[name]
        if spec.enters:
            self.mode = spec.enters
        elif name in self.set.mode_switch.values():
            others = [mode for mode, switch in self.set.mode_switch.items() if switch == name and mode != self.mode]
            self.mode = others[0] if others else self.mode


def check_log(commands: CommandSet, device: PimDevice, log: Sequence[Issued]) -> list[Violation]:
    """Everything illegal in ``log``, in order of time; empty for a legal log."""
    replay, last = _Replay(commands, device), 0
    for cycle, name, target, row in sorted(_expanded(log), key=lambda line: line[0]):
        if cycle <= last:
            replay.violations.append(Violation(cycle, name, "one command a cycle"))
        last = cycle
        replay.step(cycle, name, target, row)
    return replay.violations
