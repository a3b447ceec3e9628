"""Load imbalance: the busiest core over the mean of all, per operator and for the run, where a reader looks for it."""

from __future__ import annotations

from io import StringIO

import pytest
from machines import add_gemm, small
from rich.console import Console

import sim
from sim.config.architecture import Architecture
from sim.hardware.layout import Layout
from sim.report import balance
from sim.report.explain import operator_lines
from sim.report.page.run_data import summary
from sim.report.result import Result
from sim.run.record import RunRecord
from sim.trace.builder import TraceBuilder


def result(architecture: Architecture) -> Result:
    """``even`` is cut over all four cores, ``alone`` runs on one of them, ``three`` on three of them."""
    b = TraceBuilder("shares", dtype="int8")
    outputs = [add_gemm(b, name, b.activation(f"x_{name}", (rows, 16)), rows, 8, 16)
               for name, rows in (("even", 32), ("alone", 32), ("three", 20))]  # fmt: skip
    return sim.simulate(b.build(outputs=outputs), architecture)


PINS = ("{even: {cores: {m: 4}, tile: {m: 8}}, alone: {cores: {m: 1}, tile: {m: 8}}, "
        "three: {engine: array, cores: {m: 3}, tile: {m: 7}}}")  # fmt: skip


def test_the_busiest_core_over_the_mean_of_all() -> None:
    found = result(small(cores=4, pins=PINS))
    rows = {one["name"]: one["imbalance"] for one in found.operators}
    assert rows["even"] == 1
    assert rows["alone"] == 4
    # 7, 7 and 6 rows on a 4x4 array (ws): a fold takes 4 + 4 + 4 - 2 + rows cycles, so 17, 17 and 16 of 50, over four cores
    assert rows["three"] == pytest.approx(17 / (50 / 4))
    assert found.balance is not None and found.balance["cores"] == 4
    busy = dict.fromkeys((f"chip.core[{core}]" for core in range(4)), 0)
    for one in found.record.components:
        if one.kind in ("systolic_array", "vector_unit"):
            busy[one.path.rpartition(".")[0]] += sum(lane.busy_ps for lane in one.lanes)
    assert found.balance["busiest"] == max(busy, key=lambda core: busy[core])
    assert found.balance["imbalance"] == pytest.approx(max(busy.values()) * 4 / sum(busy.values()))


def test_it_is_told_in_the_terminal_by_explain_and_on_the_page() -> None:
    found = result(small(cores=4, pins=PINS))
    out = StringIO()
    found.show(Console(file=out, width=160))
    assert "imbal" in out.getvalue() and "most lost: alone 4.00" in " ".join(out.getvalue().split())
    number = next(place for place, one in enumerate(found.operators) if one["name"] == "alone")
    told = "\n".join(operator_lines(found.record, number, Layout(small(cores=4)), []))
    assert "balance over 4 cores: the busiest," in told and "4.00 times" in told
    assert any(name == "busiest core over mean" for name, _ in summary(found))


def test_what_cores_were_busy_with_is_gathered_once_for_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    gathered = []
    original = balance.CoreLoads.__init__

    def counted(self: balance.CoreLoads, record: RunRecord) -> None:
        gathered.append(record)
        original(self, record)

    monkeypatch.setattr(balance.CoreLoads, "__init__", counted)
    found = result(small(cores=2))
    assert found.balance is not None and gathered == [found.record]


def test_one_core_has_no_balance() -> None:
    found = result(small(cores=1))
    assert found.balance is None and {one["imbalance"] for one in found.operators} == {None}
    assert not any(name == "busiest core over mean" for name, _ in summary(found))
