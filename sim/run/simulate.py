"""One run from inputs to record: build, execute, check, collect."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from sim.config.architecture import Architecture
from sim.core.clock import PS_PER_S
from sim.core.errors import InputError, Place, Problem
from sim.core.probe import Listener, Probe
from sim.hardware.chip_groups import ChipGrid, grid_of
from sim.hardware.chips import find_chips
from sim.hardware.layout import Layout
from sim.hardware.link_use import untaken
from sim.hardware.noc.fabric_link import Fabric
from sim.mapping.check_policy import check_policy
from sim.mapping.pins import idle_pins
from sim.mapping.placement.need import resident_bytes
from sim.mapping.schedulers.policy import Distance, schedulers
from sim.run.collect import chip_traffic, component_records, operator_records, traffic_records
from sim.run.conservation import check_run
from sim.run.executor import Executor, run_together
from sim.run.jobs import Job, JobSource, ListedJobs
from sim.run.program import Progress
from sim.run.record import OperatorRecord, RunRecord
from sim.run.replicas import Replicas
from sim.run.stage_programs import Stage, stages_of
from sim.trace.model import Trace
from sim.trace.parallel.pipeline import pipeline_stages, uneven_stages
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
    check_policy(architecture)
    probe = Probe()
    for listener in listeners:
        probe.attach(listener)
    executors: list[Executor] = []
    for layout, jobs, stages in _chips(source, architecture, trace):
        first = executors[0] if executors else None
        executors.append(Executor(layout, jobs, probe, dataflow, progress, first, stages))
    elapsed_ps = run_together(executors)
    for one in executors:
        check_run(one.machine, one.tally, elapsed_ps)
    return _record([(one, _replicas(one.layout)) for one in executors], architecture, trace, elapsed_ps)


def _record(
    chips: Sequence[tuple[Executor, Replicas]], architecture: Architecture, trace: Trace | None, elapsed_ps: int
) -> RunRecord:
    """What happened on the simulated chips and those that they stand for."""
    first = chips[0][0]
    operators: dict[int, OperatorRecord] = {}
    traffic: defaultdict[tuple[str, str], int] = defaultdict(int)
    off_chip: defaultdict[str, int] = defaultdict(int)
    memory: dict[str, Any] = {}
    for executor, replicas in chips:
        operators |= replicas.operators(operator_records(executor))
        own = traffic_records(executor.machine)
        for one in replicas.traffic(own):
            traffic[one["source"], one["destination"]] += one["bytes"]
        for name, size in executor.off_chip.report(own, executor.machine.multicasts.not_read).items():
            off_chip[name] += size * replicas.count
        memory |= replicas.memory(_memory(executor))
    moved = [{"source": ends[0], "destination": ends[1], "bytes": size} for ends, size in sorted(traffic.items())]
    components = [
        one for executor, replicas in chips for one in replicas.components(component_records(executor.machine))
    ]
    return RunRecord(
        architecture={"name": architecture.name, "sha256": architecture.sha256, "document": architecture.document},
        trace=_trace(trace),
        clock=_clock(first.layout),
        elapsed_ps=elapsed_ps,
        operators=tuple(operators[number] for number in sorted(operators)),
        components=tuple(components),
        traffic=(*moved, *chip_traffic(first.machine)),
        memory=memory,
        off_chip=dict(off_chip),
        peak_macs_per_s=sum(_peak(executor) * replicas.count for executor, replicas in chips),
        warnings=(
            *_warnings(first, trace),
            *_idle_pins(architecture, operators.values()),
            *(text for executor, _ in chips for text in _run_warnings(executor)),
        ),
        alike={chip: one for _, replicas in chips for chip, one in replicas.alike.items()},
        core_groups=tuple(one.record() for one in first.stages),
        events={
            "tiles": sum(unit.tiles_taken for executor, _ in chips for unit in executor.units),
            "regions": sum(executor.tally.regions for executor, _ in chips),
        },
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


def _chips(
    source: JobSource, architecture: Architecture, trace: Trace | None
) -> list[tuple[Layout, JobSource, Sequence[Stage]]]:
    """The simulated chips, one per stage of a pipeline over chips, with what each executes: jobs, or stages on groups of its
    cores. Raises InputError."""
    degrees = dict(trace.parallel) if trace is not None else {}
    grid = grid_of(degrees)
    chips = find_chips(architecture)
    count = 1 if chips is None else len(chips.ends)
    if trace is not None and grid.total > count:
        message, found = f"{trace.name} is for {grid.total} chips", f"{architecture.name} has {count}"
        raise InputError([Problem(message, Place(architecture.file), found=found)])
    groups = architecture.policy.core_groups
    if groups > 1:
        if trace is None:
            place = architecture.policy_place("core_groups")
            raise InputError([Problem("policy.core_groups is for one trace", place, found="several jobs", allowed="1")])
        layout, parts = stages_of(trace, Layout(architecture, grid))
        return [(layout, source, parts)]
    if trace is None or (grid.stages == 1 and trace.micro_batches == 1):
        return [(_laid_out(architecture, grid, trace), source, ())]
    return [
        (_laid_out(architecture, grid_of(degrees, number), stage), ListedJobs([Job(stage, stage.name)]), ())
        for number, stage in enumerate(pipeline_stages(trace))
    ]


def _laid_out(architecture: Architecture, grid: ChipGrid, trace: Trace | None) -> Layout:
    """The layout for one job, in which the only core's scratchpad keeps for whole tensors what that job needs."""
    layout, policy = Layout(architecture, grid), architecture.policy
    own = next((tier for tier in layout.tiers if tier.core is not None), None)
    if own is None or own in layout.backing or trace is None or policy.sub_batches > 1:
        return layout
    holds = schedulers.get(policy.scheduler).holds
    ahead = (number for number in range(1, policy.lookahead) if holds(policy, Distance(number, number)))
    needed = resident_bytes(trace, policy.fusion, next(ahead, policy.lookahead), own.capacity)
    return layout if needed == own.capacity else Layout(architecture, grid, needed)


def _replicas(layout: Layout) -> Replicas:
    """The chips that the simulated one stands for."""
    chips = layout.chips
    return Replicas([chips.paths[chip] for chip in layout.grid.chips()] if chips is not None else ())


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


def _run_warnings(executor: Executor) -> tuple[str, ...]:
    machine = executor.machine
    links = [
        *machine.links.values(),
        *(link for path, link in machine.chip_links.items() if path in machine.components),
    ]
    fabrics = [link for link in links if isinstance(link, Fabric)]
    return (*(text for fabric in fabrics for text in fabric.warnings()), *executor.warnings())


def _idle_pins(architecture: Architecture, operators: Iterable[OperatorRecord]) -> Iterator[str]:
    heads = {one.name for one in operators if one.region == one.name}
    for pattern in idle_pins(architecture.policy.mapping, heads):
        yield f"policy.mapping[{pattern!r}] pins nothing: no operator that begins a region has such a name"


def _warnings(executor: Executor, trace: Trace | None) -> tuple[str, ...]:
    found = [*trace.notes, *uneven_stages(trace)] if trace is not None else []
    found += untaken(executor.layout)
    if len(executor.stages) > 1 and executor.stages[0].stage.micro_batches == 1:
        found.append("one micro-batch passes the groups of cores, one of which works at a time (--micro-batches)")
    has_arrays = any(core.arrays is not None for core in executor.machine.cores)
    refused = [one.name for one in executor.tally.entries if one.macs and one.engine == "vector" and one.untyped]
    if has_arrays and refused:
        shown = ", ".join(refused[:3]) + (f" and {len(refused) - 3} more" if len(refused) > 3 else "")
        found.append(f"no array multiplies the element type of {shown}: the vector unit did (see `types` and --dtype)")
    return tuple(found)
