"""diff: nothing for equal runs, everything that changed otherwise, and figures that are those of the two reports."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from report_toys import machine, network, toy_result
from rich.console import Console

from sim.report.diff import diff
from sim.report.diff_text import change, show_difference
from sim.report.result import load_result
from sim.report.simulation import simulate


def shown(found: object) -> str:
    out = StringIO()
    show_difference(found, Console(file=out, width=100), detail=True)  # type: ignore[arg-type]
    return out.getvalue()


def test_equal_runs_do_not_differ(tmp_path: Path) -> None:
    toy_result().save(tmp_path)
    found = diff(toy_result(), load_result(tmp_path))
    assert found.same
    assert "nothing changed" in shown(found)


def test_a_changed_value_is_named_and_its_effect_told() -> None:
    slow = simulate(network(), machine(chip__hbm__bandwidth="8 GB/s"), timeline=False)
    found = diff(toy_result(), slow)
    assert found.architecture == {"chip.hbm.bandwidth": ("64 GB/s", "8 GB/s")}
    assert not found.trace
    assert found.totals["time_ps"] == (toy_result().time_ps, slow.time_ps)
    assert slow.time_ps > toy_result().time_ps
    rows = {row["name"]: row for row in found.operators}
    for one, other in zip(toy_result().operators, slow.operators, strict=True):
        if one["time_ps"] != other["time_ps"]:
            assert rows[one["name"]]["time_ps"] == {"before": one["time_ps"], "after": other["time_ps"]}
            assert rows[one["name"]]["energy_j"] == {"before": one["energy_j"], "after": other["energy_j"]}
    hbm = next(row for row in found.components if row["path"] == "chip.hbm")
    assert hbm["busy_s"]["after"] == slow.components["chip.hbm"]["busy_s"]
    text = shown(found)
    assert "chip.hbm.bandwidth: 64 GB/s -> 8 GB/s" in text
    assert change(toy_result().time_s, slow.time_s) in text


def test_what_is_on_one_side_only_is_told() -> None:
    bigger = simulate(network(), machine(chip__core__vpu__lanes="32"), timeline=False)
    found = diff(bigger, toy_result()).to_dict()
    assert found["architecture"]["chip.core.vpu.lanes"]["after"] == 16
    assert change(None, 1.0) == "new" and change(1.0, None) == "gone" and change(2.0, 1.0) == "-50.0 %"


def test_mappings_that_changed_are_told() -> None:
    other = simulate(network(), machine(), "os", timeline=False)
    found = diff(toy_result(), other)
    assert not found.architecture and found.mapping
    assert {"before": "ws", "after": "os"} in [row["changes"].get("dataflow") for row in found.mapping]
