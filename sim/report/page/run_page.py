"""``report.html`` of a run."""

from __future__ import annotations

from collections.abc import Iterator

from sim.report.page.html import html_chunks
from sim.report.page.run_data import run_data
from sim.report.result_data import ResultData

SCRIPTS = ("diagram.js", "timeline.js", "run.js")


def run_page(result: ResultData) -> Iterator[str]:
    """The text of the page; without a recording it has no timeline."""
    data = run_data(result)
    return html_chunks(f"{data['title']} - tilesim", "run.html", SCRIPTS, data)
