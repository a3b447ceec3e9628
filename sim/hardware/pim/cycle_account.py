"""Where the cycles of a channel's PIM commands go: a partition, exact in cycles, of the time that a macro-command takes.

Every cycle up to a command's slot belongs to what was waited for: a refresh (closing the banks for it, and tRFC behind it),
a mode to change, rows to be closed and opened, the column multiplied, vectors on their way in, results on their way out, or
ordinary reads and writes of the host. The slot of a command that carries no data is the command bus's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sim.hardware.pim.command import Command
from sim.hardware.pim.command_set import CommandSet
from sim.hardware.pim.timeline import Issued

MULTIPLY, ROWS, VECTORS, RESULTS = "multiply", "rows", "vectors", "results"
MODE_SWITCH, REFRESH, COMMAND_BUS, HOST = "mode_switch", "refresh", "command_bus", "host_columns"
GOES_TO = (MULTIPLY, ROWS, VECTORS, RESULTS, MODE_SWITCH, REFRESH, COMMAND_BUS, HOST)
"""What cycles go to."""
_BY_ACTION = {
    "row_to_buffer": VECTORS, "buffer_write": VECTORS, "register_write": VECTORS, "bank_to_buffer": VECTORS,
    "result_read": RESULTS, "result_move": RESULTS, "register_read": RESULTS, "register_to_bank": RESULTS,
    "buffer_to_bank": RESULTS, "mode_switch": MODE_SWITCH, "refresh": REFRESH, "column_read": HOST, "column_write": HOST,
    "pim_header": COMMAND_BUS,
}  # fmt: skip


class CycleAccount:
    """The account of one command set."""

    def __init__(self, commands: CommandSet) -> None:
        self._of = {name: self._goes_to(commands, command) for name, command in commands.commands.items()}
        self._opens = {name for name, command in commands.commands.items() if command.effect == "open"}

    @staticmethod
    def _goes_to(commands: CommandSet, command: Command) -> str:
        if command.name == commands.multiply:
            return MULTIPLY
        return ROWS if command.effect != "none" else _BY_ACTION.get(command.action, MULTIPLY)

    def of(self, log: Sequence[Issued]) -> tuple[Mapping[str, int], int]:
        """Cycles by what they went to, from slot 0 to behind the last command; and those before the first command."""
        found = dict.fromkeys(GOES_TO, 0)
        free, before = 0, ""
        for line in log:
            wait = line.cycle - free
            found[self._waits_for(before, line.command)] += wait
            run = (line.times - 1) * line.gap
            own = self._of[line.command]
            found[own] += run
            found[COMMAND_BUS if own in (ROWS, MODE_SWITCH, REFRESH) else own] += 1
            free, before = line.cycle + run + 1, line.command
        return {name: cycles for name, cycles in found.items() if cycles}, log[0].cycle if log else 0

    def first(self, log: Sequence[Issued]) -> str:
        """What the cycles before the first command were booked to."""
        return self._of[log[0].command] if log else MULTIPLY

    def refreshes(self, log: Sequence[Issued]) -> bool:
        """Is the last command a refresh, so that whatever comes next waits for it?"""
        return bool(log) and self._of[log[-1].command] == REFRESH

    def _waits_for(self, before: str, command: str) -> str:
        if before and self._of[before] == REFRESH:
            return REFRESH
        if before in self._opens and command not in self._opens:
            return ROWS
        return self._of[command]
