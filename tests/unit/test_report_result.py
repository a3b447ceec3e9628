"""The result of a run: sums that must hold, nulls where nothing is defined, and files that appear whole."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from report_toys import MACHINE, machine, network, toy_result

from sim.core.errors import InconsistencyError, InputError
from sim.report.energy import energy_table, price_run
from sim.report.run_folder import load_run
from sim.report.simulation import simulate


def test_busy_stall_and_idle_cover_every_lane_exactly() -> None:
    result = toy_result()
    for path, one in result.components.items():
        covered = one["busy_ps"] + sum(one["stall_ps"].values()) + one["idle_ps"]
        assert covered == result.time_ps * one["lanes"], path


def test_replicated_components_report_once_with_their_number() -> None:
    components = toy_result().components
    assert list(components) == [
        "chip.cmem", "chip.core.dma", "chip.core.mxu", "chip.core.vmem", "chip.core.vpu", "chip.hbm", "chip.host",
        "chip.xbar",
    ]  # fmt: skip
    assert (components["chip.core.mxu"]["count"], components["chip.core.mxu"]["lanes"]) == (4, 4)
    assert components["chip.core.mxu"]["min"]["instance"].startswith("chip.core[")
    assert components["chip.core.mxu"]["min"]["busy"] <= components["chip.core.mxu"]["max"]["busy"]


def test_energy_is_the_sum_over_components_and_over_operators_with_the_unattributed() -> None:
    architecture = machine()
    prices = price_run(toy_result().record, architecture, energy_table(architecture))
    assert prices is not None
    assert prices.total_j == sum(prices.dynamic_j.values()) + sum(prices.static_j.values())
    assert prices.total_j == sum(prices.operators_j) + prices.unattributed_j
    seconds = Fraction(toy_result().time_ps, 10**12)
    assert sum(prices.static_j.values()) == (1 + 2 * Fraction(1, 2)) * seconds  # the host, and two scratchpads
    assert toy_result().energy_j == float(prices.total_j)


def test_an_operator_that_claims_more_than_was_counted_is_caught() -> None:
    architecture, record = machine(), toy_result().record
    broken = record.components[0]
    claims = {**broken.actions, -1: {"read_bytes": -5}}
    components = (replace(broken, actions=claims), *record.components[1:])
    with pytest.raises(InconsistencyError):
        price_run(replace(record, components=components), architecture, energy_table(architecture))


def test_totals_follow_from_the_record() -> None:
    result = toy_result()
    assert result.macs == result.macs_executed == 3 * (64 * 256 * 128 * 2)
    assert result.utilization == pytest.approx(result.macs / (result.peak_macs_per_s * result.time_s))
    assert result.cycles == -(-result.time_ps // 1000)
    assert result.average_power_w == pytest.approx((result.energy_j or 0) / result.time_s)
    assert result.roofline["achieved_macs_per_s"] <= result.roofline["attainable_macs_per_s"]


def test_operators_name_what_bounds_them_and_fused_ones_their_region() -> None:
    up, relu, down = toy_result().operators
    assert (up["count"], up["fused"], up["bound_by"]) == (3, ["layer.relu"], "chip.core.mxu")
    assert (relu["region"], relu["time_ps"], relu["first_start_s"]) == ("layer.up", 0, up["first_start_s"])
    assert down["time_s"] == down["time_ps"] / 1e12


def test_the_bound_moves_to_the_part_made_slow() -> None:
    slow = simulate(network(), machine(chip__hbm__bandwidth="1 GB/s"), timeline=False)
    assert {one["bound_by"] for one in slow.operators} == {"chip.hbm"}
    assert slow.roofline["bound_by"] == "chip.hbm"
    launch = simulate(network(), machine(chip__host__launch="1 ms"), timeline=False)
    assert {one["bound_by"] for one in launch.operators} == {"launch"}


def test_without_an_energy_table_energy_is_null_and_said_so() -> None:
    result = simulate(network(), machine(MACHINE.replace("cmos_7nm", "none")), timeline=False)
    assert result.energy_j is None and result.average_power_w is None and result.unattributed_energy_j is None
    assert result.operators[0]["energy_j"] is None
    assert result.components["chip.hbm"]["energy_j"] == {"dynamic": None, "static": None}
    assert any("no energy" in warning for warning in result.warnings)


def test_a_missing_price_is_told_before_the_run_starts() -> None:
    def never(done: int, last: str) -> None:
        raise AssertionError("the run started")

    text = MACHINE.replace("device: HBM2_2400, ", "").replace("types: {bf16: 1}", "types: {bf16: 1, fp64: 1}")
    with pytest.raises(InputError) as caught:
        simulate(network(), machine(text), progress=never)
    assert {"chip.hbm", "chip.core.mxu"} <= {
        str(problem).split(": ")[1].split(" ")[0] for problem in caught.value.problems
    }


def test_saved_files_agree_with_the_result(tmp_path: Path) -> None:
    result = toy_result()
    names = [path.name for path in result.save(tmp_path / "new" / "out")]
    assert names == [
        "report.json",
        "operators.csv",
        "components.csv",
        "result.json",
        "timeline.json",
        "recording.npz",
        "report.html",
    ]
    folder = tmp_path / "new" / "out"
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    assert json.loads((folder / "report.json").read_text()) == json.loads(json.dumps(result.to_dict()))
    with (folder / "operators.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [one["name"] for one in result.operators]
    assert int(rows[0]["chip.hbm.read_bytes"]) == result.operators[0]["bytes"]["chip.hbm"]["read"]
    record, data = load_run(folder)
    assert record.operators == result.record.operators and record.components == result.record.components
    assert data["prices"] == list(result.prices)


def test_a_folder_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "out"
    (blocked / "components.csv").mkdir(parents=True)
    with pytest.raises(InputError, match="cannot write"):
        toy_result().save(blocked)
    assert [path.name for path in blocked.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("content", ["", "[]", '{"record": {}}', '{"record": 3}'])
def test_a_broken_result_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "result.json").write_text(content)
    with pytest.raises(InputError, match=r"result\.json"):
        load_run(tmp_path)


def test_a_result_of_another_version_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"record": {"schema_version": 2}}')
    with pytest.raises(InputError, match=r"result\.json: the result of another version of tilesim.*schema_version 2"):
        load_run(tmp_path)


def test_a_result_shows_itself_in_a_notebook() -> None:
    html = toy_result()._repr_html_()
    assert "toy_net on toy" in html and "average power" in html
