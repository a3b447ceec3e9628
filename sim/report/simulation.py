"""From a trace and an architecture to a result: what :func:`sim.simulate` and ``tilesim run`` do."""

from __future__ import annotations

from sim.config.architecture import Architecture
from sim.observe.recorder import Recorder
from sim.report.build import build_result
from sim.report.energy import energy_table
from sim.report.result import Result
from sim.run.jobs import JobSource
from sim.run.program import Progress
from sim.run.simulate import run_jobs, run_trace
from sim.trace.model import Trace


def simulate(
    trace_or_jobs: Trace | JobSource,
    architecture: Architecture,
    dataflow: str | None = None,
    *,
    timeline: bool = True,
    progress: Progress | None = None,
) -> Result:
    """Simulate a trace, or the jobs of a source, and report it.

    ``dataflow`` (os, ws, is, rs, auto ...) replaces the arrays' own; ``timeline=False`` saves recording what lanes did, and
    the result then writes no ``timeline.json``. ``progress`` is called with (regions done, the last one's name).

    Raises InputError when the inputs cannot be used (every missing energy price among them, before the run starts), and
    InconsistencyError when the run breaks one of the simulator's own rules.
    """
    table = energy_table(architecture)
    recorder = Recorder() if timeline else None
    listeners = (recorder,) if recorder is not None else ()
    if isinstance(trace_or_jobs, Trace):
        record = run_trace(trace_or_jobs, architecture, dataflow, listeners, progress)
    else:
        record = run_jobs(trace_or_jobs, architecture, dataflow, listeners, progress)
    return build_result(record, architecture, table, recorder)
