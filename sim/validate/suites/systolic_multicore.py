"""Suite ``systolic_multicore``: one GEMM split over several cores against SCALE-Sim v3.

Each core gets ceil(M/input_parts) x ceil(N/filter_parts) of the results, the last ones what is left; the split is
pinned in the architecture's policy, and the cores share one on-chip memory so wide that they never wait. A layer takes
as long as its slowest core. With ``per_core`` each core is compared, and the row's value is that of the worst one.

Not scored: ``analytical_runtime_partition_manager``, an estimate the reference makes before it simulates; the
``sram_*`` columns, which its multi-core runs leave empty.
"""

from __future__ import annotations

from collections.abc import Sequence

from sim.validate.bare_array import Array, gemm, run_products
from sim.validate.scores import Metric, Scores
from sim.validate.suite import Progress, Suite, suites
from sim.validate.suites.systolic import DATAFLOWS, describe, score_given, size_columns
from sim.validate.table import Column, Row

BAD_CORES = "per_core does not list the cycles of that many cores"


@suites.register("systolic_multicore")
class SystolicMulticore(Suite):
    """Several cores of one array each, serial folds."""

    name = "systolic_multicore"
    compares = "cycles of every core of a GEMM split over several systolic arrays with SCALE-Sim's"
    origin = "SCALE-Sim v3, commit 1d62b68"
    data = "systolic_multicore.csv"
    columns = (
        *size_columns("M", "N", "K"),
        Column("dataflow", "text", among=DATAFLOWS),
        *size_columns("rows", "cols", "input_parts", "filter_parts"),
        Column("max_core_cycles", "integer", at_least=0),
        Column("min_core_cycles", "integer", optional=True, at_least=0),
        Column("per_core", "text", optional=True),
    )
    metrics = (
        Metric("max_core_cycles", "cycles"),
        Metric("min_core_cycles", "cycles"),
        Metric("per_core", "cycles"),
    )
    primary = "max_core_cycles"

    def score(self, rows: Sequence[Row], scores: Scores, progress: Progress) -> None:
        """One run per machine and split, with all of its rows as independent operators."""
        groups: dict[Array, list[Row]] = {}
        for row in rows:
            numbers = (row.integer(name) for name in ("rows", "cols", "input_parts", "filter_parts"))
            groups.setdefault(Array(row.text("dataflow"), *numbers), []).append(row)
        done = 0
        for array, members in groups.items():
            products = [
                gemm(f"line {row.line}", row.integer("M"), row.integer("N"), row.integer("K")) for row in members
            ]
            for row, counts in zip(members, run_products(array, products), strict=True):
                _score_row(row, [busy - 1 for busy in counts.cycles], scores)
            done += len(members)
            progress(done, len(rows))


def _score_row(row: Row, last_cycles: list[int], scores: Scores) -> None:
    label = f"{describe(row)}, {row.integer('input_parts')}x{row.integer('filter_parts')} cores"
    score_given(row, scores, {"max_core_cycles": max(last_cycles), "min_core_cycles": min(last_cycles)}, label)
    if not row.has("per_core"):
        return
    listed = row.text("per_core").split("|")
    if len(listed) != len(last_cycles) or not all(one.strip().isdecimal() for one in listed):
        scores.leave_out(row, "per_core", BAD_CORES)
        return
    pairs = [(int(reference), modelled) for reference, modelled in zip(listed, last_cycles, strict=True)]
    scores.add("per_core", row, *max(pairs, key=lambda pair: abs(pair[1] - pair[0]) / max(1, pair[0])), label)
