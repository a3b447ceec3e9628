"""Credits are granted strictly in the order of the requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parts import component

from sim.core.credits import CreditPool
from sim.core.errors import InconsistencyError


def pool(capacity: int) -> CreditPool:
    return CreditPool(component(path="pad"), "inputs", capacity)


def test_a_request_that_fits_is_granted_at_once() -> None:
    one, got = pool(10), []
    assert one.acquire(10, lambda: got.append("a"), "a")
    assert got == ["a"] and one.used == 10


def test_a_small_request_does_not_overtake_a_large_one() -> None:
    one, got = pool(10), []
    one.acquire(8, lambda: got.append("first"), "first")
    assert not one.acquire(6, lambda: got.append("large"), "large")
    assert not one.acquire(1, lambda: got.append("small"), "small")
    assert got == ["first"]
    one.release(8)
    assert got == ["first", "large", "small"]
    assert one.used == 7


def test_asking_for_nothing_never_waits() -> None:
    """Else fused attention deadlocks: the value step, which only gives space back, would wait behind a score step."""
    one, got = pool(10), []
    one.acquire(8, lambda: got.append("first"), "first")
    one.acquire(6, lambda: got.append("large"), "large")
    assert one.acquire(0, lambda: got.append("nothing"), "nothing")
    assert got == ["first", "nothing"]


@given(st.lists(st.integers(1, 10), max_size=30))
def test_grants_follow_requests_and_never_exceed_the_capacity(amounts: list[int]) -> None:
    one, granted = pool(10), []
    for place, amount in enumerate(amounts):
        one.acquire(amount, lambda place=place: granted.append(place), str(place))
    returned = 0
    while returned < len(granted):
        assert sum(amounts[place] for place in granted[returned:]) == one.used <= 10
        one.release(amounts[granted[returned]])
        returned += 1
    assert granted == list(range(len(amounts)))
    assert one.used == 0


def test_more_than_the_pool_holds_can_never_be_granted() -> None:
    with pytest.raises(InconsistencyError, match=r"gemm asks for 11 of pad.inputs, which has 10"):
        pool(10).acquire(11, lambda: None, "gemm")


def test_giving_back_more_than_was_taken_is_caught() -> None:
    one = pool(10)
    one.acquire(3, lambda: None, "a")
    with pytest.raises(InconsistencyError, match="more released than acquired"):
        one.release(4)


def test_the_peak_is_kept() -> None:
    one = pool(10)
    one.acquire(7, lambda: None, "a")
    one.release(7)
    one.acquire(2, lambda: None, "b")
    assert one.peak == 7
