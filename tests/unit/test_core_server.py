"""A clocked server: first come, first served, edge to edge; held until told otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import partial

from hypothesis import given
from hypothesis import strategies as st
from parts import component

from sim.core.clock import Clock
from sim.core.component import Activity, Cause
from sim.core.server import ClockedServer, Job, ServerRow


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


class RowBench:
    """A row of servers at 1 GHz and a log of which places ended when."""

    def __init__(self, count: int) -> None:
        self.unit = component()
        self.engine = self.unit.engine
        lanes = [self.unit.lane(f"[{place}]") for place in range(count)]
        self.row = ServerRow(self.unit, Clock(Fraction(10**9)), lanes)
        self.log: list[tuple[str, int, list[int]]] = []
        self.starts: list[tuple[str, int]] = []

    def submit(self, name: str, cycles: dict[int, int]) -> None:
        for place in cycles:
            self.row.lanes[place].assign(self.engine.now)
        self.row.submit(list(cycles), list(cycles.values()), Job(
            lambda places: self.log.append((name, self.engine.now, list(places))), Cause.OPERAND, "work", Activity(),
            lambda: self.starts.append((name, self.engine.now)),
        ))  # fmt: skip


def test_pieces_of_a_row_that_end_together_end_in_one_event_and_each_lane_keeps_its_own_account() -> None:
    bench = RowBench(4)
    bench.submit("a", {0: 3, 1: 3, 2: 2, 3: 3})
    bench.submit("b", {0: 1, 2: 2})
    bench.engine.run()
    assert bench.log == [("a", 2000, [2]), ("a", 3000, [0, 1, 3]), ("b", 4000, [2]), ("b", 4000, [0])]
    assert bench.starts == [("a", 0), ("b", 2000)]
    assert [lane.busy_ps for lane in bench.row.lanes] == [4000, 3000, 4000, 3000]


def test_servers_of_a_row_are_held_and_resumed_apart() -> None:
    bench = RowBench(3)
    for lane in bench.row.lanes:
        lane.assign(0)

    def done(places: Sequence[int]) -> None:
        bench.row.hold([place for place in places if place != 1], Cause.BANK, Activity())

    bench.row.submit((0, 1, 2), (2, 2, 2), Job(done, Cause.OPERAND, "work", Activity()))
    bench.submit("next", {0: 1, 1: 1, 2: 1})
    bench.engine.at(5000, lambda: bench.row.resume((0, 2)))
    bench.engine.run()
    assert bench.log == [("next", 3000, [1]), ("next", 6000, [0, 2])]
    assert [lane.stall_ps for lane in bench.row.lanes] == [{"bank": 3000}, {}, {"bank": 3000}]


def _a_row_by_itself(jobs: list[tuple[int, dict[int, int]]]) -> list[list[tuple[str, int]]]:
    """Ends of every piece by place, of servers that know nothing of each other."""
    unit = component()
    ends: list[list[tuple[str, int]]] = [[] for _ in range(3)]
    servers = [ClockedServer(unit, Clock(Fraction(10**9)), unit.lane(f"[{place}]")) for place in range(3)]
    for number, (when, cycles) in enumerate(jobs):
        for place, count in cycles.items():

            def come(place: int = place, count: int = count, name: str = str(number)) -> None:
                servers[place].lane.assign(unit.engine.now)
                servers[place].submit(
                    count, lambda: ends[place].append((name, unit.engine.now)), Cause.OPERAND, "work", Activity()
                )

            unit.engine.at(when, come)
    unit.engine.run()
    return ends


@given(st.lists(st.tuples(st.integers(0, 9000), st.dictionaries(st.integers(0, 2), st.integers(1, 4))), max_size=8))
def test_a_row_ends_every_piece_when_servers_of_their_own_would(jobs: list[tuple[int, dict[int, int]]]) -> None:
    bench = RowBench(3)
    for number, (when, cycles) in enumerate(jobs):
        bench.engine.at(when, partial(bench.submit, str(number), cycles))
    bench.engine.run()
    ends = [[(name, time) for name, time, places in bench.log if place in places] for place in range(3)]
    assert ends == _a_row_by_itself(jobs)
