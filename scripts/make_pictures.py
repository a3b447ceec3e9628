"""Makes the pictures of the README: the terminal report of a run, and the timeline of report.html in a browser.

Usage: ``python scripts/make_pictures.py`` (after ``scripts/demo``, or in any environment with tilesim). The pictures show
results, so they are made again when the models change; no test compares their pixels.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console

import sim
from sim.report.text import show

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))

from browser import Browser, find_browser  # noqa: E402

IMAGES = ROOT / "docs" / "images"


def terminal(result: sim.Result) -> None:
    """The console report as SVG."""
    with open(os.devnull, "w") as nowhere:
        console = Console(record=True, width=88, file=nowhere, force_terminal=True, legacy_windows=False)
        show(result, console)
        console.save_svg(str(IMAGES / "resnet50_tpu_v4.svg"), title="tilesim run resnet50 -a tpu_v4")


def page(result: sim.Result) -> None:
    """Parts of report.html as a browser shows them."""
    with tempfile.TemporaryDirectory() as folder, Browser(Path(folder) / "profile") as browser:
        result.save(Path(folder) / "run")
        browser.open(Path(folder) / "run" / "report.html")
        browser.screenshot(IMAGES / "resnet50_timeline.png", "#timeline-part")


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    result = sim.simulate(sim.load_trace("resnet50"), sim.load_architecture("tpu_v4"))
    terminal(result)
    if find_browser() is None:
        print("no browser: the pictures of report.html are left as they are")
    else:
        page(result)


if __name__ == "__main__":
    main()
