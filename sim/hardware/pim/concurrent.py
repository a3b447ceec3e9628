"""Host and PIM on one channel: what both need, at the same time or one after the other.

Where a bank has one row buffer the host waits until the PIM stream is over (*blocked*: their rows would shut each
other). Where it has two, commands of both streams share the command bus, and the one that can come first does
(*concurrent*; the host's at equal cycles). Refresh meets both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sim.hardware.pim.command_set import CommandSet
from sim.hardware.pim.pim_device import PimDevice
from sim.hardware.pim.sequencer import Sequencer, Step
from sim.hardware.pim.timeline import Timeline


class Together(NamedTuple):
    """Cycles of the last command of each stream, and the channel's record."""

    host_cycle: int
    pim_cycle: int
    timeline: Timeline

    @property
    def cycles(self) -> int:
        return max(self.host_cycle, self.pim_cycle)


def run_together(
    commands: CommandSet, device: PimDevice, host: Iterable[Step], pim: Iterable[Step], *, refresh: bool = False
) -> Together:
    """Run both streams on a fresh channel; which mode follows from the command set's row buffers."""
    sequencer = Sequencer(commands, device, refresh=refresh)
    if sequencer.timeline.buffers == 1:
        ends = [0, 0]
        for number, stream in enumerate((pim, host)):
            for step in stream:
                ends[number] = sequencer.run(step)
        return Together(ends[1], ends[0], sequencer.timeline)
    streams = [_single(host), _single(pim)]
    heads = [next(stream, None) for stream in streams]
    ends = [0, 0]
    while waiting := [(sequencer.next_cycle(head), number) for number, head in enumerate(heads) if head is not None]:
        _, number = min(waiting)
        head = heads[number]
        assert head is not None
        if sequencer.advance(head, 1):
            ends[number] = sequencer.last
            heads[number] = next(streams[number], None)
    return Together(ends[0], ends[1], sequencer.timeline)


def _single(stream: Iterable[Step]) -> Iterator[Step]:
    return (step._replace(times=1) for step in stream for _ in range(step.times))
