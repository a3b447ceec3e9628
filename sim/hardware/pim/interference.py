"""How much longer the host's transfers take on a channel whose processing units work at the same time.

With two row buffers host and PIM share what is left: the command bus, the data bus that sums are read over, distances
between activations. What it models: one channel command by command, PIM issuing one tile after another and the host
reading row after row, opening rows ahead of its reads; PIM's commands go first, so PIM keeps its pace and the host gets
what is between (so does the NeuPIMs simulator, commit f299af3: attention of a stage takes the same with and without
products beside it, which take 1.34 times as long). The ratio of the host's time to its time alone is worked out once a
device and command set. What it leaves out: writes (they pay for turning the data bus as well), and rows that the host
reads out of order.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

from sim.hardware.pim.command_set import CommandSet, command_set_of
from sim.hardware.pim.concurrent import InOrder, Together, run_together
from sim.hardware.pim.pim_device import PimDevice
from sim.hardware.pim.programs.program import pim_programs
from sim.hardware.pim.sequencer import Step

ROWS = 40
"""Rows that the host reads: more than once round the banks, so that closing rows is part of it."""
AHEAD = 8
"""Rows that the host opens before it reads them."""


@lru_cache(maxsize=16)
def host_slowdown(name: str, device: PimDevice) -> Fraction:
    """The host's time beside PIM over its time alone; 1 where nothing is shared."""
    commands = command_set_of(name, device)
    return max(Fraction(1), Fraction(*(joint_reads(commands, device, beside).host_cycle for beside in (True, False))))


def joint_reads(commands: CommandSet, device: PimDevice, beside_pim: bool) -> Together:
    """A channel of which the host reads ``ROWS`` rows, with or without PIM at work."""
    return run_together(commands, device, _Reads(device), _Tiles(commands, device) if beside_pim else InOrder(()))


class _Tiles:
    """Tile after tile of one macro-command, each in a row of its own."""

    endless = True

    def __init__(self, commands: CommandSet, device: PimDevice) -> None:
        columns = -(-device.row_words // device.lanes)
        tile = pim_programs.get(commands.name).tile(device, (columns,), 0, 1)
        self._steps = [step._replace(times=1) for step in tile for _ in range(step.times)]
        self._place = self._row = 0

    def heads(self) -> Sequence[Step]:
        return [self._steps[self._place]._replace(row=self._row)]

    def issued(self, step: Step) -> None:
        self._place = (self._place + 1) % len(self._steps)
        self._row += self._place == 0


class _Reads:
    """Rows bank by bank: an activation ahead may come next, or a read."""

    endless = False

    def __init__(self, device: PimDevice) -> None:
        self._banks = device.banks
        self._bursts = device.dram.row_bytes // device.dram.burst_bytes
        self._opened = 0
        self._read = 0

    def heads(self) -> Sequence[Step]:
        row = self._read // self._bursts
        found = []
        if self._opened < min(ROWS, row + AHEAD):
            found.append(self._step("ACT", self._opened))
        if row < self._opened:
            found.append(self._step("RD", row))
        return found

    def issued(self, step: Step) -> None:
        if step.command == "ACT":
            self._opened += 1
        else:
            self._read += 1

    def _step(self, command: str, row: int) -> Step:
        return Step(command, 1, row // self._banks, row % self._banks)
