"""A tour of tilesim from Python: simulate, ask why, change something, compare, and look. Run it: python docs/tour.py

It writes to the folder ``tour`` and takes a few seconds. In a notebook, the last line of a cell shows a result with its
picture; here the same is printed.
"""

from __future__ import annotations

from pathlib import Path

import sim
from sim.observe.series import Series
from sim.report.diff import diff
from sim.report.explain import explain_run
from sim.report.pictures.draw import picture

FOLDER = Path("tour")

# 1. Simulate a network on an accelerator. The result has the fields of report.json.
result = sim.simulate(sim.load_trace("resnet50"), sim.load_architecture("tpu_v4"))
print(f"{result.time_s * 1e6:.1f} us, {100 * result.utilization:.1f} % of the arrays, {result.energy_j * 1e3:.2f} mJ")

# 2. Everything in a folder: report.html opens in any browser, timeline.json in ui.perfetto.dev.
for path in result.save(FOLDER):
    print(f"wrote {path}")

# 3. Which operator took longest, and why? Every number comes with its formula.
slowest = max(result.operators, key=lambda one: one["time_ps"])
print("\n".join(explain_run(FOLDER, [slowest["name"]])))

# 4. How busy was the memory over time? Bins are exact, of any width.
series = Series(result.record, result.recorder, width_ps=10_000_000)
hbm = next(one for one in result.record.components if one.path == "chip.hbm")
for start, busy, width in zip(series.edges_ps, series.component(hbm).busy, series.widths_ps, strict=False):
    print(f"{start / 1e6:6.1f} us {'#' * round(40 * busy / width)}")

# 5. What if the memory were half as fast?
slower = sim.simulate(sim.load_trace("resnet50"), sim.load_architecture("tpu_v4", {"chip.hbm.bandwidth": "600 GB/s"}))
change = diff(result, slower)
print(change.architecture, change.totals["time_s"])

# 6. Dataflows side by side, operator by operator.
comparison = sim.compare("resnet50", ["scalesim_32x32"], ("os", "ws"))
for variant in comparison.variants:
    print(f"{variant.name}: {variant.result.cycles:,} cycles")
comparison.save(FOLDER / "compare")

# 7. A picture for a paper, and what a notebook shows.
(FOLDER / "roofline.svg").write_bytes(picture(result, "roofline", "svg"))
(FOLDER / "notebook.html").write_text(result._repr_html_(), encoding="utf-8")
