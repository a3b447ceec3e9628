"""Issues steps in order on one channel: opens and closes rows, changes modes, refreshes.

A step is a run of one command on one row. The sequencer issues whatever the step needs first, each at its earliest
cycle. A change of mode is issued in the cycle in which the next command would otherwise have come (so does the AiM
simulator, commit 0f28a07). When a refresh falls due, nothing more is issued until all banks are closed and refreshed;
a run is cut there and its row opened again.
"""

from __future__ import annotations

from typing import NamedTuple

from sim.core.errors import InconsistencyError
from sim.hardware.pim.command_set import CommandSet
from sim.hardware.pim.pim_device import PimDevice
from sim.hardware.pim.timeline import NEVER, Timeline


class Step(NamedTuple):
    """The command ``times`` over on unit ``target`` of what the command touches, in ``row``."""

    command: str
    times: int = 1
    row: int = 0
    target: int = 0


class Sequencer:
    """Steps in order on a fresh channel; ``refresh`` switches refresh on."""

    def __init__(self, commands: CommandSet, device: PimDevice, *, refresh: bool = False, keep_log: bool = True):
        self.timeline = Timeline(commands, device, keep_log)
        self.commands = commands
        self.last = 0
        self._interval = device.dram.timing["tREFI"] if refresh else 0
        self.due = device.first_refresh if refresh else NEVER

    def run(self, step: Step, not_before: int = 0) -> int:
        """Issue a step, its first command no earlier than ``not_before``; returns the cycle of its last command."""
        left = step.times
        while left > 0:
            left -= self.advance(step, left, not_before)
        return self.last

    def next_cycle(self, step: Step, not_before: int = 0) -> int:
        """The cycle of the next command towards ``step``, were it issued now."""
        command, target = self.timeline.demand(step.command, step.target, step.row)
        return max(self.timeline.earliest(command, target), not_before)

    def advance(self, step: Step, most: int, not_before: int = 0) -> int:
        """Issue what comes next towards ``step``; returns how many of its own commands that was, up to ``most``."""
        line = self.timeline
        mode = self.commands.commands[step.command].mode
        command, target = line.demand(step.command, step.target, step.row)
        cycle = max(line.earliest(command, target), not_before)
        if cycle >= self.due:
            self._refresh()
        elif mode and mode != line.mode:
            self._change_mode(mode, cycle)
        elif command != step.command:
            line.issue(command, target, step.row, cycle)
        else:
            now = min(most, -(-(self.due - cycle) // line.gap(command)))
            self.last = line.issue(command, target, step.row, cycle, now)
            return now
        return 0

    def _change_mode(self, mode: str, cycle: int) -> None:
        switch = self.commands.mode_switch.get(mode)
        if switch is None:
            raise InconsistencyError("PIM program", f"a command of mode {mode!r} comes in mode {self.timeline.mode!r}")
        self.timeline.issue(switch, 0, 0, cycle)
        self.timeline.mode = mode

    def _refresh(self) -> None:
        refresh = self.commands.refresh
        for _ in range(2 * len(self.timeline.open_row) + 1):
            command, target = self.timeline.demand(refresh, 0, 0)
            cycle = max(self.timeline.earliest(command, target), self.due)
            self.timeline.issue(command, target, 0, cycle)
            if command == refresh:
                self.due += self._interval
                return
        raise InconsistencyError("PIM refresh", "banks do not close")
