"""The bulk path (``model: bank``) against the request-level engine, closed forms and its own step-by-step run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.core.errors import InputError
from sim.hardware.memory._bulk_layout import LANES, RUN_BURSTS
from sim.hardware.memory.bank_engine import BankEngine
from sim.hardware.memory.bank_model import BankModel
from sim.hardware.memory.devices import DEVICES
from sim.hardware.memory.devices.device import Device
from sim.hardware.memory.tier import Access, tier_models

MIB = 1 << 20
OTHER_MAPPING = {"HBM2_PIM"}
"""Devices whose own address mapping row runs do not follow (it is for processing in memory)."""


def bulk_run(model: BankModel, transfers: list[tuple[Access, int]]) -> tuple[int, dict[str, int]]:
    """Cycles until all transfers that arrive at 0 have left the bus, and the engine's counters."""
    engine = model.engine()
    for number, (access, size) in enumerate(transfers):
        engine.submit(0, access, size, number)
    last, done = 0, 0
    while (when := engine.next_event_ps()) is not None:
        last = when
        done += len(engine.advance(when))
    assert done == len(transfers)
    return model.clock.index_at_or_after(last), engine.counts()


def bulk_cycles(model: BankModel, transfers: list[tuple[Access, int]]) -> int:
    return bulk_run(model, transfers)[0]


def sequential_errors(device: Device, write: bool) -> tuple[float, float]:
    """Relative errors of finish time and activates of one sequential stream against the request engine."""
    size = 8 * MIB if device.channels > 4 else 2 * MIB
    addresses = np.arange(0, size, device.burst_bytes)
    outcome = BankEngine(device).run(addresses, np.full(len(addresses), write), issue_width=64, writes_out=True)
    found, counts = bulk_run(BankModel(device), [(Access("x", write), size)])
    cycles = found + (0 if write else device.timing["CL"])
    return cycles / outcome.finish_cycle - 1, counts["activates"] * device.channels / outcome.counts["activates"] - 1


def test_sequential_streams_take_as_long_as_request_by_request() -> None:
    cases = [(name, write) for name in sorted(DEVICES) if name not in OTHER_MAPPING for write in (False, True)]
    cycles, activates = np.abs([sequential_errors(DEVICES[name], write) for name, write in cases]).T
    assert cycles.mean() < 0.01 and cycles.max() < 0.04
    assert activates.mean() < 0.05 and activates.max() < 0.15


def alternating_errors(device: Device, writes: tuple[bool, bool], apart: int) -> tuple[float, float]:
    """As :func:`sequential_errors`, of two streams that take turns and begin ``apart`` row runs from the same bank.

    The first stream's first run is decided before the second stream comes, so it stays one run ahead.
    """
    device = replace(device, channels=1, pseudochannels=1)
    model = BankModel(device)
    run, burst = int(model.parameters[RUN_BURSTS]), device.burst_bytes
    turns = 8192 // run
    size, begin = turns * run * burst, device.capacity_bytes // 64 + apart * run * burst
    found, counts = bulk_run(model, [(Access("a", writes[0], 0), size), (Access("b", writes[1], begin), size)])
    runs = np.arange(size // burst).reshape(turns, run) * burst
    other = begin + runs
    first, second = np.full((1, run), writes[0]), np.full((1, run), writes[1])
    middle = np.stack((runs[1:], other[:-1]), axis=1).reshape(-1, run)
    addresses = np.concatenate((runs[:1], middle, other[-1:])).ravel()
    is_write = np.concatenate((first, np.tile(np.concatenate((first, second)), (turns - 1, 1)), second)).ravel()
    outcome = BankEngine(device).run(addresses, is_write, issue_width=64, writes_out=True)
    cycles = found + (0 if writes[1] else device.timing["CL"])
    return cycles / outcome.finish_cycle - 1, counts["activates"] / outcome.counts["activates"] - 1


def half_the_banks(device: Device) -> int:
    """In row runs."""
    banks = device.ranks * device.bankgroups * device.banks_per_group
    return banks // (2 * int(BankModel(device).parameters[LANES]))


@pytest.mark.parametrize(("apart", "mean", "most"), [(0, 0.02, 0.07), (1, 0.02, 0.075), (None, 0.03, 0.12)])
@pytest.mark.parametrize("writes", [(False, False), (True, True), (False, True)])
def test_two_streams_that_take_turns_take_as_long_as_request_by_request(
    writes: tuple[bool, bool], apart: int | None, mean: float, most: float
) -> None:
    """``apart`` None: half the banks, where each run finds the other stream's rows, used just before."""
    devices = [DEVICES[name] for name in sorted(DEVICES) if name not in OTHER_MAPPING]
    cases = [(device, half_the_banks(device) if apart is None else apart) for device in devices]
    cycles, activates = np.abs([alternating_errors(device, writes, runs) for device, runs in cases]).T
    assert cycles.mean() < mean and cycles.max() < most
    if writes[0] == writes[1]:
        assert activates.mean() < 0.05 and activates.max() < 0.15


@pytest.mark.parametrize("name", ["HBM2_2000", "DDR4_3200", "DDR5_4800", "LPDDR5_6400", "HBM2_8Gb_x128"])
def test_a_refresh_free_stream_reaches_the_closed_form(name: str) -> None:
    device = replace(DEVICES[name], timing=dict(DEVICES[name].timing) | {"tREFI": 0})
    model = BankModel(device)
    size = 64 * MIB
    seconds = bulk_cycles(model, [(Access("x", False), size)]) / float(device.clock_hz)
    assert size / seconds == pytest.approx(float(model.sustained_bytes_per_s), rel=0.01)


@pytest.mark.parametrize("name", sorted(set(DEVICES) - OTHER_MAPPING))
def test_long_streams_come_to_the_sustained_rate_the_mapper_is_told(name: str) -> None:
    model = BankModel(DEVICES[name])
    if DEVICES[name].ranks > 1:
        pytest.skip("which rank a refresh meets depends on its phase")
    size = int(model.sustained_bytes_per_s) // 2000
    seconds = bulk_cycles(model, [(Access("x", False), size)]) / float(DEVICES[name].clock_hz)
    assert size / seconds == pytest.approx(float(model.sustained_bytes_per_s), rel=0.02)


def two(model: BankModel, second_address: int) -> tuple[int, int]:
    """Cycles of two streams side by side, and one after the other."""
    size = 4096 * model.device.channels
    streams = [(Access("a", False, 0), size), (Access("b", False, second_address), size)]
    return bulk_cycles(model, streams), sum(bulk_cycles(model, [stream]) for stream in streams)


def test_two_streams_in_one_bank_conflict_and_in_two_they_do_not() -> None:
    device = replace(DEVICES["HBM2_8Gb_x128"], mapping="rabgbarococh")
    with pytest.raises(InputError):
        BankModel(device, mapping="corabgbaroch")
    model = BankModel(device, mapping="rabgbarococh")
    row, bank = device.row_bytes * 8, device.row_bytes * 8 * device.rows
    together, apart = two(model, 100 * row)
    timing = model.timing
    assert together > apart
    engine = model.engine()
    for stream, address in (("a", 0), ("b", 100 * row)):
        engine.submit(0, Access(stream, False, address), 4096 * 8, stream)
    while (when := engine.next_event_ps()) is not None:
        engine.advance(when)
    switches = engine.counts()["row_conflicts"]
    per_switch = timing.rd_pre + timing.rp + timing.rcd_rd
    assert together == pytest.approx(switches * per_switch + 128 * timing.rd_rd_l, rel=0.05)
    elsewhere, one_by_one = two(model, bank)
    assert elsewhere <= one_by_one


def test_reads_among_writes_pay_for_turning_the_bus_round() -> None:
    model = BankModel(DEVICES["HBM2_2000"])
    size = 4 * MIB
    mixed = bulk_cycles(model, [(Access("a", False), size), (Access("b", True), size)])
    alone = bulk_cycles(model, [(Access("a", False), 2 * size)])
    runs = 2 * size // (model.device.burst_bytes * model.channels) // int(model.parameters[RUN_BURSTS])
    turns = (model.timing.rd_wr + model.timing.wr_rd_l - 2 * model.timing.rd_rd_s) * runs // 2
    assert mixed >= alone + 0.9 * turns


@given(
    name=st.sampled_from(["HBM2_2000", "HBM3_6400", "DDR4_3200"]),
    arrivals=st.lists(
        st.tuples(
            st.integers(0, 4000), st.sampled_from("abc"), st.booleans(), st.integers(1, 100_000),
            st.sampled_from([(), (), (0, 256, 8192), (1 << 20, 64, 1024)]),
        ),
        min_size=1, max_size=12,
    ),
    peeks=st.lists(st.integers(0, 60_000), max_size=20),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_looking_in_between_changes_nothing(
    name: str, arrivals: list[tuple[int, str, bool, int, tuple[int, ...]]], peeks: list[int]
) -> None:
    """Nor has anything completed before the instant that the engine asked to be woken at."""
    model = BankModel(replace(DEVICES[name], channels=1, pseudochannels=1))

    def run(extra: list[int]) -> list[tuple[int, int]]:
        engine = model.engine()
        come = [(when * 1000, 1, k) for k, (when, *_) in enumerate(arrivals)]
        finished: list[tuple[int, int]] = []
        for now, kind, k in sorted(come + [(when * 1000, 0, -1) for when in extra]):
            while (when := engine.next_event_ps()) is not None and when <= now:
                finished.extend((when, token) for token in engine.advance(when))
            if kind == 0:
                assert engine.advance(now) == []
            else:
                _, stream, write, size, rows = arrivals[k]
                engine.submit(now, Access(stream, write, *rows), size, k)
        while (when := engine.next_event_ps()) is not None:
            finished.extend((when, token) for token in engine.advance(when))
        return finished

    assert run([]) == run(peeks)


def test_bank_needs_a_device() -> None:
    assert "bank" in tier_models.names()
    from sim.hardware.memory.dram import DramSpec

    with pytest.raises(ValueError, match="needs a `device`"):
        DramSpec(capacity="1 GiB", bandwidth="1 GB/s", model="bank")
    with pytest.raises(ValueError, match="address mapping"):
        DramSpec(capacity="1 GiB", device="HBM2_2000", model="bank", mapping="rorabgch")
