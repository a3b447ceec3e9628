"""Lanes: every picosecond is busy, stalled with a cause, or idle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parts import component

from sim.core.component import Cause, Lane
from sim.core.errors import InconsistencyError


def lane() -> Lane:
    return component().lane("a")


def test_unassigned_time_is_idle_and_assigned_time_a_stall() -> None:
    one = lane()
    one.assign(100)
    one.begin(130, Cause.OPERAND, owner=3)
    one.end(150, owner=3)
    one.finish(200)
    assert (one.busy_ps, one.stall_ps, one.idle_ps) == (20, {"operand": 30}, 150)
    assert one.busy_by == {3: 20}
    assert one.stall_by == {("operand", 3): 30}


def test_a_gap_between_pieces_is_charged_to_what_cleared_last() -> None:
    one = lane()
    one.assign(0, items=3)
    for start, end, cause in ((0, 10, Cause.OPERAND), (15, 20, Cause.CREDIT), (26, 30, Cause.DEPENDENCY)):
        one.begin(start, cause)
        one.end(end)
    one.finish(30)
    assert one.stall_ps == {"credit": 5, "dependency": 6}
    assert (one.busy_ps, one.idle_ps) == (19, 0)


def test_work_assigned_while_busy_stalls_from_the_end_of_the_work_before() -> None:
    one = lane()
    one.assign(0)
    one.begin(0, Cause.OPERAND)
    one.assign(5)
    one.end(10)
    one.begin(17, Cause.BANK)
    one.end(20)
    one.finish(20)
    assert one.stall_ps == {"bank": 7}


def test_withdrawn_work_is_a_stall_of_its_cause_until_then_and_idle_after() -> None:
    one = lane()
    one.assign(10)
    one.withdraw(25, Cause.LAUNCH, owner=1)
    one.finish(40)
    assert (one.stall_by, one.idle_ps) == ({("launch", 1): 15}, 25)


def test_withdrawing_one_of_two_charges_nothing_yet() -> None:
    one = lane()
    one.assign(10, items=2)
    one.withdraw(25, Cause.LAUNCH)
    one.begin(30, Cause.OPERAND)
    one.end(31)
    one.finish(31)
    assert one.stall_ps == {"operand": 20}


def test_a_held_lane_stalls_from_its_last_end() -> None:
    one = lane()
    one.assign(0)
    one.begin(0, Cause.OPERAND)
    one.end(10)
    one.stall(14, Cause.BANK)
    one.finish(20)
    assert (one.stall_ps, one.idle_ps) == ({"bank": 4}, 6)


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.sampled_from(list(Cause))), max_size=20
    ),
    st.integers(0, 20),
)
def test_any_history_is_covered_exactly(pieces: list[tuple[int, int, int, Cause]], tail: int) -> None:
    one, now, busy, stalled = lane(), 0, 0, 0
    for before, wait, work, cause in pieces:
        now += before
        one.assign(now)
        now += wait
        one.begin(now, cause)
        now += work
        one.end(now)
        busy, stalled = busy + work, stalled + wait
    one.finish(now + tail)
    assert one.busy_ps == busy
    assert sum(one.stall_ps.values()) == stalled
    assert one.busy_ps + stalled + one.idle_ps == now + tail


@pytest.mark.parametrize(
    ("history", "rule"),
    [
        (lambda one: (one.begin(0, ""), one.begin(1, "")), "lane overlap"),
        (lambda one: (one.begin(5, ""), one.end(4)), "lane overlap"),
        (lambda one: (one.begin(5, ""), one.end(9), one.begin(8, "")), "lane overlap"),
        (lambda one: (one.end(3),), "lane overlap"),
        (lambda one: (one.begin(0, ""), one.end(1), one.begin(2, ""), one.end(3), one.begin(4, "")), "lane assignment"),
        (lambda one: (one.begin(0, ""), one.end(1), one.finish(2)), "lane assignment"),
        (lambda one: (one.begin(0, ""), one.end(1), one.withdraw(1, ""), one.finish(0)), "time"),
    ],
)
def test_what_breaks_the_account_is_caught(history: object, rule: str) -> None:
    one = lane()
    one.assign(0, items=2)
    with pytest.raises(InconsistencyError) as caught:
        history(one)  # type: ignore[operator]
    assert caught.value.rule == rule


def test_the_probe_hears_busy_and_stalled_spans_only_when_it_listens() -> None:
    class Ear:
        heard: list[tuple[object, ...]] = []

        def span(self, *news: object) -> None:
            self.heard.append(news)

        def level(self, *news: object) -> None: ...

    unit = component()
    one = unit.lane("a")
    one.assign(0, items=2)
    one.begin(0, Cause.OPERAND)
    one.end(5)
    unit.probe.attach(Ear())
    one.begin(8, Cause.BANK, 2, 7)
    one.end(9, "compute", 2, 7)
    assert Ear.heard == [("unit.a", 5, 8, "stall:bank", 2, 7), ("unit.a", 8, 9, "compute", 2, 7)]
