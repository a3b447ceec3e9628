"""``report.html`` of a comparison."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sim.report.page.html import html_chunks

SCRIPTS = ("compare.js",)


def compare_page(comparison: dict[str, Any]) -> Iterator[str]:
    """The text of the page: totals, grouped bars per operator, differences. ``comparison``: what compare.json holds."""
    return html_chunks(f"{comparison['trace']} compared - tilesim", "compare.html", SCRIPTS, comparison)
