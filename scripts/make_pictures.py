"""Makes the pictures of the README: the terminal report of a run, and the first part of its timeline.

Usage: ``python scripts/make_pictures.py`` (after ``scripts/demo``, or in any environment with tilesim). The pictures show
results, so they are made again when the models change; no test compares their pixels.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from rich.console import Console

import sim
from sim.report.text import show

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
LANES = ("chip.core[0].mxu[0]", "chip.core[0].vpu", "chip.core[0].dma.load", "chip.core[0].dma.store", "chip.hbm")
UNTIL_US = 30.0
# Okabe and Ito's colour-blind safe palette.
COLOURS = {"busy": "#0072B2", "operand": "#E69F00", "dependency": "#CC79A7", "result": "#F0E442", "bank": "#D55E00"}


def terminal(result: sim.Result) -> None:
    """The console report as SVG."""
    with open(os.devnull, "w") as nowhere:
        console = Console(record=True, width=88, file=nowhere, force_terminal=True, legacy_windows=False)
        show(result, console)
        console.save_svg(str(IMAGES / "resnet50_tpu_v4.svg"), title="tilesim run resnet50 -a tpu_v4")


def timeline(result: sim.Result) -> None:
    """Busy and stalled time of a few lanes, from timeline.json."""
    with tempfile.TemporaryDirectory() as folder:
        result.save(folder)
        events = json.loads((Path(folder) / "timeline.json").read_text())["traceEvents"]
    names = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
    figure, axes = plt.subplots(figsize=(9, 2.6), constrained_layout=True)
    for row, lane in enumerate(LANES):
        for event in events:
            if event["ph"] == "X" and names.get((event["pid"], event["tid"])) == lane:
                start = event["args"]["start_ps"] / 1e6
                if start < UNTIL_US:
                    cause = event["args"].get("cause", "busy")
                    width = event["args"]["duration_ps"] / 1e6
                    axes.barh(row, width, left=start, height=0.7, color=COLOURS.get(cause, "#999999"), linewidth=0)
    axes.set_yticks(range(len(LANES)), LANES)
    axes.invert_yaxis()
    axes.set_xlim(0, UNTIL_US)
    axes.set_xlabel("time (us)")
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in COLOURS.values()]
    labels = ["busy", *(f"stall: {cause}" for cause in list(COLOURS)[1:])]
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False, fontsize="small")
    figure.savefig(IMAGES / "resnet50_timeline.png", dpi=130)


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    result = sim.simulate(sim.load_trace("resnet50"), sim.load_architecture("tpu_v4"))
    terminal(result)
    timeline(result)


if __name__ == "__main__":
    main()
