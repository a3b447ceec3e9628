"""Accounts of time: terms that add up, say what they mean, and explain a comparison."""

from __future__ import annotations

import pytest
from machines import gemm, small

from sim.report.compare import Comparison, compare
from sim.report.simulation import simulate
from sim.report.time_account import operator_accounts, run_account
from sim.trace.builder import TraceBuilder

NS = 1000


def test_the_terms_of_one_fold_are_those_of_its_formula() -> None:
    """ws, 4 x 4, m = 100, n = 3, k = 4: 2R + C + T - 2 cycles, of which T stream, and 12 of 16 PEs have work."""
    pins = "{'*': {engine: array, tile: {m: 100, n: 3, k: 4}}}"
    record = simulate(gemm(100, 3, 4), small(pins=pins, bandwidth="1000 GB/s"), timeline=False).record
    (account,) = operator_accounts(record).values()
    assert account.terms_ps["compute"] == 75 * NS
    assert account.terms_ps["unfilled"] == 25 * NS
    assert account.terms_ps["fill_drain"] == (2 * 4 + 4 - 2) * NS
    assert account.total_ps == record.operators[0].active_ps


def test_waiting_names_the_memory_that_bounds() -> None:
    record = simulate(gemm(64, 64, 64), small(bandwidth="100 MB/s"), timeline=False).record
    (account,) = operator_accounts(record).values()
    assert account.waiting_for == "chip.dram"
    assert account.terms_ps["waiting"] > account.total_ps // 4


@pytest.fixture(scope="module")
def found() -> Comparison:
    return compare("mobilenet_v2", ["eyeriss_like"], ["ws", "rs"])


def test_terms_add_up_for_every_operator_and_for_the_run(found: Comparison) -> None:
    for variant in found.variants:
        record = variant.result.record
        whole = run_account(record)
        assert sum(whole.terms_ps.values()) == whole.total_ps == record.elapsed_ps
        assert whole.terms_ps["idle"] >= 0
        for one in operator_accounts(record).values():
            assert sum(one.terms_ps.values()) == one.total_ps
            assert min(one.terms_ps.values()) >= 0


def test_a_reason_is_the_difference_of_the_terms(found: Comparison) -> None:
    data = found.to_dict()
    assert data["why"]["best"] == min(data["variants"], key=lambda name: data["variants"][name]["time_ps"])
    for row in [{"why": data["why"]}, *data["operators"]]:
        for name, against in row["why"]["against"].items():
            assert sum(against["terms_ps"].values()) == against["slower_ps"] >= 0
            assert against["text"].startswith(name)


def test_a_dataflow_that_leaves_pes_without_work_loses_by_that() -> None:
    """A depthwise layer has one column of results: ws and is fill one column or row of the array, rs its strips."""
    b = TraceBuilder("depthwise", dtype="int8")
    dims = {"groups": 8, "in_channels": 8, "out_channels": 8, "in_h": 34, "in_w": 34, "out_h": 32, "out_w": 32,
            "kernel_h": 3, "kernel_w": 3}  # fmt: skip
    x, w = b.activation("x", (8, 34, 34)), b.weight("w", (8, 9))
    b.op("d", "conv", dims, {"a": x, "b": w}, b.activation("y", (8, 32, 32)))
    machine = small(rows=12, cols=14, bandwidth="1000 GB/s", pins="{'*': {engine: array}}")
    (row,) = compare(b.build(outputs=["y"]), [machine], ["ws", "rs"]).to_dict()["operators"]
    assert row["best"] == "rs"
    assert row["why"]["against"]["ws"]["largest"] == "unfilled"


def test_bandwidth_and_traffic_are_told_apart() -> None:
    """The same work on a memory of half the rate: all of the longer time there is bandwidth."""
    machines = [small(bandwidth=rate, capacity="64 KiB") for rate in ("2 GB/s", "1 GB/s")]
    against = compare(gemm(64, 64, 64), machines).to_dict()["operators"][0]["why"]["against"]["small#2"]
    assert against["waiting_for"] == "chip.dram"
    assert against["memory_ps"]["traffic"] == 0 < against["memory_ps"]["bandwidth"]
    assert "by bandwidth" in against["text"]
