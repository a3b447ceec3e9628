"""Host and PIM on one channel: what both need, at the same time or one after the other.

Where a bank has one row buffer the host waits until the PIM stream is over (*blocked*: their rows would shut each
other). Where it has two, both streams share the command bus (*concurrent*): a command of the host comes only if PIM's next
command need not wait for it, so PIM keeps its pace. Refresh meets both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from sim.hardware.pim.command_set import CommandSet
from sim.hardware.pim.pim_device import PimDevice
from sim.hardware.pim.sequencer import Sequencer, Step
from sim.hardware.pim.timeline import Timeline


class Stream(Protocol):
    """Commands of one side. ``endless``: it goes on as long as the other side does."""

    endless: bool

    def heads(self) -> Sequence[Step]:
        """Commands of which any may come next; none at the end."""
        ...

    def issued(self, step: Step) -> None:
        """One of the heads has been issued."""
        ...


class InOrder:
    """Steps one after the other."""

    endless = False

    def __init__(self, steps: Iterable[Step]) -> None:
        self._left = deque(step._replace(times=1) for step in steps for _ in range(step.times))

    def heads(self) -> Sequence[Step]:
        return [self._left[0]] if self._left else ()

    def issued(self, step: Step) -> None:
        self._left.popleft()


class Together(NamedTuple):
    """Cycles of the last command of each stream, and the channel's record."""

    host_cycle: int
    pim_cycle: int
    timeline: Timeline

    @property
    def cycles(self) -> int:
        return max(self.host_cycle, self.pim_cycle)


def run_together(
    commands: CommandSet, device: PimDevice, host: Stream, pim: Stream, *, refresh: bool = False
) -> Together:
    """Run both streams on a fresh channel; which mode follows from the command set's row buffers."""
    sequencer = Sequencer(commands, device, refresh=refresh)
    ends = {"host": 0, "pim": 0}
    while True:
        theirs = min(host.heads(), key=sequencer.next_cycle, default=None)
        ours = min(pim.heads(), key=sequencer.next_cycle, default=None)
        if (theirs is None or host.endless) and (ours is None or pim.endless):
            return Together(ends["host"], ends["pim"], sequencer.timeline)
        if ours is not None and (theirs is None or _goes_first(sequencer, ours, theirs)):
            if sequencer.advance(ours, 1):
                pim.issued(ours)
                ends["pim"] = sequencer.last
        elif theirs is not None and sequencer.advance(theirs, 1):
            host.issued(theirs)
            ends["host"] = sequencer.last


def _goes_first(sequencer: Sequencer, pim: Step, host: Step) -> bool:
    """Must the host wait: for the whole PIM stream, or for a command that its next would delay?"""
    line = sequencer.timeline
    if line.buffers == 1:
        return True
    ours, theirs = (line.demand(one.command, one.target, one.row) for one in (pim, host))
    return sequencer.next_cycle(pim) < sequencer.next_cycle(host) + line.separation(theirs, ours)
