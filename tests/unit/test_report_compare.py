"""Comparisons: every variant is its own run; the best of each operator is what it says."""

from __future__ import annotations

import pytest
from report_toys import MACHINE, machine, network

from sim.core.errors import InputError
from sim.report.compare import compare
from sim.report.simulation import simulate


def test_each_variant_is_the_run_it_names() -> None:
    found = compare(network(), [machine()], ["os", "ws"])
    assert [variant.name for variant in found.variants] == ["os", "ws"]
    for variant in found.variants:
        alone = simulate(network(), machine(), variant.dataflow, timeline=False)
        assert variant.result.to_dict() == alone.to_dict()
        assert {one["dataflow"] for one in alone.operators} == {variant.dataflow, None}


def test_best_of_each_operator_and_its_total() -> None:
    data = compare(network(), [machine()], ["os", "ws", "is"]).to_dict()
    total = 0
    for row in data["operators"]:
        times = {name: one["time_ps"] for name, one in row["variants"].items()}
        assert times[row["best"]] == min(times.values())
        total += min(times.values())
    assert data["best_of_each"]["operators_time_ps"] == total
    assert total <= min(one["operators_time_ps"] for one in data["variants"].values())
    assert sum(data["best_of_each"]["operators_per_variant"].values()) == len(data["operators"])


def test_architectures_side_by_side_keep_their_names_apart() -> None:
    slower = machine(MACHINE.replace("rows: 16", "rows: 8"))
    found = compare(network(), [machine(), slower])
    assert [variant.name for variant in found.variants] == ["toy", "toy#2"]
    assert found.variants[0].result.time_ps < found.variants[1].result.time_ps


def test_every_unknown_dataflow_is_told_before_anything_runs() -> None:
    with pytest.raises(InputError) as caught:
        compare(network(), [machine()], ["os", "wx", "iss"])
    assert [problem.found for problem in caught.value.problems] == ["wx", "iss"]
