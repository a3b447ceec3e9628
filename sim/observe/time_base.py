"""What one displayed nanosecond of a trace stands for: a nanosecond, or a cycle of a clock of the architecture.

Trace viewers know only time, so a trace in cycles shows one cycle as one nanosecond and says so. Both ends of a slice are
rounded down alike, so that abutting slices stay abutting. A cycle is 1 / hz; edges are not rounded to picoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.core.clock import PS_PER_S
from sim.core.errors import Problems
from sim.core.units import parse_quantity
from sim.run.record import RunRecord


@dataclass(frozen=True)
class TimeBase:
    """Displayed nanoseconds = picoseconds * ``numerator`` / ``denominator``, rounded down."""

    numerator: int
    denominator: int
    says: str

    def shown(self, time_ps: int) -> int:
        return time_ps * self.numerator // self.denominator


SECONDS = TimeBase(1, 1000, "1 ns shown is 1 ns")


def time_base(record: RunRecord, clock: str | None) -> TimeBase:
    """Seconds, or the cycles of ``clock``; raises InputError when the architecture has no such clock."""
    if clock is None:
        return SECONDS
    clocks = record.architecture["document"].get("clocks") or {}
    problems = Problems()
    if clock not in clocks:
        problems.add(
            "--clock: the architecture has no such clock", found=clock, allowed=list(clocks), suggest_for=clock
        )
    problems.raise_if_any()
    hz = parse_quantity(clocks[clock], "frequency")
    return TimeBase(
        hz.numerator, hz.denominator * PS_PER_S, f"1 ns shown is 1 cycle of clock {clock} ({clocks[clock]})"
    )
