"""Clock edges are exact rationals rounded once, never accumulated."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.core.clock import Clock

frequencies = st.fractions(min_value=Fraction(1), max_value=Fraction(10**11), max_denominator=1000)


@given(frequencies, st.integers(0, 10**12))
def test_an_edge_is_the_exact_rational_rounded_half_up(hz: Fraction, index: int) -> None:
    exact = Fraction(index * 10**12) / hz
    edge = Clock(hz).edge_ps(index)
    assert edge - Fraction(1, 2) <= exact < edge + Fraction(1, 2)


def test_a_thousand_million_cycles_do_not_drift() -> None:
    clock = Clock(Fraction(1_050_000_000))
    assert clock.edge_ps(1) == 952
    assert clock.edge_ps(1_050_000_000) == 10**12
    assert clock.edge_ps(1_050_000_000 * 3600) == 3600 * 10**12


@given(frequencies.filter(lambda hz: hz <= 5 * 10**11), st.integers(0, 10**15))
def test_the_index_is_the_first_edge_at_or_after(hz: Fraction, time_ps: int) -> None:
    clock = Clock(hz)
    index = clock.index_at_or_after(time_ps)
    assert clock.edge_ps(index) >= time_ps
    assert index == 0 or clock.edge_ps(index - 1) < time_ps
    assert clock.cycles_at(time_ps) == index


@given(frequencies, st.integers(0, 10**6))
def test_edge_and_index_are_inverse(hz: Fraction, index: int) -> None:
    clock = Clock(hz)
    assert clock.index_at_or_after(clock.edge_ps(index)) == index


def test_a_clock_needs_a_frequency() -> None:
    with pytest.raises(ValueError, match="positive"):
        Clock(Fraction(0))
