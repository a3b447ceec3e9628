"""Clock domains. A frequency is an exact rational; edge k stands at round(k * 1e12 / hz) ps and is never accumulated."""

from __future__ import annotations

from fractions import Fraction

PS_PER_S = 10**12


class Clock:
    """A clock of ``hz`` hertz. Edge 0 is at time 0."""

    __slots__ = ("_den", "_num", "hz")

    def __init__(self, hz: Fraction) -> None:
        if hz <= 0:
            raise ValueError(f"a clock needs a positive frequency, found {hz}")
        self.hz = Fraction(hz)
        period_ps = PS_PER_S / self.hz
        self._num, self._den = period_ps.numerator, period_ps.denominator

    def edge_ps(self, index: int) -> int:
        """Time of an edge in picoseconds (rounded half up)."""
        if self._den == 1:
            return index * self._num
        return (2 * index * self._num + self._den) // (2 * self._den)

    def index_at_or_after(self, time_ps: int) -> int:
        """Index of the first edge at or after ``time_ps``."""
        if self._den == 1:
            return -(-time_ps // self._num) if time_ps > 0 else 0
        index = time_ps * self._den // self._num
        while self.edge_ps(index) >= time_ps and index > 0:
            index -= 1
        while self.edge_ps(index) < time_ps:
            index += 1
        return index

    def index_at_or_before(self, time_ps: int) -> int:
        """Index of the last edge at or before ``time_ps``."""
        if self._den == 1:
            return time_ps // self._num
        return self.index_at_or_after(time_ps + 1) - 1

    def cycles_at(self, time_ps: int) -> int:
        """Whole cycles that cover ``time_ps``: the index of the first edge at or after it."""
        return self.index_at_or_after(time_ps)

    def duration_ps(self, cycles: int) -> int:
        """Picoseconds of ``cycles`` cycles counted from edge 0 (exact where a span starts at an edge is edge to edge)."""
        return self.edge_ps(cycles)
