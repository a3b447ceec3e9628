"""One run from inputs to record: build, execute, check, collect."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from typing import Any

from sim.config.architecture import Architecture
from sim.core.clock import PS_PER_S
from sim.core.errors import InputError, Place, Problem
from sim.core.probe import Listener, Probe
from sim.hardware.layout import Layout
from sim.hardware.noc.fabric_link import Fabric
from sim.run.collect import chip_traffic, component_records, operator_records, traffic_records
from sim.run.conservation import check_run
from sim.run.executor import Executor, Progress
from sim.run.jobs import Job, JobSource, ListedJobs
from sim.run.record import RunRecord
from sim.run.replicas import Replicas
from sim.trace.model import Trace
from sim.trace.writer import trace_lines


def run_jobs(
    source: JobSource,
    architecture: Architecture,
    dataflow: str | None = None,
    listeners: tuple[Listener, ...] = (),
    progress: Progress | None = None,
    trace: Trace | None = None,
) -> RunRecord:
    """Execute the jobs of ``source`` and return the record; raises InputError or InconsistencyError.

    ``trace`` names the run in the record (default: a note that there were several jobs).
    """
    probe = Probe()
    for listener in listeners:
        probe.attach(listener)
    layout = Layout(architecture)
    replicas = _replicas(layout, trace)
    executor = Executor(layout, source, probe, dataflow, progress)
    elapsed_ps = executor.run()
    check_run(executor.machine, executor.tally, elapsed_ps)
    traffic = traffic_records(executor.machine)
    off_chip = executor.homes.off_chip.report(traffic)
    return RunRecord(
        architecture={"name": architecture.name, "sha256": architecture.sha256, "document": architecture.document},
        trace=_trace(trace),
        clock=_clock(executor.layout),
        elapsed_ps=elapsed_ps,
        operators=replicas.operators(operator_records(executor)),
        components=tuple(replicas.components(component_records(executor.machine))),
        traffic=(*replicas.traffic(traffic), *chip_traffic(executor.machine)),
        memory=replicas.memory(_memory(executor)),
        off_chip={name: size * replicas.count for name, size in off_chip.items()},
        peak_macs_per_s=_peak(executor) * replicas.count,
        warnings=(*_warnings(executor, trace), *_fabric_warnings(executor, elapsed_ps), *executor.homes.warnings()),
        events={"tiles": sum(unit.tiles_taken for unit in executor.units), "regions": executor.tally.regions},
    )


def run_trace(
    trace: Trace,
    architecture: Architecture,
    dataflow: str | None = None,
    listeners: tuple[Listener, ...] = (),
    progress: Progress | None = None,
) -> RunRecord:
    """Execute one trace: the one-job source."""
    return run_jobs(ListedJobs([Job(trace, trace.name)]), architecture, dataflow, listeners, progress, trace)


def _replicas(layout: Layout, trace: Trace | None) -> Replicas:
    """The chips that the simulated one stands for; InputError when there are fewer than the trace is for."""
    needed = trace.chips if trace is not None else 1
    if needed > layout.chip_count:
        found = f"{layout.architecture.name} has {layout.chip_count}"
        message = f"{trace.name if trace is not None else 'the trace'} is for {needed} chips"
        raise InputError([Problem(message, Place(layout.architecture.file), found=found)])
    return Replicas(layout.chips.paths[:needed] if layout.chips is not None else ())


def _trace(trace: Trace | None) -> dict[str, Any]:
    if trace is None:
        return {"name": "several jobs", "sha256": "", "source": ""}
    text = "\n".join(trace_lines(trace))
    return {"name": trace.name, "sha256": hashlib.sha256(text.encode()).hexdigest(), "source": trace.source}


def _clock(layout: Layout) -> dict[str, Any]:
    """The clock that cycle counts are given in: the arrays', else the vector unit's."""
    if not layout.cores:
        return {"name": "picoseconds", "hz": 1e12, "numerator": PS_PER_S, "denominator": 1}
    core = layout.cores[0]
    node = core.arrays or core.vector
    assert node is not None and node.clock_hz is not None
    hz = Fraction(node.clock_hz)
    name = node.spec.clock or ""
    return {"name": name, "hz": float(hz), "numerator": hz.numerator, "denominator": hz.denominator}


def _memory(executor: Executor) -> dict[str, dict[str, int]]:
    return {
        tier.path: {"capacity_bytes": tier.capacity, "peak_bytes": arena.peak}
        for tier, arena in zip(executor.layout.tiers, executor.arenas, strict=True)
    }


def _peak(executor: Executor) -> float:
    """Peak MACs per second of the machine for this run.

    Every core's arrays at the fastest of the element types that the run multiplied, plus the vector units where they
    multiplied too or there are no arrays.
    """
    types = sorted({one.compute_type for one in executor.tally.entries if one.compute_type})
    if not types:
        return 0.0
    on_vector = any(one.macs and "vector" in one.engines for one in executor.tally.entries)
    total = Fraction(0)
    for core in executor.layout.cores:
        arrays = core.array_model
        total += max((arrays.peak_macs_per_s(one) for one in types), default=Fraction(0)) if arrays else 0
        if core.vector_model is not None and (on_vector or arrays is None):
            total += core.vector_model.peak_macs_per_s()
    multiplying = {one.engine for one in executor.tally.entries if one.macs}
    for engine in executor.machine.engines:
        peak = getattr(getattr(engine.component, "model", None), "peak_macs_per_s", None)
        if peak is not None and (engine.view.kind in multiplying or not executor.layout.cores):
            total += max(peak(one) for one in types)
    return float(total)


def _fabric_warnings(executor: Executor, elapsed_ps: int) -> tuple[str, ...]:
    links = (*executor.machine.links.values(), *executor.machine.chip_links.values())
    fabrics = [link for link in links if isinstance(link, Fabric)]
    return tuple(text for fabric in fabrics for text in fabric.warnings(elapsed_ps))


def _warnings(executor: Executor, trace: Trace | None) -> tuple[str, ...]:
    found = list(trace.notes) if trace is not None else []
    has_arrays = any(core.arrays is not None for core in executor.machine.cores)
    refused = [one.name for one in executor.tally.entries if one.macs and one.engine == "vector" and one.untyped]
    if has_arrays and refused:
        shown = ", ".join(refused[:3]) + (f" and {len(refused) - 3} more" if len(refused) > 3 else "")
        found.append(f"no array multiplies the element type of {shown}: the vector unit did (see `types` and --dtype)")
    return tuple(found)
