"""Row stationary: closed forms against an array simulated PE by PE, and against what is published of the Eyeriss chip."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from row_arrays import Convolution, run

from sim.hardware.pe.dataflow import Spread, TileExtents, dataflows
from sim.hardware.pe.dataflows.row_stationary import RowLayout, RowStationary, active_pes
from sim.hardware.pe.row_mapping import Placement, Rows, passes, placements
from sim.hardware.pe.row_spec import RowStationarySpec
from sim.hardware.pe.systolic import SystolicModel, SystolicSpec
from sim.trace.work import ConvShape

ONE = Fraction(1)


def model(rows: int, cols: int, registers: RowStationarySpec, overlap: str = "none", count: int = 1) -> SystolicModel:
    spec = SystolicSpec(rows=rows, cols=cols, count=count, fold_overlap=overlap, types={"int16": ONE},
                        row_stationary=registers)  # fmt: skip
    return SystolicModel(spec, Fraction(200 * 10**6))


def square(images: int, channels: int, size: int, kernel: int, stride: int, out: int) -> ConvShape:
    return ConvShape(images, size, size, channels, kernel, kernel, stride, stride, 1, 1, 0, 0, out, out)


def tile(conv: ConvShape, filters: int, groups: int = 1) -> TileExtents:
    k = conv.kernel_h * conv.kernel_w * conv.channels
    return TileExtents(groups, conv.images * conv.out_h * conv.out_w, filters, k, k, k, ONE, conv)


CASES = [  # filters, channels, kernel, stride, output rows = columns, array, registers (filter, ifmap, psum)
    (4, 4, 3, 1, 5, (6, 5), (24, 6, 4)),
    (8, 2, 3, 2, 4, (3, 4), (12, 3, 4)),
    (2, 4, 2, 1, 6, (8, 3), (8, 4, 1)),
    (4, 6, 1, 1, 4, (4, 4), (6, 3, 2)),
    (1, 1, 3, 1, 7, (6, 4), (24, 6, 4)),
]


@pytest.mark.parametrize(("filters", "channels", "kernel", "stride", "out", "array", "held"), CASES)
def test_cycles_results_and_traffic_of_every_pe(
    filters: int, channels: int, kernel: int, stride: int, out: int, array: tuple[int, int], held: tuple[int, int, int]
) -> None:
    """Every placement of the array, chosen or not, of a convolution whose filters and channels it divides or does not."""
    source = np.random.default_rng(filters * 100 + out)
    size = (out - 1) * stride + kernel
    work = Convolution(source.integers(-5, 6, (filters, channels, kernel, kernel)),
                       source.integers(-5, 6, (channels, size, size)), stride)  # fmt: skip
    registers = RowStationarySpec(filter_words=held[0], ifmap_words=held[1], psum_words=held[2])
    shape, rows = (
        square(1, channels, size, kernel, stride, out),
        Rows.of(square(1, channels, size, kernel, stride, out)),
    )
    wanted = sum(
        np.einsum("mc,cef->mef", work.filters[:, :, i, j],
                  work.image[:, i : i + (out - 1) * stride + 1 : stride, j : j + (out - 1) * stride + 1 : stride])
        for i in range(kernel) for j in range(kernel)
    )  # fmt: skip
    arrays = model(*array, registers).shape
    for place in placements(*array, kernel, kernel, registers):
        made = passes(rows, place, registers, ONE, out, filters, channels)
        counted = run(work, place.width, place.t, place.r, int(made.p), int(made.q))
        assert (counted.results == wanted).all()
        phases = made.filter_blocks * made.channel_blocks
        assert counted.cycles == made.cycles(phases, made.strips, double_buffered=False), place
        spread = Spread(made.filter_blocks, made.strips, False, counted.cycles, RowLayout(place, made))
        reads = RowStationary.edge(arrays, tile(shape, filters), spread)
        assert (counted.ifmap, counted.filters, counted.psums) == (reads.a, reads.b, reads.c)
        if filters % (made.p * place.t) == 0 and channels % (made.q * place.r) == 0:
            assert counted.register_reads == reads.register_reads
            assert counted.register_writes == reads.register_writes
            assert counted.hops == reads.hops
            assert counted.most_active == active_pes(tile(shape, filters), spread)
        assert counted.most_active <= array[0] * array[1]


ALEXNET = {  # groups, shape; Table V of Chen et al., JSSC 2017 (batch 4, 200 MHz): active PEs, ms, MB of buffer accesses
    "conv1": (1, square(4, 3, 227, 11, 4, 55), 96, 154, 16.5, 18.5),
    "conv2": (2, square(4, 48, 31, 5, 1, 27), 128, 135, 39.2, 77.6),
    "conv3": (1, square(4, 256, 15, 3, 1, 13), 384, 156, 21.8, 50.2),
    "conv4": (2, square(4, 192, 15, 3, 1, 13), 192, 156, 16.0, 37.4),
    "conv5": (2, square(4, 192, 15, 3, 1, 13), 128, 156, 10.0, 24.9),
}
EYERISS = RowStationarySpec(filter_bus=4, ifmap_bus=1, psum_bus=4)


@pytest.mark.parametrize("name", ALEXNET)
def test_alexnet_on_eyeriss_keeps_the_published_number_of_pes_at_work_and_takes_the_published_time(name: str) -> None:
    """Published: processing latency, with off-chip traffic hidden. Nothing in the model is fitted to it."""
    groups, conv, filters, active, milliseconds, _ = ALEXNET[name]
    chip = model(12, 14, EYERISS, "double_buffered")
    work = tile(conv, filters, groups)
    spread = RowStationary.spread(chip.shape, work)
    assert active_pes(work, spread) == active
    assert spread.cycles / 200e3 == pytest.approx(milliseconds, rel=0.05)


CHIP = {  # (width, t, r, p, q) of Table III there; conv3's as its own buffer accesses imply (see the test)
    "conv1": (7, 2, 1, 16, 1), "conv2": (27, 1, 1, 16, 2), "conv3": (13, 2, 2, 16, 3), "conv4": (13, 2, 2, 16, 3),
    "conv5": (13, 2, 2, 16, 3),
}  # fmt: skip


@pytest.mark.parametrize("name", CHIP)
def test_the_chips_mapping_has_the_chips_buffer_accesses(name: str) -> None:
    """Input rows, and partial sums once in and once out per block of channels, in 16-bit words: to the digits published.

    Table III gives conv3 one set of channels and four of filters; that would be 69.2 MB. The 50.2 MB of Table V are those
    of the mapping of conv4 and conv5.
    """
    groups, conv, filters, active, _, megabytes = ALEXNET[name]
    width, t, r, p, q = CHIP[name]
    place = Placement(width, conv.kernel_h, width, t, r, 1, conv.kernel_w)
    rows = Rows.of(conv)
    registers = RowStationarySpec(filter_words=p * q * conv.kernel_w, ifmap_words=q * conv.kernel_w, psum_words=p)
    made = passes(rows, place, registers, ONE, conv.images * conv.out_h, filters, conv.channels)
    work = tile(conv, filters, groups)
    spread = Spread(made.filter_blocks * groups, made.strips, False, 0, RowLayout(place, made))
    reads = RowStationary.edge(model(12, 14, EYERISS).shape, work, spread)
    assert active_pes(work, spread) == active
    assert (reads.a + 2 * reads.c) * 2 / 1e6 == pytest.approx(megabytes, abs=0.06)


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(*[st.integers(1, 40)] * 3),
    array=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    count=st.integers(1, 3),
    kernel=st.integers(1, 9),
    overlap=st.sampled_from(["none", "double_buffered"]),
)
def test_no_layout_beats_the_pes_and_arrays_of_candidates_agree_with_single_ones(
    size: tuple[int, int, int], array: tuple[int, int], count: int, kernel: int, overlap: str
) -> None:
    """Kernels taller than the array and longer than a PE's registers included."""
    out, filters, channels = size
    chip = model(*array, RowStationarySpec(filter_words=12, ifmap_words=4, psum_words=3), overlap, count)
    conv = square(2, channels, out + kernel - 1, kernel, 1, out)
    whole = tile(conv, filters)
    spread = RowStationary.spread(chip.shape, whole)
    assert spread.cycles * array[0] * array[1] * count >= whole.m * whole.n * whole.k
    assert max(RowStationary.shares(chip.shape, spread)) == spread.cycles
    assert active_pes(whole, spread) <= array[0] * array[1]
    ms = np.array([out, 2 * out, out * out, whole.m]) // out * out
    ns, ks = np.array([1, filters, filters, filters]), whole.k * np.array([1, 1, 1, 1])
    many = chip.spread(dataflows.get("rs"), 1, ms, ns, ks, ONE, conv).cycles
    assert list(many) == [chip.spread(dataflows.get("rs"), 1, int(m), int(n), int(k), ONE, conv).cycles
                          for m, n, k in zip(ms, ns, ks, strict=True)]  # fmt: skip


def test_auto_tries_rs_only_where_the_pes_registers_are_stated() -> None:
    bare = SystolicModel(SystolicSpec(rows=4, cols=4), Fraction(10**9))
    assert "rs" not in {flow.name for flow in bare.flows("auto")}
    assert [flow.name for flow in bare.flows("rs")] == ["rs"]
    assert "rs" in {flow.name for flow in model(4, 4, RowStationarySpec()).flows("auto")}
