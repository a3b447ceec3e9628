"""The closed form of a shared channel equals the loop over quanta, however foreign arrivals cut it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

from hypothesis import given, settings
from hypothesis import strategies as st

from sim.core.pipe import RoundRobinPipe

Arrival = tuple[int, int, int]
"""(time in ps, stream, bytes)"""


@dataclass
class QuantumLoop:
    """One quantum at a time. Streams stand in a circle; the pointer shows whose quantum is next (or in progress).

    A stream that comes to work joins the circle as the last to be served in this round. Quantum j of a busy period ends
    at its start + ceil(j * quantum / rate).
    """

    rate: Fraction
    quantum: int
    circle: list[int] = field(default_factory=list)
    queues: dict[int, deque[list[int]]] = field(default_factory=dict)
    turn: int = 0
    begin_ps: int = 0
    served: int = 0
    done: list[tuple[int, int]] = field(default_factory=list)

    def end_of_next(self) -> int:
        return self.begin_ps + ceil(Fraction((self.served + 1) * self.quantum * 10**12) / self.rate)

    def run_until(self, limit_ps: int | None) -> None:
        while self.circle and (limit_ps is None or self.end_of_next() <= limit_ps):
            end = self.end_of_next()
            self.served += 1
            queue = self.queues[self.circle[self.turn]]
            queue[0][1] -= 1
            if queue[0][1] == 0:
                self.done.append((queue.popleft()[0], end))
                if not queue:
                    del self.circle[self.turn]
                    self.turn = self.turn % len(self.circle) if self.circle else 0
                    continue
            self.turn = (self.turn + 1) % len(self.circle)

    def arrive(self, now_ps: int, stream: int, token: int, size: int) -> None:
        self.run_until(now_ps)
        queue = self.queues.setdefault(stream, deque())
        queue.append([token, max(1, ceil(Fraction(size, self.quantum)))])
        if stream in self.circle:
            return
        if not self.circle:
            self.begin_ps, self.served, self.turn = now_ps, 0, 0
            self.circle = [stream]
        else:
            self.circle.insert(self.turn, stream)
            self.turn = (self.turn + 1) % len(self.circle)


def step_by_step(rate: Fraction, quantum: int, arrivals: list[Arrival]) -> list[tuple[int, int]]:
    loop = QuantumLoop(rate, quantum)
    for token, (now, stream, size) in enumerate(arrivals):
        loop.arrive(now, stream, token, size)
    loop.run_until(None)
    return loop.done


def closed_form(
    rate: Fraction, quantum: int, arrivals: list[Arrival], looks: list[int] | None = None
) -> list[tuple[int, int]]:
    """The pipe driven from completion to completion; ``looks`` are instants at which somebody asks without need."""
    pipe, done = RoundRobinPipe(rate, quantum), []

    def run_until(limit_ps: int | None) -> None:
        while (when := pipe.next_event_ps()) is not None and (limit_ps is None or when <= limit_ps):
            done.extend((token, when) for token in pipe.advance(when))
        if limit_ps is not None:
            assert pipe.advance(limit_ps) == []

    events = [(now, 0, token) for token, (now, _, _) in enumerate(arrivals)] + [(now, 1, 0) for now in looks or []]
    for now, kind, token in sorted(events):
        run_until(now)
        if kind == 0:
            pipe.submit(now, arrivals[token][1], arrivals[token][2], token)
    run_until(None)
    return done


arrivals_strategy = st.lists(
    st.tuples(st.integers(0, 4000), st.integers(0, 4), st.integers(0, 300)), min_size=1, max_size=25
).map(sorted)
rates = st.fractions(min_value=Fraction(10**9), max_value=Fraction(10**12), max_denominator=7)


@settings(max_examples=300, deadline=None)
@given(rates, st.integers(1, 32), arrivals_strategy)
def test_closed_form_is_the_loop_over_quanta(rate: Fraction, quantum: int, arrivals: list[Arrival]) -> None:
    assert closed_form(rate, quantum, arrivals) == step_by_step(rate, quantum, arrivals)


@settings(max_examples=150, deadline=None)
@given(rates, st.integers(1, 32), arrivals_strategy, st.lists(st.integers(0, 6000), max_size=30))
def test_looking_changes_nothing(rate: Fraction, quantum: int, arrivals: list[Arrival], looks: list[int]) -> None:
    assert closed_form(rate, quantum, arrivals, looks) == closed_form(rate, quantum, arrivals)


@settings(max_examples=100, deadline=None)
@given(rates, st.integers(1, 32), arrivals_strategy, st.integers(1, 10**6))
def test_a_shift_in_time_shifts_every_completion(
    rate: Fraction, quantum: int, arrivals: list[Arrival], shift: int
) -> None:
    moved = [(now + shift, stream, size) for now, stream, size in arrivals]
    assert closed_form(rate, quantum, moved) == [(t, when + shift) for t, when in closed_form(rate, quantum, arrivals)]


def test_k_equal_streams_each_get_one_kth() -> None:
    done = closed_form(Fraction(10**9), 1, [(0, stream, 100) for stream in range(4)])
    assert done == [(stream, (397 + stream) * 1000) for stream in range(4)]
