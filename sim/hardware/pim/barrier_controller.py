"""A host memory controller that keeps PIM transactions in order by barriers, one channel.

A program is groups of column transactions with a barrier after each. In a cycle the controller issues one command, the
first possible of: what a due refresh needs (closing banks, then refreshing); a transaction of the group, in order; the
activation for one; closing a row that nothing left in the group wants. The last transaction of a group waits for the
others. A due refresh does not hold transactions up until it is issued. This is how the HBM-PIM simulator (commit
b464dde) is reported to behave; its queue of 64 transactions is taken to be full enough always.

Cycles in which nothing can happen are skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sim.core.errors import InconsistencyError
from sim.hardware.pim.command_set import CommandSet
from sim.hardware.pim.pim_device import PimDevice
from sim.hardware.pim.sequencer import Step
from sim.hardware.pim.timeline import CLOSED, NEVER, Timeline

Group = Sequence[Step]


class _Choice(NamedTuple):
    """A command that may be issued from ``cycle`` on; ``place`` of its transaction in the group, else -1."""

    cycle: int
    command: str
    target: int
    row: int
    place: int = -1


class BarrierController:
    """Groups of transactions on a fresh channel. Steps here are single commands."""

    def __init__(self, commands: CommandSet, device: PimDevice, *, refresh: bool = True, keep_log: bool = True):
        self.timeline = Timeline(commands, device, keep_log)
        self.commands = commands
        self._interval = device.dram.timing["tREFI"] if refresh else 0
        self._due = device.first_refresh if refresh else NEVER
        self.done = 0

    def run(self, groups: Iterable[Group]) -> int:
        """Run all groups; returns the cycle in which the last transaction is complete."""
        for group in groups:
            left = list(group)
            while left:
                choice = self._next(left)
                self._issue(choice)
                if choice.place >= 0:
                    del left[choice.place]
        return self.done

    def _next(self, left: list[Step]) -> _Choice:
        """The command to issue next: among those possible at the earliest cycle, the first by priority."""
        now = self.timeline.next_slot
        best: _Choice | None = None
        for choice in (*self._refreshing(), *self._transactions(left), *self._activations(left), *self._closing(left)):
            at = max(choice.cycle, now)
            if best is None or at < best.cycle:
                best = choice._replace(cycle=at)
                if at == now:
                    break
        if best is None:
            raise InconsistencyError("PIM controller", f"nothing can be issued for {left[0]} in cycle {now}")
        return best

    def _choice(self, command: str, target: int, row: int, place: int = -1, not_before: int = 0) -> _Choice:
        return _Choice(max(self.timeline.earliest(command, target), not_before), command, target, row, place)

    def _refreshing(self) -> list[_Choice]:
        if self._due == NEVER:
            return []
        found = [self._choice(name, target, 0, not_before=self._due) for name, target in self._open_units()]
        return found or [self._choice(self.commands.refresh, 0, 0, not_before=self._due)]

    def _transactions(self, left: list[Step]) -> list[_Choice]:
        line, found = self.timeline, []
        for place, step in enumerate(left[:-1] or left):
            if line.demand(step.command, step.target, step.row).command == step.command:
                self._check_mode(step)
                found.append(self._choice(step.command, step.target, step.row, place))
        return found

    def _activations(self, left: list[Step]) -> list[_Choice]:
        line, found = self.timeline, []
        for step in left[:-1] or left:
            command, target = line.demand(step.command, step.target, step.row)
            if line.commands.commands[command].effect == "open":
                found.append(self._choice(command, target, step.row))
        return found

    def _closing(self, left: list[Step]) -> list[_Choice]:
        line = self.timeline
        wanted = {(slot, step.row) for step in left for slot in line.slots(step.command, step.target)}
        return [
            self._choice(name, target, 0)
            for name, target in self._open_units()
            if not any((slot, line.open_row[slot]) in wanted for slot in line.slots(name, target))
        ]

    def _open_units(self) -> list[tuple[str, int]]:
        """Closing commands, with their targets, for all open rows."""
        line = self.timeline
        found: dict[tuple[str, int], None] = {}
        for slot, row in enumerate(line.open_row):
            if row != CLOSED:
                name = line.closer_of(slot)
                found[name, line.target_with(name, line.bank_of(slot))] = None
        return list(found)

    def _check_mode(self, step: Step) -> None:
        mode = self.commands.commands[step.command].mode
        if mode and mode != self.timeline.mode:
            raise InconsistencyError("PIM program", f"{step.command} in mode {self.timeline.mode}, not {mode}")

    def _issue(self, choice: _Choice) -> None:
        last = self.timeline.issue(choice.command, choice.target, choice.row, choice.cycle)
        if choice.place >= 0:
            self.done = max(self.done, self.timeline.completion(choice.command, last))
        if choice.command == self.commands.refresh:
            self._due += self._interval
