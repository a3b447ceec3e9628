"""The port through which the host sends PIM commands to the channels of a tier: packets in order, at one rate for all.

What it models: a core whose instructions go out one after the other, each to one channel (the NeuPIMs simulator, commit
f299af3, takes one PIM instruction a core cycle from its load queue). The host sends what it is told to in that order, so
the channel of the last request waits until the packets of all before it are out. What it leaves out: queues between port
and channels, which are taken to hold whatever has been sent. Activations and precharges are the memory controller's and
need no packet.
"""

from __future__ import annotations

from fractions import Fraction

from sim.core.arith import ceil_div
from sim.core.clock import PS_PER_S
from sim.hardware.pim.command_set import CommandSet
from sim.hardware.pim.macro import Program


class IssuePort:
    """A FIFO of packets; ``rate`` packets a second, None for a port that never limits."""

    def __init__(self, rate: Fraction | None) -> None:
        self._rate = rate
        self._free_ps = 0

    def send(self, now_ps: int, packets: int) -> tuple[int, int]:
        """Book ``packets`` at ``now_ps``: when the first is out, and the last."""
        if self._rate is None or packets == 0:
            return now_ps, now_ps
        start = max(now_ps, self._free_ps)
        self._free_ps = start + send_ps(packets, self._rate)
        return start + send_ps(1, self._rate), self._free_ps


def send_ps(packets: int, rate: Fraction | None) -> int:
    """Time that ``packets`` take, rounded up."""
    return int(ceil_div(packets * PS_PER_S * rate.denominator, rate.numerator)) if rate else 0


def packets_of(commands: CommandSet, program: Program) -> int:
    """Packets of a program: one a command, but for those that come with another one's packet."""
    return sum(
        times * sum(step.times for step in macro if step.command not in commands.carried) for macro, times in program
    )
