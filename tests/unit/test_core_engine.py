"""The event engine: order of events, time that only goes forward, and who waits for what in a deadlock."""

from __future__ import annotations

import gc
from collections.abc import Generator
from itertools import permutations
from threading import Event, Thread
from typing import Any

import pytest
from parts import component

from sim.core.credits import CreditPool
from sim.core.engine import Engine, Phase
from sim.core.errors import InconsistencyError


def test_events_run_in_time_order_whatever_the_order_of_asking() -> None:
    engine, seen = Engine(), []
    for when in (30, 10, 20):
        engine.at(when, lambda when=when: seen.append((engine.now, when)))
    assert engine.run() == 30
    assert seen == [(10, 10), (20, 20), (30, 30)]


@pytest.mark.parametrize("order", list(permutations(range(6)))[::37])
def test_ties_run_by_phase_then_rank_then_order_of_asking(order: tuple[int, ...]) -> None:
    wanted = [(Phase.FINISH, 1), (Phase.FINISH, 7), (Phase.ARRIVE, 0), (Phase.ARRIVE, 9), (Phase.DISPATCH, 3),
              (Phase.CONTROL, 0)]  # fmt: skip
    engine, seen = Engine(), []
    for place in order:
        phase, rank = wanted[place]
        for turn in (0, 1):
            engine.at(5, lambda place=place, turn=turn: seen.append((place, turn)), phase, rank)
    engine.run()
    assert seen == [(place, turn) for place in range(6) for turn in (0, 1)]


def test_an_event_of_this_instant_asked_for_now_still_obeys_phases() -> None:
    engine, seen = Engine(), []

    def first() -> None:
        engine.at(5, lambda: seen.append("control"), Phase.CONTROL)
        engine.at(5, lambda: seen.append("arrive"), Phase.ARRIVE)

    engine.at(5, first, Phase.FINISH)
    engine.run()
    assert seen == ["arrive", "control"]


def test_processes_go_before_the_callbacks_of_their_instant() -> None:
    engine, seen = Engine(), []

    def story() -> Generator[Any, Any, None]:
        yield engine.timeout(5)
        seen.append("process")

    engine.at(5, lambda: seen.append("callback"), Phase.FINISH)
    engine.process(story())
    engine.run()
    assert seen == ["process", "callback"]


def test_a_time_in_the_past_is_an_inconsistency() -> None:
    engine = Engine()
    engine.at(10, lambda: engine.at(9, lambda: None))
    with pytest.raises(InconsistencyError, match="9 ps, 1 ps in the past") as caught:
        engine.run()
    assert caught.value.rule == "time"


def test_a_cancelled_call_does_nothing() -> None:
    engine, seen = Engine(), []
    call = engine.at(10, lambda: seen.append("no"))
    engine.at(5, call.cancel)
    engine.run()
    assert seen == []


def test_a_deadlock_names_who_waits_for_what() -> None:
    unit = component(path="chip.core.pad")
    pool = CreditPool(unit, "inputs", 100)
    pool.acquire(60, lambda: None, "gemm_1")
    pool.acquire(50, lambda: None, "gemm_2")
    pool.acquire(1, lambda: None, "gemm_3")
    with pytest.raises(InconsistencyError, match="deadlock") as caught:
        unit.engine.run()
    assert "gemm_2 waits for 50 of chip.core.pad.inputs (60 of 100 taken, 2 waiting)" in str(caught.value)


def test_a_wait_that_ended_is_no_deadlock() -> None:
    unit = component()
    pool, got = CreditPool(unit, "inputs", 100), []
    pool.acquire(60, lambda: None, "one")
    pool.acquire(50, lambda: got.append(unit.engine.now), "two")
    unit.engine.at(7, lambda: pool.release(60))
    unit.engine.run()
    assert got == [7]


def test_runs_that_overlap_leave_the_garbage_collector_as_they_found_it() -> None:
    """One run inside another, and one in a thread that began before and ends first."""
    before, first, second = gc.get_threshold(), Engine(), Engine()
    began, go_on = Event(), Event()

    def in_step() -> None:
        began.set()
        go_on.wait(10)

    first.at(0, in_step)
    second.at(0, lambda: Engine().run())
    second.at(1, go_on.set)
    thread = Thread(target=first.run)
    second.at(2, lambda: thread.join(10))
    thread.start()
    began.wait(10)
    second.run()
    assert not thread.is_alive() and gc.get_threshold() == before
