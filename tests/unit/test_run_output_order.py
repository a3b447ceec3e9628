"""Room for results: who may go first, and a run that used to deadlock."""

from __future__ import annotations

import pytest
from machines import add_gemm, elapsed, small
from parts import component

from sim.core.credits import CreditPool
from sim.run.output_order import OutputOrder
from sim.trace.builder import TraceBuilder
from sim.trace.model import Trace


class Bench:
    """A pool of 100 bytes and a log of who got room."""

    def __init__(self) -> None:
        self.pool = CreditPool(component(), "outputs", 100)
        self.order = OutputOrder(self.pool)
        self.log: list[str] = []

    def enter(self, share: str, amount: int, given_back: int) -> object:
        return self.order.enter(share, amount, given_back, share)

    def ready(self, entry: object, name: str) -> bool:
        return self.order.ready(entry, lambda: self.log.append(name))  # type: ignore[arg-type]


def test_a_tile_that_finishes_alone_may_overtake_one_that_is_not_ready() -> None:
    bench = Bench()
    first, second = bench.enter("a", 40, 40), bench.enter("b", 40, 40)
    assert bench.ready(second, "b") and bench.ready(first, "a")
    assert bench.log == ["b", "a"]


def test_a_tile_that_leaves_its_block_open_waits_for_all_before_it() -> None:
    bench = Bench()
    first, opener, closer = bench.enter("a", 40, 40), bench.enter("b", 40, 0), bench.enter("b", 0, 40)
    assert not bench.ready(opener, "b0")
    assert not bench.ready(closer, "b1")
    assert bench.ready(first, "a")
    assert bench.log == ["a", "b0", "b1"]


def test_a_tile_that_needs_no_room_does_not_queue_behind_one_that_does() -> None:
    bench = Bench()
    opener, closer, large = bench.enter("a", 60, 0), bench.enter("a", 0, 60), bench.enter("b", 60, 60)
    assert bench.ready(opener, "a0")
    assert not bench.ready(large, "b")
    assert bench.ready(closer, "a1")
    bench.pool.release(60)
    assert bench.log == ["a0", "a1", "b"]


def test_tiles_of_one_share_keep_their_order() -> None:
    bench = Bench()
    entries = [bench.enter("a", 10, 10) for _ in range(3)]
    for place in (2, 1, 0):
        bench.ready(entries[place], str(place))
    assert bench.log == ["0", "1", "2"]


def blocked_branches() -> Trace:
    """``a`` waits for the slow ``p``; ``b``, cut along K, needs more input for its last tile than for the others."""
    b = TraceBuilder("blocked", dtype="int8")
    slow = add_gemm(b, "p", b.activation("xp", (16, 2048)), 16, 16, 2048)
    waits = add_gemm(b, "a", slow, 16, 16, 16)
    branch = add_gemm(b, "b", b.activation("xb", (16, 64)), 16, 16, 64)
    joined = b.activation("joined", (16, 16))
    b.op("add", "elementwise", {"elements": 256}, {"x": branch, "y": b.activation("y", (16, 16))}, joined,
         {"function": "add"})  # fmt: skip
    return b.build(outputs=[waits, joined])


@pytest.mark.parametrize("capacity", range(1300, 1600, 50))
@pytest.mark.parametrize("cores", [1, 2])
def test_a_branch_with_an_open_block_does_not_take_the_last_room_from_the_one_before_it(
    capacity: int, cores: int
) -> None:
    """Once a deadlock: ``b`` held the only output block and waited for input that ``a`` held, waiting for output."""
    machine = small(
        rows=16, cols=16, cores=cores, capacity=f"{capacity} B", output_share="1/5", bandwidth="8 GB/s", buffers=1,
        pins="{'*': {cores: {m: 1}, tile: {m: 16, n: 16, k: 16}, engine: array, order: bmnk}}",
    )  # fmt: skip
    assert elapsed(blocked_branches(), machine) > 0
