"""NAND and CXL tiers: closed forms against their engines, and whole runs on them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from machines import gemm, machine, small

from sim.config.spec import components, spec_class
from sim.core.errors import InputError
from sim.hardware.memory.cxl import LANE_BYTES_PER_S, CxlSpec
from sim.hardware.memory.nand import NandSpec
from sim.hardware.memory.tier import Access
from sim.run.simulate import run_trace

US = 10**6
MIB = 2**20


def nand(**changes: object) -> NandSpec:
    """Cambricon-LLM's small configuration: 8 channels of 2 chips of 2 dies."""
    keys: dict[str, object] = {"capacity": "64 GiB", "channels": 8, "dies": 4, "planes": 2, "page": "16 KiB",
            "read": "30 us", "program": "600 us", "channel_rate": "1 GB/s"}  # fmt: skip
    return NandSpec.model_validate(keys | changes)


def drain(engine: object, submits: list[tuple[int, object, int]]) -> dict[int, int]:
    """When each of (time, stream, bytes) completes."""
    ends: dict[int, int] = {}
    for token, (when, stream, size) in enumerate(submits):
        engine.submit(when, stream, size, token)  # type: ignore[attr-defined]
    while (when := engine.next_event_ps()) is not None:  # type: ignore[attr-defined]
        ends |= dict.fromkeys(engine.advance(when), when)  # type: ignore[attr-defined]
    return ends


def test_one_page_takes_sensing_and_its_way_over_the_channel() -> None:
    ends = drain(nand().timing().engine(), [(0, Access("a", False), 1)])
    assert ends == {0: 30 * US + 16384 * 1000}, "a byte costs the page"


def test_programming_comes_after_the_channel() -> None:
    assert drain(nand().timing().engine(), [(0, Access("a", True), 16384)]) == {0: 16384 * 1000 + 600 * US}


@pytest.mark.parametrize(("dies", "bound"), [(1, "cells"), (4, "channel"), (16, "channel")])
def test_an_endless_read_reaches_its_closed_form(dies: int, bound: str) -> None:
    model = nand(dies=dies).timing()
    size = 400 * model.group_bytes * dies
    took = drain(model.engine(), [(0, Access("a", False), size)])[0]
    assert Fraction(size * 10**12, took) == pytest.approx(float(model.sustained_bytes_per_s), rel=0.01)
    assert took == pytest.approx(model.service_ps(size), rel=0.01)
    assert (model.sustained_bytes_per_s == model.peak_bytes_per_s) == (bound == "channel")


def test_an_endless_write_reaches_its_closed_form() -> None:
    model = nand().timing()
    size = 400 * model.group_bytes
    took = drain(model.engine(), [(0, Access("a", True), size)])[0]
    assert size * 1e12 / took == pytest.approx(float(model.write_bytes_per_s()), rel=0.01)
    assert model.write_bytes_per_s() < model.sustained_bytes_per_s / 3, "tPROG is twenty times tR"


def test_two_readers_take_page_groups_in_turn() -> None:
    model = nand().timing()
    size = 200 * model.group_bytes
    alone = drain(model.engine(), [(0, Access("a", False), size)])[0]
    both = drain(model.engine(), [(0, Access(name, False), size) for name in "ab"])
    assert both[0] == pytest.approx(both[1], rel=0.02) and both[1] == pytest.approx(2 * alone, rel=0.02)


def test_a_run_reads_its_weights_from_flash_through_the_near_tier() -> None:
    flash = ("flash: {kind: nand, capacity: 1 GiB, channels: 1, dies: 1, planes: 1, page: 4 KiB, read: 30 us, "
             "program: 600 us, channel_rate: 1 GB/s}")  # fmt: skip
    record = run_trace(gemm(1, 128, 128), small(extra=flash, policy="residency: lru"))
    moved = {(one["source"], one["destination"]): one["bytes"] for one in record.traffic}
    assert moved["chip.flash", "chip.dram"] == 128 * 128
    page_ps = 30 * US + 4096 * 1000
    assert 0 < record.elapsed_ps - 4 * page_ps < page_ps, "four pages, one after the other on the only die"


def cxl(**changes: object) -> CxlSpec:
    keys: dict[str, object] = {"capacity": "64 GiB", "bandwidth": "100 GB/s", "latency": "100 ns",
            "link_latency": "150 ns"}  # fmt: skip
    return CxlSpec.model_validate(keys | changes)


def test_a_cxl_link_bounds_each_direction_and_the_dram_both() -> None:
    model = cxl().timing()
    link = 8 * LANE_BYTES_PER_S
    assert 29.6e9 < link < 29.7e9 and model.latency_ps == 250_000
    size = 64 * MIB
    one = drain(model.engine(), [(0, Access("a", False), size)])[0]
    two = drain(model.engine(), [(0, Access("a", False), size), (0, Access("b", True), size)])
    assert one == pytest.approx(float(size * 10**12 / link), rel=1e-4)
    assert max(two.values()) == one, "the other direction is free, the DRAM fast enough for both"
    slow = drain(
        cxl(bandwidth="40 GB/s").timing().engine(), [(0, Access("a", False), size), (0, Access("b", True), size)]
    )
    assert max(slow.values()) == pytest.approx(2 * size * 10**12 / 40e9, rel=1e-4)


def test_a_run_on_a_cxl_memory_conserves_bytes_and_is_slower_than_on_its_dram() -> None:
    far = "far: {{kind: {kind}, bandwidth: 100 GB/s, latency: 100 ns, capacity: 1 GiB{more}}}"
    behind = small(memory="64 B", extra=far.format(kind="cxl", more=", link_latency: 150 ns"))
    direct = small(memory="64 B", extra=far.format(kind="dram", more=""))
    trace = gemm(64, 256, 256)
    assert run_trace(trace, behind).elapsed_ps > run_trace(trace, direct).elapsed_ps


@pytest.mark.parametrize("kind", ["nand", "cxl"])
def test_keys_without_a_default_are_asked_for_with_their_place(kind: str) -> None:
    needed = [name for name, key in spec_class(components, kind).model_fields.items() if key.is_required()]
    with pytest.raises(InputError) as caught:
        machine(f"""
            name: bare
            clocks: {{core: 1 GHz}}
            chip:
              core:
                vector: {{kind: vector_unit, lanes: 4, clock: core}}
                pad: {{kind: scratchpad, capacity: 1 MiB, width: 64 B, clock: core}}
              far: {{kind: {kind}{", bandwidth: 1 GB/s" if kind == "cxl" else ""}}}
        """)
    text = str(caught.value)
    assert all(f"'{name}'" in text for name in needed) and ":8:" in text
