"""Reports of several chips: those alike are shown once and say so, names tell chips and stages apart, bounds are named."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from toy_chips import toy

from sim import simulate
from sim.observe.series import Series
from sim.report.explain import explain_run
from sim.report.labels import labels
from sim.report.page.timeline_data import timeline_data
from sim.report.pictures.over_time import shown_components
from sim.report.result import Result
from sim.report.text import show
from sim.trace.builder import TraceBuilder
from sim.trace.model import Trace
from sim.trace.parallel.tensor import tensor_parallel

EDGE = 64


def layers() -> Trace:
    """Two layers of a product each."""
    builder = TraceBuilder("layers")
    x = builder.activation("x", (EDGE, EDGE))
    with builder.repeat("layer", 2, carry={x: "y"}):
        weight, y = builder.weight("w", (EDGE, EDGE)), builder.activation("y", (EDGE, EDGE))
        builder.op("up", "gemm", {"m": EDGE, "n": EDGE, "k": EDGE}, {"a": x, "b": weight}, y)
    return builder.build([x])


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Four chips that do the same."""
    return simulate(tensor_parallel(layers(), 4), toy(tmp_path_factory.mktemp("chips")))


def test_lanes_of_chips_that_are_alike_are_left_out_and_told_of(alike: Result) -> None:
    assert alike.record.alike == {f"chip[{chip}]": "chip[0]" for chip in (1, 2, 3)}
    assert alike.recorder is not None
    drawn = timeline_data(alike, alike.recorder)
    assert drawn["notes"] == ["chip[1-3]: as chip[0]"]
    names = [lane["name"] for lane in drawn["lanes"]]
    assert not [name for name in names if name.startswith(("chip[1]", "chip[2]", "chip[3]"))]
    assert any(name.startswith("switch.chip[3].comm") for name in names)  # the link between them is one
    called = [lane["label"] for lane in drawn["lanes"]]
    assert len(set(called)) == len(called) and "chip[0].core.array" in called
    assert not [label for label in called if label.count("chip[0]") > 1]
    assert {lane.name for one in shown_components(alike) for lane in one.lanes} == set(names)


def test_chips_that_are_alike_have_the_series_of_the_one_that_stands_for_them(alike: Result) -> None:
    assert alike.recorder is not None
    series = Series(alike.record, alike.recorder, 20)
    by_path = {one.path: one for one in alike.record.components}
    for part in ("core.array", "hbm"):
        first, copy = (series.component(by_path[f"chip[{chip}].{part}"]) for chip in (0, 3))
        assert copy.busy.any() and np.array_equal(first.busy, copy.busy)
        assert int(copy.busy.sum()) == sum(lane.busy_ps for lane in by_path[f"chip[3].{part}"].lanes)


def test_ports_of_a_copy_are_called_by_its_own_chip(alike: Result) -> None:
    links = [one for one in alike.record.components if one.kind == "crossbar" and one.path.startswith("chip[2]")]
    assert {port.name for one in links for port in one.ports} == {
        f"chip[2].{end} {way}" for end in ("core.pad", "hbm", "comm") for way in ("out", "in")
    }
    assert all(lane.name.count("chip[2]") == 2 and "chip[0]" not in lane.name for one in links for lane in one.lanes)


def test_operators_of_the_same_name_are_told_apart_by_their_stage(tmp_path: Path) -> None:
    found = simulate(replace(layers(), parallel=(("pp", 2),)), toy(tmp_path))
    assert [one["stage"] for one in found.operators if one["name"] == "up"] == ["stage0", "stage1"]
    file = io.StringIO()
    show(found, Console(file=file, width=100))
    assert "stage0: up" in file.getvalue() and "stage1: up" in file.getvalue()
    found.save(tmp_path / "out")
    heads = [line for line in explain_run(tmp_path / "out", ["up"]) if line.startswith("up")]
    assert [line.partition(":")[0] for line in heads] == ["up of stage0", "up of stage1"]


def test_names_side_by_side_are_short_and_differ() -> None:
    assert labels(["chip.noc.chip.hbm.out", "chip.hbm"]) == {"chip.noc.chip.hbm.out": "noc.hbm.out", "chip.hbm": "hbm"}
    assert labels(["chip[0].io.chip[0].hbm->chip[0].comm", "chip[1].hbm", "net.chip[1].comm.in"]) == {
        "chip[0].io.chip[0].hbm->chip[0].comm": "chip[0].io.hbm->comm", "chip[1].hbm": "chip[1].hbm",
        "net.chip[1].comm.in": "net.chip[1].comm.in",
    }  # fmt: skip
