"""Comparisons: every variant is its own run; the best of each operator is what it says."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from machines import four_cores, gemm
from report_toys import MACHINE, machine, network
from rich.console import Console

from sim.core.errors import InputError
from sim.report.compare import compare
from sim.report.compare_text import show_comparison
from sim.report.simulation import simulate


def test_each_variant_is_the_run_it_names() -> None:
    found = compare(network(), [machine()], ["os", "ws"])
    assert [variant.name for variant in found.variants] == ["os", "ws"]
    for variant in found.variants:
        alone = simulate(network(), machine(), variant.dataflow, timeline=False)
        assert variant.result.to_dict() == alone.to_dict()
        assert {one["dataflow"] for one in alone.operators} == {variant.dataflow, None}


def test_the_best_of_each_operator_is_its_fastest() -> None:
    data = compare(network(), [machine()], ["os", "ws", "is"]).to_dict()
    for row in data["operators"]:
        times = {name: one["time_ps"] for name, one in row["variants"].items()}
        assert times[row["best"]] == min(times.values())
    assert sum(data["best_of_each"]["operators_per_variant"].values()) == len(data["operators"])


def test_what_is_concluded_is_about_the_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """An operator computes 42 % longer, but the run takes a few per cent more: its first operands come sooner."""
    ring, crossbar = (
        replace(four_cores(link), name=link.split()[1].strip(","))
        for link in ("kind: fabric, topology: ring, routers: 5", "kind: crossbar")
    )
    found = compare(gemm(128, 64, 128), [ring, crossbar])
    data = found.to_dict()
    times = [one["time_ps"] for one in data["variants"].values()]
    (against,) = data["why"]["against"].values()
    assert against["slower_ps"] == max(times) - min(times)
    assert f"({100 * (max(times) / min(times) - 1):.1f} %) more than" in against["text"]
    show_comparison(found, Console(width=100))
    shares = set(re.findall(r"([\d.]+) %", capsys.readouterr().out))
    utilizations = {f"{100 * one['utilization']:.1f}" for one in data["variants"].values()}
    utilizations |= {f"{100 * one['utilization']:.1f}" for row in data["operators"] for one in row["variants"].values()}
    assert len(shares - utilizations) <= 1  # no other share is claimed than that of the runs


def test_architectures_side_by_side_keep_their_names_apart() -> None:
    slower = machine(MACHINE.replace("rows: 16", "rows: 8"))
    found = compare(network(), [machine(), slower])
    assert [variant.name for variant in found.variants] == ["toy", "toy#2"]
    assert found.variants[0].result.time_ps < found.variants[1].result.time_ps


def test_every_unknown_dataflow_is_told_before_anything_runs() -> None:
    with pytest.raises(InputError) as caught:
        compare(network(), [machine()], ["os", "wx", "iss"])
    assert [problem.found for problem in caught.value.problems] == ["wx", "iss"]
