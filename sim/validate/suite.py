"""What a suite is, the registry of suites, and running one.

A suite says what it compares with, which columns it reads, and turns rows into scores by running the simulator. Its
table ships in ``sim/validate/data`` and can be replaced by any file in the same columns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any, ClassVar

from sim.core.errors import InconsistencyError, InputError, Place, Problem
from sim.core.registry import Registry
from sim.validate.scores import Metric, MetricResult, Scored, Scores
from sim.validate.table import Column, Row, read_table

Progress = Callable[[int, int], None]
"""Called with (rows done, rows in all) now and then."""

DATA = Path(__file__).resolve().parent / "data"


class Suite(ABC):
    """Base of all suites; stateless. Fill in the class attributes and :meth:`score`."""

    name: ClassVar[str]
    compares: ClassVar[str]
    """What is compared with what, in one sentence."""
    origin: ClassVar[str]
    """Who made the reference figures, with version."""
    data: ClassVar[str | None]
    """File in ``sim/validate/data``; None when no table ships and one has to be given."""
    columns: ClassVar[tuple[Column, ...]]
    metrics: ClassVar[tuple[Metric, ...]]
    primary: ClassVar[str]

    @abstractmethod
    def score(self, rows: Sequence[Row], scores: Scores, progress: Progress) -> None:
        """Run the rows and fill ``scores``: every row gets at least one ``add``, or a ``skip`` with a reason."""


suites: Registry[type[Suite]] = Registry("suites", "validation suite")


@dataclass(frozen=True)
class SuiteResult:
    """What came of a suite: ``rows`` counts the file, ``scored`` the rows with a scored value, ``skipped`` the others.

    ``left_out``: single values of scored rows that are not scored, by metric and reason.
    """

    suite: str
    rows: int
    scored: int
    skipped: dict[str, int]
    left_out: dict[str, int]
    primary: str
    metrics: dict[str, MetricResult]
    worst: tuple[Scored, ...]

    @property
    def passed(self) -> bool:
        """Every metric within its thresholds, and the primary one scored at all."""
        return self.metrics[self.primary].rows > 0 and all(metric.passed for metric in self.metrics.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-able data; the primary metric's error fields stand at top level too."""
        return {
            "suite": self.suite,
            "rows": self.rows,
            "scored": self.scored,
            "skipped": self.skipped,
            "left_out": self.left_out,
            "primary": self.primary,
            **self.metrics[self.primary].errors(),
            "metrics": {name: metric.to_dict() for name, metric in self.metrics.items()},
            "passed": self.passed,
            "worst": [one.to_dict() for one in self.worst],
        }


def suite_names() -> tuple[str, ...]:
    """The names of all suites, sorted."""
    return suites.names()


def run_suite(name: str, data_path: str | PathLike[str] | None = None, progress: Progress | None = None) -> SuiteResult:
    """Run a suite on its own table, or on another CSV file in the same columns.

    Raises InputError for an unknown suite or a bad table, with everything wrong in it.
    """
    suite = suites.get(name)()
    rows = read_rows(name, data_path)
    scores = Scores(suite.metrics)
    suite.score(rows, scores, progress or _silent)
    _check_all_accounted(suite, rows, scores)
    return SuiteResult(
        suite=suite.name,
        rows=len(rows),
        scored=len(scores.scored_lines),
        skipped=dict(sorted(scores.skipped.items())),
        left_out=dict(sorted(scores.left_out.items())),
        primary=suite.primary,
        metrics={metric.name: scores.result(metric.name) for metric in suite.metrics},
        worst=tuple(scores.worst()),
    )


def read_rows(name: str, data_path: str | PathLike[str] | None = None) -> list[Row]:
    """The rows of a suite's own table, or of another file; raises InputError with everything wrong in it."""
    suite = suites.get(name)()
    return read_table(_table(suite, data_path), suite.columns)


def _table(suite: Suite, data_path: str | PathLike[str] | None) -> Path:
    if data_path is not None:
        return Path(fspath(data_path))
    if suite.data is None:
        columns = ", ".join(column.name for column in suite.columns)
        raise InputError([
            Problem(f"no table ships for the suite {suite.name!r}; give one (--data CSV)", allowed=f"columns {columns}")
        ])  # fmt: skip
    return DATA / suite.data


def _check_all_accounted(suite: Suite, rows: Sequence[Row], scores: Scores) -> None:
    """A row that is neither scored nor skipped with a reason would be dropped in silence."""
    lost = [row.line for row in rows if row.line not in scores.scored_lines | scores.skipped_lines]
    if scores.scored_lines & scores.skipped_lines:
        raise InconsistencyError("validation", f"{suite.name}: a row is both scored and skipped")
    if lost:
        place = Place(rows[0].file, lost[0])
        raise InconsistencyError("validation", f"{suite.name}: {place}: neither scored nor skipped ({len(lost)} rows)")


def _silent(done: int, total: int) -> None:
    """No progress display."""
