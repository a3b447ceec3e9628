"""The validation framework: tables, statistics, verdicts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from sim.core.errors import InconsistencyError, InputError
from sim.validate import suite as suite_module
from sim.validate.scores import Metric, Scores
from sim.validate.suite import Progress, Suite, SuiteResult, run_suite, suite_names, suites
from sim.validate.table import Column, Row, read_table

COLUMNS = (
    Column("size", "integer", at_least=1),
    Column("flow", "text", among=("os", "ws")),
    Column("time", "number", at_least=0),
    Column("note", "text", optional=True),
)


def _write(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text)
    return path


class _Toy(Suite):
    """Models the time of a row as its size; a note "skip" is skipped, "lose" is forgotten."""

    name = "toy"
    compares = "nothing with nothing"
    origin = "this test"
    data = None
    columns = COLUMNS
    metrics = (Metric("time", "s", {"mean_abs_pct_error": 10.0}), Metric("size", "B", None))
    primary = "time"

    def score(self, rows: Sequence[Row], scores: Scores, progress: Progress) -> None:
        for row in rows:
            if row.values["note"] == "skip":
                scores.skip(row, "says so")
            elif row.values["note"] != "lose":
                scores.add("time", row, row.number("time"), row.integer("size"), f"row of {row.integer('size')}")
                scores.leave_out(row, "size", "not of interest")


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite_module.suites, "get", lambda name: _Toy)


def _run(folder: Path, *rows: str) -> SuiteResult:
    return run_suite("toy", _write(folder, "\n".join(["size,flow,time,note", *rows])))


def test_a_table_may_carry_comments_quotes_other_columns_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = _write(tmp_path, '\ufeff# origin\nextra,size,flow,time,note\n\nx,3,os,1.5,"a ""b"", c"\n7,4, ws ,2,\n')

    rows = read_table(path, COLUMNS)

    assert [row.values for row in rows] == [
        {"size": 3, "flow": "os", "time": 1.5, "note": 'a "b", c'},
        {"size": 4, "flow": "ws", "time": 2.0, "note": None},
    ]
    assert str(rows[0].place("time")) == f"{path}:4:8"


def test_all_mistakes_of_a_table_are_told_at_once_with_their_places(tmp_path: Path) -> None:
    path = _write(tmp_path, "size,flow,time\n0,os,1\n2.5,wss,1\n3,ws,nan\n4,os\n5,os,1,2\n6,,1\n")

    with pytest.raises(InputError) as caught:
        read_table(path, COLUMNS)

    found = {str(problem.place).removeprefix(f"{path}:"): problem for problem in caught.value.problems}
    assert list(found) == ["2:1", "3:1", "3:5", "4:6", "5:3", "6:8", "7:3"]
    assert found["3:5"].nearest == "ws"
    assert found["2:1"].found == "0"
    assert found["2:1"].allowed == "a whole number, at least 1"


def test_a_missing_column_names_the_nearest(tmp_path: Path) -> None:
    path = _write(tmp_path, "sizes,flow,time,time\n1,os,1,1\n")

    with pytest.raises(InputError) as caught:
        read_table(path, COLUMNS)

    missing, twice = sorted(caught.value.problems, key=lambda problem: problem.message, reverse=True)
    assert "'size' is missing" in missing.message
    assert missing.nearest == "sizes"
    assert twice.place is not None
    assert twice.place.column == 17


@pytest.mark.parametrize("content", [None, b"", b"# only a comment\n", b"size,flow,time\n", b"\xff\xfe\x00"])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "table.csv"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(InputError) as caught:
        read_table(path, COLUMNS)

    assert str(path) in str(caught.value)


def test_statistics_are_those_of_the_errors(tmp_path: Path, toy: None) -> None:
    result = _run(tmp_path, *(f"{100 + step},os,100," for step in range(21)))

    errors = np.arange(21.0)
    metric = result.metrics["time"]
    assert metric.rows == 21
    assert metric.exact == 1
    assert metric.mean_abs_pct_error == pytest.approx(errors.mean())
    assert metric.p95_abs_pct_error == pytest.approx(np.percentile(errors, 95))
    assert metric.max_abs_pct_error == pytest.approx(20.0)
    assert [one.row.line for one in result.worst] == list(range(22, 12, -1))
    assert result.passed


def test_a_suite_beyond_its_threshold_has_failed(tmp_path: Path, toy: None) -> None:
    result = _run(tmp_path, "100,os,100,", "121,os,100,")

    assert result.metrics["time"].mean_abs_pct_error == pytest.approx(10.5)
    assert not result.passed
    assert result.to_dict()["passed"] is False


def test_a_metric_that_is_only_reported_does_not_fail() -> None:
    metric = Metric("size", "B", None)
    scores = Scores((metric,))
    scores.add("size", Row("t.csv", 2, {}, {}), 1, 5)

    assert scores.result("size").max_abs_pct_error == 400.0
    assert scores.result("size").passed


def test_a_zero_reference_is_scored_by_its_absolute_error() -> None:
    scores = Scores((Metric("waits", "cycles", {"max_abs_pct_error": 2.0}),))
    for line, modelled in ((2, 0), (3, 3)):
        scores.add("waits", Row("t.csv", line, {}, {}), 0, modelled)

    result = scores.result("waits")
    assert (result.exact, result.mean_abs_pct_error, result.max_abs_pct_error) == (1, 1.5, 3.0)
    assert not result.passed


def test_printed_references_are_exact_within_their_digits() -> None:
    scores = Scores((Metric("share", "%", exact_within=1e-12),))
    row = Row("t.csv", 2, {}, {})
    scores.add("share", row, 1023.9999999999999, 1024)
    scores.add("share", row, 100.0, 100.000001)

    assert (scores.result("share").rows, scores.result("share").exact) == (2, 1)
    assert not scores.result("share").passed


def test_an_absolute_threshold_is_in_the_metrics_unit() -> None:
    for limit, verdict in ((2.0, True), (1.0, False)):
        scores = Scores((Metric("refreshes", "1", {"max_abs_error": limit}),))
        scores.add("refreshes", Row("t.csv", 2, {}, {}), 10, 12)
        assert scores.result("refreshes").passed is verdict


def test_skipped_rows_carry_their_reason_and_are_not_scored(tmp_path: Path, toy: None) -> None:
    result = _run(tmp_path, "1,os,1,", "9,os,1,skip", "9,os,1,skip")

    assert (result.rows, result.scored, result.skipped) == (3, 1, {"says so": 2})
    assert result.left_out == {"size: not of interest": 1}
    assert result.passed


def test_a_suite_that_scores_nothing_has_not_passed(tmp_path: Path, toy: None) -> None:
    assert not _run(tmp_path, "9,os,1,skip").passed


def test_a_row_dropped_in_silence_is_an_inconsistency(tmp_path: Path, toy: None) -> None:
    with pytest.raises(InconsistencyError, match=r"table.csv:3"):
        _run(tmp_path, "1,os,1,", "1,os,1,lose")


def test_a_value_that_is_no_number_is_an_inconsistency() -> None:
    with pytest.raises(InconsistencyError, match="nan"):
        Scores((Metric("time", "s"),)).add("time", Row("t.csv", 2, {}, {}), 1, float("nan"))


def test_a_threshold_on_an_unknown_statistic_is_refused() -> None:
    with pytest.raises(ValueError, match="median"):
        Metric("time", "s", {"median": 1.0})


def test_the_result_has_the_shape_of_the_contract(tmp_path: Path, toy: None) -> None:
    data = json.loads(json.dumps(_run(tmp_path, "110,os,100,").to_dict()))

    contract = {"suite", "rows", "scored", "skipped", "primary", "metrics", "passed", "worst"}
    errors = {"exact", "mean_abs_pct_error", "p95_abs_pct_error", "max_abs_pct_error"}
    assert contract | errors | {"left_out"} == set(data)
    assert set(data["metrics"]["time"]) == errors | {"unit", "rows", "threshold"}
    assert {name: data[name] for name in errors} == {name: data["metrics"]["time"][name] for name in errors}
    assert data["metrics"]["size"]["mean_abs_pct_error"] is None
    assert data["worst"] == [
        {"metric": "time", "line": 2, "row": "row of 110", "reference": 100.0, "modelled": 110, "error_pct": 10.0}
    ]


def test_without_a_table_of_its_own_a_suite_asks_for_one(toy: None) -> None:
    with pytest.raises(InputError, match=r"--data CSV.*size, flow, time"):
        run_suite("toy")


def test_an_unknown_suite_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'systolic'"):
        run_suite("sistolic")


@pytest.mark.parametrize("name", suite_names())
def test_every_registered_suite_is_complete(name: str) -> None:
    suite = suites.get(name)

    assert suite.name == name
    assert suite.compares
    assert suite.origin
    assert suite.primary in {metric.name for metric in suite.metrics}
    assert suite.data is None or read_table(suite_module.DATA / suite.data, suite.columns)
