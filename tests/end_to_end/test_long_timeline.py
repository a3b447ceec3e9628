"""Five million slices: recorded, written and drawn in bounded memory, merged by the rule that is written down."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

MOST_MB = 500
SLICES = 5_000_000
SCRIPT = """
import json, sys
from dataclasses import replace
from pathlib import Path
from report_toys import toy_result
from sim.core.atomic import write_files
from sim.observe.perfetto import perfetto_chunks
from sim.observe.recorder import Recorder
from sim.observe.recording import recording_bytes
from sim.observe.timeline import timeline_chunks
from sim.report.page.run_page import run_page
from sim.report.power import amounts

folder, count = Path(sys.argv[1]), int(sys.argv[2])
result = toy_result()
lanes = [lane.name for one in result.record.components for lane in one.lanes]
recorder, busy, each = Recorder(), dict.fromkeys(lanes, 0), count // len(lanes) + 1
for number in range(each):
    for place, lane in enumerate(lanes):
        start = number * 1000 + place
        recorder.span(lane, start, start + 700, "compute" if number % 3 else "stall:operand", number % 3, number)
        if number % 3:
            busy[lane] += 700
record = replace(result.record, elapsed_ps=each * 1000 + len(lanes))
result = replace(result, record=record, time_ps=record.elapsed_ps, recorder=recorder)
write_files({
    folder / "timeline.json": timeline_chunks(record, recorder, amounts(result)),
    folder / "trace.pftrace": perfetto_chunks(record, recorder, amounts(result)),
    folder / "recording.npz": [recording_bytes(recorder)], folder / "report.html": run_page(result),
})
status = Path("/proc/self/status").read_text()  # ru_maxrss would also count the parent before the exec
peak_mb = int(status.split("VmHWM:")[1].split()[0]) / 1024
print(json.dumps({"peak_mb": peak_mb, "busy": busy, "spans": each * len(lanes), "window_ps": recorder.window_ps}))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_five_million_slices_stay_within_memory_and_keep_their_totals(tmp_path: Path) -> None:
    here = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), str(SLICES)],
        capture_output=True, text=True, env={"PYTHONPATH": str(here / "unit"), "PATH": "/usr/bin"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["spans"] >= SLICES
    assert told["peak_mb"] < MOST_MB
    timeline = json.loads((tmp_path / "timeline.json").read_text())
    assert timeline["otherData"]["slices"] == f"merged within windows of {told['window_ps']} ps"
    names = {(one["pid"], one["tid"]): one["args"]["name"] for one in timeline["traceEvents"]
             if one["name"] == "thread_name"}  # fmt: skip
    busy = dict.fromkeys(told["busy"], 0)
    for one in timeline["traceEvents"]:
        if one.get("cat") == "busy":
            busy[names[one["pid"], one["tid"]]] += one["args"]["duration_ps"]
    assert busy == told["busy"]
    assert (tmp_path / "report.html").stat().st_size < 8e6
