"""The tables of ``tilesim validate``: a line per metric, the verdict, and the worst rows of what missed."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from sim.report.table_cells import table
from sim.validate.suite import SuiteResult

WORST_SHOWN = 5


def show_suites(results: Sequence[SuiteResult]) -> None:
    """Print every suite."""
    console = Console()
    for result in results:
        verdict = ("passed", "green") if result.passed else ("MISSED", "red")
        console.print(
            Text.assemble((result.suite, "bold"), f": {result.scored} of {result.rows} rows scored, ", verdict)
        )
        for what, reasons in (("skipped", result.skipped), ("left out", result.left_out)):
            for reason, count in reasons.items():
                console.print(Text(f"  {what} {count}: {reason}", style="dim"))
        made = table(("metric", "left"), ("rows", "right"), ("exact", "right"), ("mean", "right"), ("p95", "right"),
                     ("max", "right"), ("allowed", "left"))  # fmt: skip
        for name, one in result.metrics.items():
            allowed = one.metric.threshold
            limits = ", ".join(f"{key.replace('_abs_pct_error', '')} {most:g}" for key, most in (allowed or {}).items())
            mark = "" if one.passed else " MISSED"
            made.add_row(
                name, str(one.rows), str(one.exact), _percent(one.mean_abs_pct_error), _percent(one.p95_abs_pct_error),
                _percent(one.max_abs_pct_error), (limits or "reported only") + mark,
            )  # fmt: skip
        console.print(made)
        for worst in result.worst[:WORST_SHOWN] if not result.passed else ():
            found = f"reference {worst.reference:g}, modelled {worst.modelled:g}"
            console.print(
                Text(f"  line {worst.row.line} {worst.label}: {worst.metric}: {found} ({worst.error_pct:.3g} %)")
            )
        console.print()


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g} %"
