"""The per-request path inside runs: short transfers and per-bank refresh against the request engine, and the way back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import sim
from sim.hardware.memory._bulk_layout import RUN_BURSTS
from sim.hardware.memory.bank_engine import BankEngine
from sim.hardware.memory.bank_model import BankModel
from sim.hardware.memory.bulk_engine import LOST, BulkEngine
from sim.hardware.memory.devices import DEVICES
from sim.hardware.memory.devices.device import Device
from sim.hardware.memory.tier import Access

NAMES = ("HBM2_2000", "HBM3_6400", "DDR4_3200", "DDR5_4800", "LPDDR5_6400")


def one_channel(name: str) -> Device:
    return replace(DEVICES[name], channels=1, pseudochannels=1)


def drained(engine: BulkEngine) -> int:
    """Serve all there is; returns the picosecond in which the last transfer completed."""
    last = 0
    while (when := engine.next_event_ps()) is not None:
        last = when
        engine.advance(when)
    return last


def run(model: BankModel, transfers: list[tuple[Access, int]]) -> tuple[int, dict[str, int]]:
    engine = model.engine()
    for number, (access, size) in enumerate(transfers):
        engine.submit(0, access, size, number)
    last = drained(engine)
    counts = engine.counts()
    told = counts["idle"] + counts["busy"] + sum(counts[f"lost_{cause}"] for cause in LOST)
    assert told == counts["covered"]
    return model.clock.index_at_or_after(last), counts


def scattered(name: str, bursts: int, write: bool) -> tuple[float, float]:
    """Errors of finish and activates of 400 transfers of ``bursts`` bursts at random places, all there at once."""
    device = one_channel(name)
    places = np.random.default_rng(1).integers(0, 1 << 15, 400) * 8
    size = device.burst_bytes
    cycles, counts = run(
        BankModel(device), [(Access(k, write, int(place) * size), bursts * size) for k, place in enumerate(places)]
    )
    addresses = ((places[:, None] + np.arange(bursts)) * size).ravel()
    outcome = BankEngine(device).run(addresses, np.full(len(addresses), write), writes_out=True)
    cycles += 0 if write else device.timing["CL"]
    return cycles / outcome.finish_cycle - 1, counts["activates"] / outcome.counts["activates"] - 1


def test_short_transfers_take_as_long_as_request_by_request() -> None:
    cases = [scattered(name, bursts, write) for name in NAMES for bursts in (1, 2, 3, 8) for write in (False, True)]
    finish, activates = np.abs(cases).T
    assert finish.mean() < 0.01 and finish.max() < 0.03
    assert activates.max() < 0.01


def tile_rows(name: str, row_bytes: int, stride: int, write: bool) -> tuple[float, float]:
    """Errors of finish and activates of one tile of up to 200 rows, ``stride`` bytes from one to the next."""
    device = one_channel(name)
    rows = min(200, (1 << 17) // row_bytes)
    tile = Access("tile", write, 0, row_bytes, stride)
    cycles, counts = run(BankModel(device), [(tile, rows * row_bytes)])
    addresses = (np.arange(rows)[:, None] * stride + np.arange(0, row_bytes, device.burst_bytes)).ravel()
    outcome = BankEngine(device).run(addresses % device.capacity_bytes, np.full(len(addresses), write), writes_out=True)
    assert outcome.counts["buffered_writes"] == 0
    cycles += 0 if write else device.timing["CL"]
    return cycles / outcome.finish_cycle - 1, counts["activates"] / outcome.counts["activates"] - 1


def test_tiles_of_rows_apart_take_as_long_as_request_by_request() -> None:
    cases = [
        tile_rows(name, row_bytes, stride, write)
        for name in NAMES
        for row_bytes in (128, 256, 512, 1024, 2048)
        for stride in (4096, 8448, 65536)
        for write in (False, True)
    ]
    finish, activates = np.abs(cases).T
    assert finish.mean() < 0.001 and finish.max() < 0.01
    assert activates.max() == 0


@pytest.mark.parametrize("windows", [True, False])
def test_what_the_activation_windows_hold_is_booked_as_theirs(windows: bool) -> None:
    """Single bursts, each in another bank of another group: only tFAW and tRRD can hold them, or nothing does."""
    device = one_channel("DDR4_3200")
    spans = {"tFAW": 400, "tREFI": 0} if windows else {"tFAW": 1, "tRRD_S": 1, "tRRD_L": 1, "tREFI": 0}
    model = BankModel(replace(device, timing=dict(device.timing) | spans))
    run_bytes = int(model.parameters[RUN_BURSTS]) * device.burst_bytes
    banks, lanes = device.banks_per_group, device.bankgroups
    places = [bank * run_bytes + lane * device.burst_bytes for bank in range(banks) for lane in range(lanes)]
    _, counts = run(model, [(Access(k, False, place), device.burst_bytes) for k, place in enumerate(places)])
    assert counts["activates"] == counts["columns"] == banks * lanes
    expected = (banks * lanes // 4 - 1) * 400 if windows else 0
    assert counts["lost_activation"] == pytest.approx(expected, rel=0.1, abs=2)


def test_a_long_stream_goes_on_where_short_transfers_left_off() -> None:
    """Both paths serve one stream: the state goes over and comes back, so the stream loses only what the short cost."""
    model = BankModel(one_channel("HBM2_2000"))
    size = model.device.burst_bytes
    long = 40_000 * size
    alone, rows = run(model, [(Access("long", False, 0), long)])
    engine = model.engine()
    engine.submit(0, Access("long", False, 0), long, "long")
    shorts = 40
    far = 1 << 28
    for k in range(shorts):
        now = model.clock.edge_ps(1000 * (k + 1))
        while (when := engine.next_event_ps()) is not None and when <= now:
            engine.advance(when)
        engine.submit(now, Access(k, False, far + k * (1 << 16)), 2 * size, k)
    together = model.clock.index_at_or_after(drained(engine))
    found = engine.counts()
    assert found["columns"] == rows["columns"] + 2 * shorts
    assert found["refreshes"] == pytest.approx(rows["refreshes"], abs=1)
    timing = model.timing
    assert alone < together < alone + shorts * (timing.rc + timing.rd_pre + timing.rp + timing.rcd_rd)
    assert rows["activates"] <= found["activates"] <= rows["activates"] + 3 * shorts


@pytest.mark.parametrize("name", ["HBM3_6400", "LPDDR5_6400"])
def test_banks_refreshed_one_at_a_time_stream_as_request_by_request(name: str) -> None:
    device, policy = one_channel(name), "per_bank_refresh"
    bursts = 30_000
    cycles, counts = run(BankModel(device, policy=policy), [(Access("x", False, 0), bursts * device.burst_bytes)])
    outcome = BankEngine(device, policy=policy).run(
        np.arange(bursts) * device.burst_bytes, np.zeros(bursts, dtype=bool)
    )
    assert cycles + device.timing["CL"] == pytest.approx(outcome.finish_cycle, rel=0.01)
    assert counts["activates"] == pytest.approx(outcome.counts["activates"], rel=0.01)
    assert counts["refreshes"] == pytest.approx(outcome.counts["refreshes"], abs=2)


def test_per_bank_refresh_in_a_whole_run() -> None:
    """Every bank is refreshed as often as its rank would be; the run counts whole-rank refreshes."""
    trace, keys = sim.load_trace("mobilenet_v2"), {"chip.hbm.device": "HBM3_6400", "chip.hbm.capacity": "64 GiB"}
    whole = sim.simulate(trace, sim.load_architecture("tpu_v4", keys))
    apart = sim.simulate(trace, sim.load_architecture("tpu_v4", keys | {"chip.hbm.policy": "per_bank_refresh"}))
    assert apart.components["chip.hbm"]["memory"]["columns"] == whole.components["chip.hbm"]["memory"]["columns"]
    assert apart.time_ps == pytest.approx(whole.time_ps, rel=0.2)
