"""A clocked server: first come, first served, edge to edge; held until told otherwise."""

from __future__ import annotations

from fractions import Fraction

from parts import component

from sim.core.clock import Clock
from sim.core.component import Activity, Cause
from sim.core.server import ClockedServer


class Bench:
    """One server at 1 GHz and a log of what finished when."""

    def __init__(self, hz: int = 10**9) -> None:
        self.unit = component()
        self.engine = self.unit.engine
        self.lane = self.unit.lane()
        self.server = ClockedServer(self.unit, Clock(Fraction(hz)), self.lane)
        self.log: list[tuple[str, int]] = []

    def submit(self, name: str, cycles: int, cause: str = Cause.OPERAND) -> None:
        self.lane.assign(self.engine.now)
        self.server.submit(cycles, lambda: self.log.append((name, self.engine.now)), cause, "work", Activity())


def test_pieces_are_served_in_order_of_arrival_without_gaps() -> None:
    bench = Bench()
    for name, cycles in (("a", 3), ("b", 1), ("c", 2)):
        bench.submit(name, cycles)
    assert bench.server.backlog == 3
    bench.engine.run()
    assert bench.log == [("a", 3000), ("b", 4000), ("c", 6000)]
    assert (bench.lane.busy_ps, bench.lane.stall_ps, bench.server.backlog) == (6000, {}, 0)


def test_work_starts_at_the_next_clock_edge_and_the_wait_has_the_works_cause() -> None:
    bench = Bench()
    bench.engine.at(1500, lambda: bench.submit("late", 2, Cause.DEPENDENCY))
    bench.engine.run()
    assert bench.log == [("late", 4000)]
    assert bench.lane.stall_ps == {"dependency": 500}


def test_edges_of_an_odd_clock_are_not_accumulated() -> None:
    bench = Bench(hz=3 * 10**9)
    for piece in range(3000):
        bench.submit(str(piece), 1)
    bench.engine.run()
    assert bench.log[-1][1] == 10**6
    assert bench.log[0][1] == 333
    assert bench.log[1][1] == 667


def test_a_held_server_takes_nothing_until_resumed_and_the_wait_is_a_stall() -> None:
    bench = Bench()
    bench.lane.assign(0)
    bench.server.submit(2, lambda: bench.server.hold(Cause.BANK, Activity(4)), Cause.OPERAND, "work", Activity(4))
    bench.submit("next", 1)
    bench.engine.at(7000, bench.server.resume)
    bench.engine.run()
    assert bench.log == [("next", 8000)]
    assert bench.lane.stall_by == {("bank", 4): 5000}
    bench.lane.finish(8000)


def test_started_runs_when_the_piece_leaves_the_queue() -> None:
    bench, starts = Bench(), []
    for cycles in (3, 2):
        bench.lane.assign(0)
        bench.server.submit(
            cycles, lambda: None, Cause.OPERAND, "work", Activity(), lambda: starts.append(bench.engine.now)
        )
    bench.engine.run()
    assert starts == [0, 3000]
