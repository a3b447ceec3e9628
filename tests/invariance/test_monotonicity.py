"""A better machine is not slower: proved where it can be proved, bounded where it cannot, counterexamples kept.

What can be proved. With a fixed plan, an operator whose loads and stores use different memories is a line of servers
that each serve in a fixed order. Every start is then a maximum of earlier ends (a max-plus linear system), so shortening
any service, or adding buffers, moves no end later. A clock that is an integer multiple keeps all edges of the slower one,
so rounding up to an edge cannot get worse either; with any other ratio it can (see below).

What cannot. Where streams share one memory, a transfer that comes sooner takes its turns sooner, and whoever is being
served then slows down although everybody's rate is at least what it was (Graham's anomalies). In a chain this happens
between an operator's stores and the next one's prefetched weights. And a faster part may make the mapper choose another
plan, whose predicted cost is lower.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from machines import add_gemm, elapsed, small
from random_chains import Knobs, chains, graphs, pipelines

from sim.core.errors import InputError
from sim.core.pipe import RoundRobinPipe
from sim.hardware.layout import Layout
from sim.mapping.placement.arena import Arena
from sim.mapping.placement.policy import placements
from sim.mapping.planner import Planner
from sim.mapping.regions import form_regions
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder
from sim.trace.expand import expand
from sim.trace.model import Trace

SLACK = 1.05
IMPROVEMENTS = ({"dram": 2}, {"shared": 2}, {"ghz": 2}, {"ghz": 3}, {"pad": 2}, {"lanes": 2})


def improved(base: Knobs, factors: dict[str, int]) -> Knobs:
    return base.better(**{name: getattr(base, name) * factor for name, factor in factors.items()})


def run(trace: Trace, knobs: Knobs) -> int:
    try:
        return elapsed(trace, knobs.machine())
    except InputError:
        assume(False)
        raise


knobs = st.builds(
    Knobs,
    dram=st.sampled_from([1, 2, 3, 8]),
    pad=st.sampled_from([8192, 16384]),
    arrays=st.sampled_from([1, 2]),
    tile=st.sampled_from([(16, 16, 16), (8, 8, 8), (64, 16, 8), (16, 64, 64), (5, 24, 33)]),
    dataflow=st.sampled_from(["ws", "os"]),
)


@settings(max_examples=40, deadline=None)
@given(pipelines(), knobs, st.sampled_from(IMPROVEMENTS))
def test_an_operator_with_a_fixed_plan_is_never_slower(trace: Trace, base: Knobs, factors: dict[str, int]) -> None:
    base = base.better(on_chip=65536)  # all results fit the shared memory, so loads have the DRAM to themselves
    assert run(trace, improved(base, factors)) <= run(trace, base)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(chains(), knobs, st.sampled_from(IMPROVEMENTS))
def test_a_chain_with_a_fixed_plan_is_at_most_a_little_slower(
    trace: Trace, base: Knobs, factors: dict[str, int]
) -> None:
    """Where a chain is long enough for shares of a memory to average out: a microsecond."""
    before = run(trace, base)
    assume(before >= 10**6)
    assert run(trace, improved(base, factors)) <= before * SLACK


@settings(max_examples=30, deadline=None, derandomize=True)
@given(graphs(), st.builds(Knobs, dram=st.sampled_from([2, 8, 16]), pad=st.just(32768), arrays=st.sampled_from([1, 2]),
                           tile=st.sampled_from([(16, 16, 16), (16, 64, 64)])), st.sampled_from(IMPROVEMENTS))  # fmt: skip
def test_a_graph_is_at_most_five_percent_slower(trace: Trace, base: Knobs, factors: dict[str, int]) -> None:
    assert run(trace, improved(base, factors)) <= run(trace, base) * SLACK


def best_ps(trace: Trace, machine: Knobs) -> int:
    """The mapper's least predicted cost of the first region, mapping free."""
    layout = Layout(machine.machine())
    region = next(form_regions(expand(trace), "elementwise"))
    planner = Planner(layout)
    placement = placements.get("by_lifetime")(layout, trace, [Arena(tier.capacity) for tier in layout.tiers])
    slices = [one for operand in planner.operands(region) for one in operand]
    homes = {one.tensor.key: placement.home(one.tensor, produced=False) for one in slices}
    homes |= {one.tensor.key: placement.home(one.tensor, produced=True) for one in region.tail.outputs}
    return sum(choice.best_ps for choice in planner.plan(region, homes).choices)


@settings(max_examples=60, deadline=None)
@given(
    m=st.integers(1, 300),
    n=st.integers(1, 200),
    k=st.integers(1, 200),
    relu=st.booleans(),
    base=st.builds(
        Knobs, dram=st.integers(1, 20), pad=st.sampled_from([2048, 4096, 16384]), arrays=st.integers(1, 3),
        cores=st.integers(1, 2), tile=st.none(), dataflow=st.sampled_from(["ws", "os", "is", "auto"]),
    ),
    factors=st.sampled_from((*IMPROVEMENTS, {"dram": 3}, {"pad": 4})),
)  # fmt: skip
def test_the_mappers_least_cost_never_rises_on_a_better_machine(
    m: int, n: int, k: int, relu: bool, base: Knobs, factors: dict[str, int]
) -> None:
    b = TraceBuilder("free", dtype="int8")
    out = add_gemm(b, "g", b.activation("x", (m, k)), m, n, k)
    if relu:
        b.op("r", "elementwise", {"elements": m * n}, {"x": out}, b.activation("y", (m, n)), {"function": "relu"})
    trace = b.build()
    try:
        before = best_ps(trace, base)
    except InputError:
        assume(False)
        raise
    assert best_ps(trace, improved(base, factors)) <= before


def test_a_clock_faster_by_a_fraction_can_end_later_by_less_than_its_cycle() -> None:
    """Counterexample: data that arrives on an edge of the 1 GHz clock misses one of the 1.1 GHz clock by a little.

    One cycle through the scratchpad, then 10 ns of latency. At 1 GHz the data is there at 11 ns, on edge 11. At 1.1 GHz the
    cycle ends at 909.09 ps, rounded up to 910, and the data comes at 10.910 ns, a picosecond past edge 12: compute
    starts on edge 13. The loss is below one cycle of the faster clock.
    """
    b = TraceBuilder("edge", dtype="int8")
    b.op("r", "elementwise", {"elements": 16}, {"x": b.activation("x", (16,))}, b.activation("y", (16,)),
         {"function": "relu"})  # fmt: skip
    trace = b.build(outputs=["y"])
    slow, fast = (
        elapsed(trace, small(clock=clock, latency="10 ns", pad_width="1 KiB", bandwidth="16 GB/s", burst="16 B"))
        for clock in ("1 GHz", "1.1 GHz")
    )
    assert slow < fast < slow + 910
    assert slow == 23_000


def test_counterexample_a_transfer_that_comes_sooner_delays_the_one_in_service() -> None:
    """The anomaly itself, on one memory of a byte a nanosecond: a critical load of 40 bytes and a prefetch of 10.

    Where the prefetch comes after the load it costs nothing; when whatever sets it free becomes faster and it comes at
    35 ns, it takes every other turn and the load ends 4 ns later.
    """
    ends = []
    for prefetch_at_ps in (45_000, 35_000):
        pipe = RoundRobinPipe(Fraction(10**9), 1)
        pipe.submit(0, "load", 40, "load")
        done = pipe.advance(prefetch_at_ps)
        end = 40_000 if done else None
        pipe.submit(prefetch_at_ps, "prefetch", 10, "prefetch")
        while end is None:
            when = pipe.next_event_ps()
            assert when is not None
            end = when if "load" in pipe.advance(when) else None
        ends.append(end)
    assert ends == [40_000, 44_000]


def test_counterexample_results_that_spill_share_the_dram_with_the_next_loads() -> None:
    """One GEMM whose result (4356 bytes) does not fit the shared memory (4096) is 0.05 % slower at twice the clock.

    Results that come sooner take turns of the DRAM from loads that the array already waits for.
    """
    b = TraceBuilder("spill", dtype="int8")
    add_gemm(b, "g", b.activation("x", (132, 24)), 132, 33, 24)
    base = Knobs(dram=2, pad=8192, on_chip=4096)
    before, after = elapsed(b.build(), base.machine()), elapsed(b.build(), base.better(ghz=2).machine())
    assert before < after <= 1.001 * before


def test_counterexample_a_faster_clock_cuts_a_tiny_operator_into_tiles_below_a_burst() -> None:
    """128 additions take 60 % longer at 2 GHz: the mapper, which counts bytes and not bursts, cuts them finer.

    Each of 32 tiles moves 4 bytes per operand in bursts of 8, twice the traffic that the cost counts. Only operators of
    less than MAX_TILES_PER_CORE bursts can meet this.
    """
    b = TraceBuilder("tiny", dtype="int8")
    x, y, z = (b.activation(name, (128,)) for name in "xyz")
    for name, other, result in (("a0", x, y), ("a1", y, z)):
        b.op(name, "elementwise", {"elements": 128}, {"x": other, "y": x}, result, {"function": "add"})
    trace = b.build(outputs=[z])
    before, after = (run_trace(trace, Knobs(pad=16384, ghz=ghz).machine()) for ghz in (1, 2))
    tiles = [record.operators[0].mapping[0]["tiles"] for record in (before, after)]
    assert tiles == [16, 32]
    assert before.elapsed_ps < after.elapsed_ps
    assert after.operators[0].mapping[0]["best_ps"] <= before.operators[0].mapping[0]["best_ps"]


@pytest.mark.parametrize(("arrays", "cores"), list(product([1, 2, 4], [1, 2])))
def test_more_arrays_or_cores_never_slow_one_large_gemm(arrays: int, cores: int) -> None:
    b = TraceBuilder("g", dtype="int8")
    out = add_gemm(b, "g", b.activation("x", (256, 64)), 256, 64, 64)
    trace = b.build(outputs=[out])
    base = Knobs(pad=32768, tile=None, dram=64)
    alone = elapsed(trace, base.machine())
    assert elapsed(trace, base.better(arrays=arrays, cores=cores).machine()) <= alone
