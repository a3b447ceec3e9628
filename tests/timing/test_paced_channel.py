"""A memory beside processing units keeps its own time: ends to the picosecond, before and after a change of pace."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from sim.hardware.memory.bulk_engine import BulkEngine
from sim.hardware.memory.paced_channel import PacedEngine


class _Timer:
    """Transfers that take as many picoseconds of the engine's time as they have bytes."""

    def __init__(self) -> None:
        self.ends: list[int] = []

    def submit(self, now_ps: int, stream: Any, size_bytes: int, token: Any) -> None:
        self.ends = sorted([*self.ends, now_ps + size_bytes])

    def next_event_ps(self) -> int | None:
        return self.ends[0] if self.ends else None

    def advance(self, until_ps: int) -> list[int]:
        done = [end for end in self.ends if end <= until_ps]
        self.ends = self.ends[len(done) :]
        return done


def _paced() -> PacedEngine:
    return PacedEngine(cast(BulkEngine, _Timer()))


def test_a_transfer_takes_its_own_time_outside_a_pace_and_longer_within() -> None:
    engine = _paced()
    engine.submit(100, "s", 60, None)
    assert engine.next_event_ps() == 160
    engine.pace(120, Fraction(3, 2))
    assert engine.next_event_ps() == 120 + 40 * 3 // 2
    engine.pace(150, Fraction(1))
    assert engine.next_event_ps() == 150 + 20
    assert engine.advance(169) == [] and len(engine.advance(170)) == 1


@given(
    paces=st.lists(st.tuples(st.integers(1, 500), st.fractions(1, 3, max_denominator=2047)), max_size=6),
    sizes=st.lists(st.integers(1, 900), min_size=1, max_size=5),
)
def test_events_lie_ahead_and_deliver_when_they_come(paces: list[tuple[int, Fraction]], sizes: list[int]) -> None:
    engine, now = _paced(), 0
    for size, (later, slowdown) in zip(sizes, [*paces, *[(1, Fraction(1))] * len(sizes)], strict=False):
        engine.submit(now, "s", size, None)
        when = engine.next_event_ps()
        assert when is not None and when > now
        now += later
        engine.advance(now)
        engine.pace(now, slowdown)
    while (when := engine.next_event_ps()) is not None:
        assert when > now
        assert engine.advance(when - 1) == [] and engine.advance(when)
        now = when
