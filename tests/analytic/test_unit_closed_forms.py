"""Vector unit, scratchpad banks, DMA descriptors, host launches and tiers: closed forms against counting by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from machines import NS, elapsed, gemm, operator, small
from parts import context

from sim.core.component import Activity
from sim.hardware.dma import Dma, DmaSpec
from sim.hardware.host import Host, HostSpec
from sim.hardware.memory.bandwidth import BandwidthModel
from sim.hardware.memory.dram import DramSpec
from sim.hardware.memory.scratchpad import Scratchpad, ScratchpadModel, ScratchpadSpec
from sim.hardware.vector.vector_unit import VectorModel, VectorSpec, VectorUnit
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder

GHZ = Fraction(10**9)


@given(
    operations=st.dictionaries(st.sampled_from(["add", "mul", "exp"]), st.integers(0, 500), min_size=1),
    lanes=st.integers(1, 8),
    count=st.integers(1, 3),
    rate=st.sampled_from([Fraction(1, 4), Fraction(1), Fraction(2)]),
    latency=st.integers(0, 5),
)
def test_vector_work_fills_the_lanes_function_by_function(
    operations: dict[str, int], lanes: int, count: int, rate: Fraction, latency: int
) -> None:
    spec = VectorSpec(lanes=lanes, count=count, rates={"exp": rate}, latency_cycles=latency)
    cycles = latency
    for function, left in operations.items():
        done = Fraction(0)
        while done < left:
            done += lanes * count * (rate if function == "exp" else 1)
            cycles += 1
    assert VectorModel(spec, GHZ).cycles(operations.items()) == cycles


def test_a_vector_unit_in_a_run_takes_its_closed_form() -> None:
    shared = context()
    unit = VectorUnit(shared, "vpu", 1, "vpu", VectorSpec(lanes=4, latency_cycles=3), GHZ)
    ends: list[int] = []
    for _ in range(2):
        unit.server.lane.assign(0)
        unit.submit((("add", 9), ("mul", 4)), "operand", Activity(), lambda: ends.append(shared.engine.now))
    shared.engine.run()
    assert ends == [7 * NS, 14 * NS]
    assert unit.actions == {(-1, "op_add"): 18, (-1, "op_mul"): 8}


def test_an_elementwise_operator_end_to_end() -> None:
    """relu of 4096 elements on 16 lanes: 256 cycles of the vector unit, whatever the tiles; loads and stores hide."""
    b = TraceBuilder("relu", dtype="int8")
    b.op("r", "elementwise", {"elements": 4096}, {"x": b.activation("x", (4096,))}, b.activation("y", (4096,)),
         {"function": "relu"})  # fmt: skip
    record = run_trace(b.build(outputs=["y"]), small(burst="64 B", pad_width="256 B"))
    vector = next(one for one in record.components if one.kind == "vector_unit")
    assert vector.lanes[0].busy_ps == 256 * NS
    tile = 4096 // operator(record, "r").mapping[0]["tiles"]
    first_load, last_store = 2 * tile // 64, 2 * tile // 64
    assert 256 * NS < record.elapsed_ps <= (256 + first_load + last_store) * NS


def banks_hit(stride_words: int, banks: int) -> int:
    """Distinct banks that an endless walk with this stride meets."""
    return len({step * stride_words % banks for step in range(banks)})


@given(st.integers(1, 64), st.integers(1, 16), st.integers(1, 2000))
def test_a_strided_walk_meets_the_banks_its_stride_leads_to(banks: int, width: int, stride_bytes: int) -> None:
    spec = ScratchpadSpec(capacity=1, banks=banks, width=width, layout="row_major")
    words = max(1, stride_bytes // width)
    factor = ScratchpadModel(spec, GHZ).conflict_factor(stride_bytes)
    assert factor == banks // banks_hit(words, banks)
    swizzled = ScratchpadSpec(capacity=1, banks=banks, width=width, layout="interleaved")
    assert ScratchpadModel(swizzled, GHZ).conflict_factor(stride_bytes) == 1


@pytest.mark.parametrize("conflicts", [1, 2, 8])
def test_conflicts_slow_an_access_by_their_factor(conflicts: int) -> None:
    shared = context()
    pad = Scratchpad(shared, "pad", 1, "pad", ScratchpadSpec(capacity=4096, banks=8, width=4), GHZ)
    ends: list[int] = []
    pad.access("array", 100, 60, Activity(), lambda: ends.append(shared.engine.now), conflicts)
    shared.engine.run()
    assert ends == [160 // 32 * conflicts * NS]
    assert pad.actions == {(-1, "read_bytes"): 100, (-1, "write_bytes"): 60}


def conflicting(layout: str, banks: int) -> int:
    """A GEMM whose rows of A are 64 bytes apart, on banks of 4 bytes that one array could just keep busy."""
    machine = small(bandwidth="64 GB/s", burst="64 B", pad_width="4 B", dataflow="os",
                    pins="{g: {tile: {m: 4, n: 4, k: 64}, engine: array}}")  # fmt: skip
    spec = machine.component("chip.core.pad").spec.model_copy(update={"layout": layout, "banks": banks})
    nodes = tuple(
        node.__class__(**{**vars(node), "spec": spec}) if node.path == "chip.core.pad" else node
        for node in machine.components
    )
    return elapsed(gemm(16, 4, 64), machine.__class__(**{**vars(machine), "components": nodes}))


def test_bank_conflicts_slow_a_run_and_swizzling_removes_them() -> None:
    """Rows 64 bytes = 16 words apart meet one of 16 banks of 4 bytes.

    Each of the four tiles computes for 4 + 4 + 64 - 2 = 70 cycles and moves 512 + 16 bytes: 132 cycles through one bank,
    9 through sixteen.
    """
    assert 4 * 132 * NS <= conflicting("row_major", 16) <= (4 * 132 + 32) * NS
    assert 4 * 70 * NS <= conflicting("interleaved", 16) <= (4 * 70 + 16) * NS


def test_descriptors_are_set_up_one_after_another() -> None:
    shared = context()
    dma = Dma(shared, "dma", 1, "dma", DmaSpec(setup_cycles=10), GHZ)
    for _ in range(3):
        dma.load.request()
    assert [dma.load.start(Activity(), "operand") for _ in range(3)] == [10 * NS, 20 * NS, 30 * NS]
    dma.store.request()
    assert dma.store.start(Activity(), "operand") == 10 * NS


def test_launches_queue_at_the_host() -> None:
    shared = context()
    host = Host(shared, "host", 1, "host", HostSpec(launch="5 ns"), None)
    ends: list[int] = []
    for _ in range(3):
        host.launch(Activity(), lambda: ends.append(shared.engine.now))
    shared.engine.run()
    assert ends == [5 * NS, 10 * NS, 15 * NS]


def test_a_tier_moves_whole_bursts_at_its_sustained_rate() -> None:
    model = BandwidthModel(Fraction(10**11), Fraction(1, 2), 7000, 64)
    assert model.sustained_bytes_per_s == 5 * 10**10
    assert model.service_ps(65) == 2 * 64 * 10**12 // (5 * 10**10)
    assert model.latency_ps == 7000


def test_a_tier_of_some_channels_has_their_part_of_the_bandwidth() -> None:
    whole, part = (
        DramSpec(device="HBM2_2400", model="bandwidth", capacity="4 GiB", channels=channels).timing()  # type: ignore[arg-type]
        for channels in (None, 4)
    )
    assert part.peak_bytes_per_s * 4 == whole.peak_bytes_per_s == Fraction(307_200_000_000)
    assert part.latency_ps == whole.latency_ps


def test_latency_comes_once_per_transfer_on_top_of_the_bytes() -> None:
    """One tile: load and store each wait the latency once; the channel itself stays free for others."""
    fast = small(dataflow="os", burst="64 B", pins="{g: {engine: array, tile: {m: 4, n: 4, k: 64}}}")
    slow = small(dataflow="os", burst="64 B", latency="100 ns", pins="{g: {engine: array, tile: {m: 4, n: 4, k: 64}}}")
    assert elapsed(gemm(4, 4, 64), slow) - elapsed(gemm(4, 4, 64), fast) == 200 * NS
