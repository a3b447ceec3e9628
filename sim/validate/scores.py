"""Scores of a suite: per metric the errors of all its rows, and the verdict against thresholds.

The error of a value is ``100 * |modelled - reference| / |reference|`` percent. A zero reference has no percentage:
there the absolute error, in the metric's own unit, stands in its place. A value within the metric's ``exact_within``
(a fraction of the reference) counts as exact, with error 0; it is 0 unless the reference was printed with rounding.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sim.core.errors import InconsistencyError
from sim.validate.table import Row

STATISTICS = ("mean_abs_pct_error", "p95_abs_pct_error", "max_abs_pct_error", "max_abs_error")
WORST = 10
EXACT: Mapping[str, float] = {"max_abs_pct_error": 0.0}
"""The threshold of a metric whose every row must be exact."""


@dataclass(frozen=True)
class Metric:
    """A quantity a suite scores. ``threshold``: statistic -> the most it may be; None reports without judging.

    Statistics: those of ``STATISTICS``; percentages, except ``max_abs_error``, which is in ``unit``.
    """

    name: str
    unit: str
    threshold: Mapping[str, float] | None = field(default_factory=lambda: EXACT)
    exact_within: float = 0.0

    def __post_init__(self) -> None:
        unknown = set(self.threshold or ()) - set(STATISTICS)
        if unknown:
            raise ValueError(f"metric {self.name!r}: no statistic {sorted(unknown)}; there are {STATISTICS}")


@dataclass(frozen=True)
class Scored:
    """One value of one row held against its reference. ``error_pct`` as the module says; ``error`` in the unit."""

    metric: str
    row: Row
    label: str
    reference: float
    modelled: float
    error: float
    error_pct: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the list of worst rows."""
        return {
            "metric": self.metric, "line": self.row.line, "row": self.label, "reference": self.reference,
            "modelled": self.modelled, "error_pct": self.error_pct,
        }  # fmt: skip


@dataclass(frozen=True)
class MetricResult:
    """The statistics of one metric over its rows; None where it has none. ``exact`` counts rows without error."""

    metric: Metric
    rows: int
    exact: int
    mean_abs_pct_error: float | None
    p95_abs_pct_error: float | None
    max_abs_pct_error: float | None
    max_abs_error: float | None

    @property
    def passed(self) -> bool:
        """Is every statistic within its threshold? A metric without rows says nothing against the model."""
        if self.rows == 0:
            return True
        return all(getattr(self, name) <= most for name, most in (self.metric.threshold or {}).items())

    def errors(self) -> dict[str, Any]:
        """The error fields, as they are repeated for the primary metric."""
        return {
            "exact": self.exact, "mean_abs_pct_error": self.mean_abs_pct_error,
            "p95_abs_pct_error": self.p95_abs_pct_error, "max_abs_pct_error": self.max_abs_pct_error,
        }  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Plain data as in a suite's result."""
        threshold = None if self.metric.threshold is None else dict(self.metric.threshold)
        return {"unit": self.metric.unit, "rows": self.rows, **self.errors(), "threshold": threshold}


class Scores:
    """Collects what a suite finds; a suite calls ``add``, ``skip`` and ``leave_out``."""

    def __init__(self, metrics: tuple[Metric, ...]) -> None:
        self.metrics = {metric.name: metric for metric in metrics}
        self.scored: list[Scored] = []
        self.skipped: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.skipped_lines: set[int] = set()

    def add(self, metric: str, row: Row, reference: float, modelled: float, label: str = "") -> None:
        """Hold ``modelled`` against ``reference``; ``label`` says in words which row it is."""
        if not math.isfinite(modelled):
            raise InconsistencyError("validation", f"{row.place()}: {metric} came out as {modelled!r}")
        error = abs(modelled - reference)
        if error <= self.metrics[metric].exact_within * abs(reference):
            error = 0.0
        percent = 100.0 * error / abs(reference) if reference else float(error)
        self.scored.append(Scored(metric, row, label, reference, modelled, float(error), percent))

    def skip(self, row: Row, reason: str) -> None:
        """A row that is not scored at all, and why."""
        if row.line not in self.skipped_lines:
            self.skipped_lines.add(row.line)
            self.skipped[reason] += 1

    def leave_out(self, row: Row, metric: str, reason: str) -> None:
        """One value of a row that is scored otherwise, and why it is not."""
        self.left_out[f"{metric}: {reason}"] += 1

    @property
    def scored_lines(self) -> set[int]:
        """The lines with at least one scored value."""
        return {one.row.line for one in self.scored}

    def result(self, name: str) -> MetricResult:
        """The statistics of one metric."""
        found = [one for one in self.scored if one.metric == name]
        if not found:
            return MetricResult(self.metrics[name], 0, 0, None, None, None, None)
        errors = np.array([one.error_pct for one in found])
        return MetricResult(
            self.metrics[name], len(found), int((errors == 0).sum()), float(errors.mean()),
            float(np.percentile(errors, 95)), float(errors.max()), max(one.error for one in found),
        )  # fmt: skip

    def worst(self) -> list[Scored]:
        """The values furthest from their reference, at most ``WORST``, none that is exact."""
        ranked = sorted((one for one in self.scored if one.error_pct > 0),
                        key=lambda one: (-one.error_pct, one.row.line, one.metric))  # fmt: skip
        return ranked[:WORST]
