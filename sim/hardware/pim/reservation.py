"""How long a controller keeps a channel free for a macro-command that its host has announced.

The controller knows how many of which commands will come, not how they overlap, so it adds up their distances as data
rows say: of n commands that come ``each`` cycles apart, units of ``side_by_side`` in parallel, the last takes ``last``
cycles. A macro-command whose sum does not fit before the next refresh waits for it, though it might have ended in time.
Source: NeuPIMs simulator (commit f299af3), the estimate its single-row-buffer controller makes of a GEMV.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sim.hardware.pim.command import delay
from sim.hardware.pim.pim_device import PimDevice


class Reserved(NamedTuple):
    """Delay expressions of one command; ``side_by_side``: "channel" (one after the other) or "rank"."""

    command: str
    each: str
    last: str
    side_by_side: str = "channel"


def reserved_cycles(rows: Sequence[Reserved], device: PimDevice, counts: Mapping[str, int]) -> int:
    """Cycles kept free for commands in these ``counts``; 0 without rows."""
    timing, total = device.cycles(), 0
    for row in rows:
        count = counts.get(row.command, 0)
        if count:
            in_line = -(-count // (device.pim_ranks if row.side_by_side == "rank" else 1))
            total += (in_line - 1) * delay(row.each, timing) + delay(row.last, timing)
    return total
