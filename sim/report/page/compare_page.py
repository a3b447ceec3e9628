"""``report.html`` of a comparison."""

from __future__ import annotations

from collections.abc import Iterator

from sim.report.compare import Comparison
from sim.report.page.html import html_chunks

SCRIPTS = ("compare.js",)


def compare_page(comparison: Comparison) -> Iterator[str]:
    """The text of the page: totals, grouped bars per operator, differences."""
    return html_chunks(f"{comparison.trace} compared - tilesim", "compare.html", SCRIPTS, comparison.to_dict())
