"""DRAM timed at its banks inside whole runs: accounts, energy, concurrency, policies, and input that is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import sim
from sim.core.errors import InputError
from sim.hardware.layout import Layout
from sim.hardware.memory.bank_engine import BankEngine
from sim.hardware.memory.bank_model import BankModel
from sim.hardware.memory.bulk_engine import LOST
from sim.hardware.memory.devices import DEVICES
from sim.hardware.memory.tier import Access
from sim.observe.counters import Amounts, rates
from sim.report.explain import architecture_of, operator_lines
from sim.report.memory_text import memory_rows
from sim.report.page.run_data import run_data

MIB = 1 << 20


def bulk_run(model: BankModel, transfers: list[tuple[Access, int]]) -> tuple[int, dict[str, int]]:
    """Cycles until transfers that arrive at 0 have left the bus, and the counters."""
    engine = model.engine()
    for number, (access, size) in enumerate(transfers):
        engine.submit(0, access, size, number)
    last = 0
    while (when := engine.next_event_ps()) is not None:
        last = when
        engine.advance(when)
    return model.clock.index_at_or_after(last), engine.counts()


@pytest.fixture(scope="module")
def result() -> sim.Result:
    return sim.simulate(sim.load_trace("resnet50"), sim.load_architecture("tpu_v4"))


def test_presets_time_their_dram_at_its_banks(result: sim.Result) -> None:
    hbm = result.components["chip.hbm"]
    assert hbm["memory"]["channels"] == 64
    assert set(hbm["stall_ps"]) <= set(LOST) and "refresh" in hbm["stall_ps"]
    assert hbm["busy_ps"] + sum(hbm["stall_ps"].values()) + hbm["idle_ps"] == result.time_ps
    moved = hbm["actions"]["read_bytes"] + hbm["actions"]["write_bytes"]
    assert hbm["busy_ps"] >= moved * 10**12 / hbm["peak"]
    assert hbm["busy_ps"] == pytest.approx(moved * 10**12 / hbm["peak"], rel=0.02)


def test_the_console_says_where_the_bandwidth_went(result: sim.Result) -> None:
    (row,) = memory_rows(result.components, result.time_ps)
    assert row.path == "chip.hbm" and row.share.endswith("%") and row.hits.endswith("%")
    assert row.channels.startswith("64 alike, ")
    shares = [float(part.split()[-2]) for part in row.spent.split(", ")]
    assert sum(shares) == pytest.approx(100, abs=0.3)
    assert "refresh" in row.spent


def test_each_channel_is_reported_and_says_how_many_are_like_it(result: sim.Result) -> None:
    hbm = result.components["chip.hbm"]
    (channel,) = hbm["memory"]["per_channel"]
    (lane,) = next(one for one in result.record.components if one.path == "chip.hbm").lanes
    assert channel["lane"] == lane.name == "chip.hbm.64 channels alike"
    assert channel["channels"] == 64 and "evenly" in channel["alike_because"]
    assert channel["achieved"] * 64 == pytest.approx(hbm["achieved"]) and channel["peak"] * 64 == pytest.approx(
        hbm["peak"]
    )
    assert [channel[name] * 64 for name in ("columns", "row_hits", "row_misses", "row_conflicts")] == [
        hbm["memory"][name] for name in ("columns", "row_hits", "row_misses", "row_conflicts")
    ]
    account = channel["busy_s"] + channel["idle_s"] + sum(channel["stall_s"].values())
    assert account == pytest.approx(result.time_s)


def test_rows_add_up(result: sim.Result) -> None:
    rows = result.components["chip.hbm"]["memory"]
    assert rows["row_hits"] + rows["row_misses"] + rows["row_conflicts"] == rows["columns"]
    assert 0.9 < rows["row_hit_rate"] < 1
    assert rows["efficiency"] == pytest.approx(
        result.components["chip.hbm"]["achieved"] / result.components["chip.hbm"]["peak"]
    )


def test_refreshes_are_as_many_as_fit_and_belong_to_no_operator(result: sim.Result) -> None:
    device = DEVICES["HBM2_2400"]
    period_ps = device.timing["tREFI"] * 10**12 / float(device.clock_hz * 300 / 307.2)
    expected = result.time_ps / period_ps * 64
    found = result.components["chip.hbm"]["actions"]["refreshes"]
    assert abs(found - expected) <= 64 * 1.1
    assert result.unattributed_energy_j > 0
    assert result.energy_j == pytest.approx(
        sum(one["energy_j"] for one in result.operators) + result.unattributed_energy_j, rel=1e-12
    )
    parts = [one["energy_j"] for one in result.components.values()]
    assert result.energy_j == pytest.approx(sum(part["dynamic"] + part["static"] for part in parts), rel=1e-12)


def test_the_bandwidth_model_stays_for_a_quick_look(result: sim.Result) -> None:
    quick = sim.simulate(sim.load_trace("resnet50"), sim.load_architecture("tpu_v4", {"chip.hbm.model": "bandwidth"}))
    assert "memory" not in quick.components["chip.hbm"]
    assert 1.02 < result.time_ps / quick.time_ps < 1.08


def in_bank(model: BankModel, streams: list[int]) -> tuple[int, int, dict[str, int]]:
    """Streams of one row each, at these local banks' rows: together, one after the other, and counters together."""
    size = 8 * model.device.row_bytes * model.channels
    transfers = [(Access(k, False, address), size) for k, address in enumerate(streams)]
    together, counts = bulk_run(model, transfers)
    return together, sum(bulk_run(model, [one])[0] for one in transfers), counts


def test_two_transfers_in_one_bank_pay_for_their_conflicts_and_in_two_bank_groups_they_do_not() -> None:
    device = replace(DEVICES["HBM2_8Gb_x128"], timing=dict(DEVICES["HBM2_8Gb_x128"].timing) | {"tREFI": 0})
    model = BankModel(device, mapping="rabgbarococh")
    row = device.row_bytes * device.channels
    group = row * device.rows * device.banks_per_group
    together, apart, counts = in_bank(model, [0, 1000 * row])
    timing = model.timing
    alone = counts["row_conflicts"] - 14
    per_conflict = timing.rd_pre + timing.rp + timing.rcd_rd - timing.rd_rd_l
    extra_conflicts = 1 + alone
    assert together - apart == pytest.approx(extra_conflicts * per_conflict, abs=2 * timing.rc)
    assert counts["row_conflicts"] == 15
    in_groups, apart, _ = in_bank(model, [0, group])
    assert in_groups <= apart


@pytest.mark.parametrize("name", ["HBM2_2000", "HBM3_6400", "LPDDR5_6400", "DDR5_4800"])
def test_closed_pages_stream_as_request_by_request(name: str) -> None:
    device, policy = DEVICES[name], "closed_page"
    size = 4 * MIB if device.channels > 4 else MIB
    addresses = np.arange(0, size, device.burst_bytes)
    outcome = BankEngine(device, policy=policy).run(addresses, np.zeros(len(addresses), dtype=bool), issue_width=64)
    cycles, counts = bulk_run(BankModel(device, policy=policy), [(Access("x", False), size)])
    assert cycles + device.timing["CL"] == pytest.approx(outcome.finish_cycle, rel=0.04)
    assert counts["refreshes"] * device.channels == pytest.approx(outcome.counts["refreshes"], rel=0.1, abs=64)


def test_channels_alike_do_the_same_at_the_same_time() -> None:
    """Why one channel stands for all: the request engine's sixteen take as long as one with a sixteenth of the work."""
    many = DEVICES["HBM2_2000"]
    one = replace(many, channels=2)
    finish = []
    for device in (many, one):
        addresses = np.arange(0, device.channels * 128 * 1024, device.burst_bytes)
        run = BankEngine(device).run(addresses, np.zeros(len(addresses), dtype=bool), issue_width=2 * device.channels)
        finish.append((run.finish_cycle, run.counts["activates"] // device.channels))
    assert finish[0] == pytest.approx(finish[1], rel=0.01)


def test_a_long_stream_goes_on_at_its_steady_rate() -> None:
    model = BankModel(DEVICES["HBM2_2400"])
    part, _ = bulk_run(model, [(Access("x", False), 64 * MIB)])
    whole, _ = bulk_run(model, [(Access("x", False), 1024 * MIB)])
    assert whole == pytest.approx(16 * part, rel=0.01)


MACHINE = """\
name: x
clocks: {c: 1 GHz}
a: {kind: systolic_array, rows: 4, cols: 4, types: {bf16: 1}, clock: c}
p: {kind: scratchpad, capacity: 64 KiB, clock: c}
d: {kind: dram, device: HBM2_2000, capacity: 1 GiB}
"""


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("capacity: 1000001 KiB", "capacity does not divide over channels and rows"),
        ("capacity: 1 GiB, channels: 0", "channels: "),
        ("capacity: 1 GiB, channels: 3", "channels must divide by pseudo-channels"),
        ("capacity: 1 GiB, mapping: rorabgbach", "address mapping 'rorabgbach' needs each of"),
        ("capacity: 1 GiB, mapping: corabgbaroch", "follows mappings with the column lowest"),
        ("capacity: 1 GiB, policy: fr_fcfs", "cannot follow this policy"),
    ],
)
def test_what_does_not_fit_a_device_is_refused_with_its_place(tmp_path: Path, keys: str, said: str) -> None:
    file = tmp_path / "machine.yaml"
    file.write_text(MACHINE.replace("capacity: 1 GiB}", f"{keys}}}"), encoding="utf-8")
    with pytest.raises(InputError) as refused:
        sim.load_architecture(str(file))
    assert said in str(refused.value) and "machine.yaml:5:" in str(refused.value)


def test_tras_beyond_trc_is_refused() -> None:
    device = replace(DEVICES["HBM2_2000"], timing=dict(DEVICES["HBM2_2000"].timing) | {"tRAS": 60})
    with pytest.raises(InputError, match="tRAS exceeds tRC"):
        BankModel(device)


def test_explanation_page_and_timeline_show_the_rows(result: sim.Result) -> None:
    slowest = max(range(len(result.record.operators)), key=lambda number: result.record.operators[number].active_ps)
    said = "\n".join(
        operator_lines(
            result.record, slowest, Layout(architecture_of(result.record)), [dict(one) for one in result.prices]
        )
    )
    assert "rows of chip.hbm: " in said and "bus time lost: " in said
    (memory,) = run_data(result)["memories"]
    rows = result.components["chip.hbm"]["memory"]
    assert [memory[key] for key in ("row_hits", "row_misses", "row_conflicts")] == [
        rows[key] for key in ("row_hits", "row_misses", "row_conflicts")
    ]
    assert result.recorder is not None
    hbm = next(one for one in result.record.components if one.path == "chip.hbm")
    (hits,) = [
        one
        for one in rates(result.record, result.recorder, [hbm], {"chip.hbm": Amounts({}, {}, 0)})
        if one.name == "row hits"
    ]
    assert len(hits.values) == len(hits.edges_ps) - 1 and 90 < max(hits.values) <= 100
