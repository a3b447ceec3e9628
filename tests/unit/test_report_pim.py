"""The report's section about processing in memory adds up, and explain tells why an engine was taken or declined."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import sim
from sim.report.explain import explain_run
from sim.report.result import Result
from sim.trace.decoder_block import decoder_block


@pytest.fixture(scope="module", params=["blocked", "concurrent"])
def result(request: pytest.FixtureRequest) -> Result:
    """A block whose contexts differ, so that channels do."""
    changes: dict[str, Any] = {"chip.hbm.pim.commands": "newton"} if request.param == "blocked" else {}
    trace = decoder_block("block", 512, 4, 128, 1024, (700, 300, 300, 100))
    return sim.simulate(trace, sim.load_architecture("neupims", changes))


def test_channels_and_their_time_add_up(result: Result) -> None:
    (entry,) = result.pim
    groups, component = entry["groups"], result.components["chip.hbm.pim"]
    assert sum(group["count"] for group in groups) == entry["channels"] == 32 and len(groups) >= 4
    assert {group["channels"]: group["count"] for group in groups}["4-31"] == 28, "four requests leave the others idle"
    assert entry["utilization"] == pytest.approx(component["busy_ps"] / result.time_ps / 32, abs=1e-4)
    assert sum(entry["busy_s"].values()) == pytest.approx(component["busy_s"], rel=1e-6)
    assert 0 < entry["bank_utilization"] < entry["utilization"]
    waits = {cause: sum(group["stall_s"].get(cause, 0) * group["count"] for group in groups) / 32
             for cause in component["stall_s"]}  # fmt: skip
    assert waits == pytest.approx(component["stall_s"])


def test_blocked_time_is_told_by_cause(result: Result) -> None:
    (entry,) = result.pim
    blocked, stalls = entry["blocked_s"], result.components["chip.hbm"]["stall_s"]
    assert blocked["host_by_pim"] == pytest.approx(stalls.get("pim", 0.0))
    assert (entry["access"] == "blocked") == (blocked["pim_by_host"] > 0)
    assert blocked["refresh"] == entry["busy_s"].get("refresh", 0.0)
    assert blocked["operand_from_host"] > 0, "value products wait for the softmax"


def test_bytes_not_moved_are_the_caches_less_what_the_units_cost(result: Result) -> None:
    moved = result.pim[0]["bytes"]
    caches = 2 * (700 + 300 + 300 + 100) * 512 * 2
    assert caches <= moved["read_in_place"] <= 1.1 * caches
    assert moved["not_moved"] == moved["read_in_place"] - moved["vectors_written"] - moved["results_read"] > caches // 2


def test_energy_by_action_is_the_components(result: Result) -> None:
    (entry,), priced = result.pim, result.components["chip.hbm.pim"]["energy_j"]["dynamic"]
    assert sum(one["energy_j"] for one in entry["energy"]) == pytest.approx(priced)
    assert {one["action"]: one["count"] for one in entry["energy"]} == result.components["chip.hbm.pim"]["actions"]


def test_the_console_shows_it(result: Result) -> None:
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    result.show(console)
    text = console.export_text()
    assert "units of hbm" in text and "4-31 (28)" in text and "not moved" in text and "pim_mac" in text


def test_machines_without_units_have_no_section() -> None:
    trace = decoder_block("block", 256, 2, 128, 512, (40, 30))
    found = sim.simulate(trace, sim.load_architecture("neupims", {"chip.hbm.pim.enabled": False}))
    assert found.pim == () and found.to_dict()["pim"] == []
    assert all(not one["dispatch"] for one in found.operators)


def test_explain_tells_what_each_engine_said(tmp_path: Path) -> None:
    trace = decoder_block("block", 256, 2, 128, 512, (300, 100))
    for rule, said in (
        ("by_prediction", "the engine predicted to take least time"),
        ("by_kind", "attention and matrix"),
    ):
        result = sim.simulate(trace, sim.load_architecture("neupims", {"policy.dispatch": rule}))
        by_name = {one["name"].rpartition(".")[2]: one for one in result.operators}
        score = by_name["score"]
        result.save(tmp_path / rule)
        lines = list(explain_run(tmp_path / rule, [score["name"], by_name["softmax"]["name"]]))
        text = "\n".join(lines)
        assert f"dispatch (first execution): {said}" in text
        assert "declined: only single products with a matrix or cache" in text
        for engine, predicted_ps in score["dispatch"]["predicted_ps"].items():
            mark = "  <- taken" if engine == score["dispatch"]["taken"] else ""
            assert f"    {engine:24} predicted {predicted_ps} ps{mark}" in lines
        asked = {"chip.core", "chip.hbm.pim"} if rule == "by_prediction" else {"chip.hbm.pim"}
        assert set(score["dispatch"]["predicted_ps"]) == asked
        assert ("not asked" in text) == (rule == "by_kind")
