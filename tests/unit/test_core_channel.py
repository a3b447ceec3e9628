"""A channel drives a transfer engine from the event queue and keeps its lane."""

from __future__ import annotations

from fractions import Fraction

from parts import component

from sim.core.channel import Channel
from sim.core.component import Activity
from sim.core.pipe import RoundRobinPipe


class Bench:
    """One byte a nanosecond, in quanta of four bytes."""

    def __init__(self) -> None:
        self.unit = component()
        self.engine = self.unit.engine
        self.lane = self.unit.lane()
        self.channel = Channel(self.unit, RoundRobinPipe(Fraction(10**9), 4), self.lane)
        self.log: list[tuple[str, int]] = []

    def submit(self, name: str, stream: str, size: int, owner: int = 0) -> None:
        done = lambda: self.log.append((name, self.engine.now))  # noqa: E731
        self.channel.submit(stream, size, done, Activity(owner))


def test_one_transfer_takes_its_quanta() -> None:
    bench = Bench()
    bench.submit("a", "s", 10)
    bench.engine.run()
    assert bench.log == [("a", 12_000)]
    assert bench.lane.busy_ps == 12_000


def test_transfers_of_one_stream_queue_and_streams_take_turns() -> None:
    bench = Bench()
    bench.submit("a1", "a", 8)
    bench.submit("a2", "a", 8)
    bench.submit("b1", "b", 8)
    bench.engine.run()
    assert bench.log == [("a1", 12_000), ("b1", 16_000), ("a2", 24_000)]
    assert bench.lane.busy_ps == 24_000


def test_a_foreign_arrival_delays_what_was_foreseen() -> None:
    bench = Bench()
    bench.submit("a", "a", 40)
    bench.engine.at(9_000, lambda: bench.submit("b", "b", 4))
    bench.engine.run()
    assert bench.log == [("b", 16_000), ("a", 44_000)]


def test_an_arrival_at_the_instant_of_a_completion_neither_loses_nor_doubles_it() -> None:
    bench = Bench()
    bench.submit("a", "a", 4)
    bench.engine.at(4_000, lambda: bench.submit("b", "b", 4))
    bench.engine.run()
    assert bench.log == [("a", 4_000), ("b", 8_000)]
    assert (bench.lane.busy_ps, bench.lane.idle_ps) == (8_000, 0)


def test_an_idle_channel_is_idle_and_slices_name_their_owner() -> None:
    bench = Bench()
    bench.submit("a", "a", 4, owner=1)
    bench.engine.at(10_000, lambda: bench.submit("b", "b", 8, owner=2))
    bench.engine.run()
    bench.lane.finish(20_000)
    assert bench.lane.busy_by == {1: 4_000, 2: 8_000}
    assert bench.lane.idle_ps == 8_000


def test_what_a_completion_submits_at_once_is_served_next() -> None:
    bench = Bench()
    bench.channel.submit("a", 4, lambda: bench.submit("second", "a", 4), Activity())
    bench.engine.run()
    assert bench.log == [("second", 8_000)]
