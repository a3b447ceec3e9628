"""Why an operator took as long as it did: every number with the formula it came from, from a run's folder alone.

Shown are the mapper's choice and prediction, the fold formula of the arrays, what bounds the operator and what would
next, stalls of the lanes by cause, bytes per tier and how often each operand moved, and energy as counts times prices.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from sim.config.architecture import Architecture
from sim.config.build import build_architecture
from sim.config.yaml_source import dump_yaml, parse_yaml
from sim.core.clock import PS_PER_S
from sim.core.errors import InputError, Place, Problem, Problems
from sim.core.units import format_si
from sim.hardware.layout import Layout
from sim.hardware.link_view import link_class
from sim.mapping.engines.stages import NAME as HAND_OVER
from sim.report.balance import CoreLoads
from sim.report.explain_core_groups import group_lines
from sim.report.explain_dispatch import dispatch_lines
from sim.report.explain_mapping import in_order, mapping_lines
from sim.report.operators import channels_by_operator, demands, stage_titles
from sim.report.power import MOVED
from sim.report.run_folder import RESULT, load_run
from sim.run.record import ComponentRecord, OperatorRecord, RunRecord


def explain_run(folder: Path, names: Iterable[str]) -> Iterator[str]:
    """Lines of text about the named operators (default: the one with the largest time). Raises InputError."""
    record, data = load_run(folder)
    try:
        layout = Layout(architecture_of(record))
        chosen = _chosen(record, list(names))
        lines = [line for one in chosen for line in operator_lines(record, one, layout, data["prices"])]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError) as error:
        message = f"not the result of a run of this version ({type(error).__name__})"
        raise InputError([Problem(message, Place(str(folder / RESULT)))]) from error
    yield from lines


def architecture_of(record: RunRecord) -> Architecture:
    """The architecture of the run, from the resolved document that the record carries; it opens no other file."""
    document = parse_yaml(dump_yaml(record.architecture["document"]), RESULT)
    return build_architecture(document, RESULT)


def _chosen(record: RunRecord, names: list[str]) -> list[int]:
    if not names:
        working = [number for number, one in enumerate(record.operators) if one.engine != HAND_OVER]
        slowest = max(working, key=lambda number: record.operators[number].active_ps, default=None)
        return [] if slowest is None else [slowest]
    known: dict[str, list[int]] = {}
    for number, one in enumerate(record.operators):
        known.setdefault(one.name, []).append(number)
    problems = Problems()
    for name in names:
        if name not in known:
            problems.add("no operator of this name in the run", found=name, allowed=known, suggest_for=name)
    problems.raise_if_any()
    return [number for name in names for number in known[name]]


def operator_lines(
    record: RunRecord, number: int, layout: Layout, prices: list[dict[str, Any]], sources: bool = True
) -> Iterator[str]:
    """Everything about the operator of this number in the record; ``sources``: where its energy prices come from, too."""
    one = record.operators[number]
    dims = " ".join(f"{name}={value}" for name, value in in_order(one.dims))
    stage = stage_titles(record).get(one.job)
    yield f"{one.name}{f' of {stage}' if stage else ''}: {one.kind} {dims}"
    if one.region != one.name:
        yield f"  runs fused into {one.region}, whose time it shares"
    if one.fused:
        yield f"  carries fused: {', '.join(one.fused)}"
    if one.fusion_saved_bytes:
        each = one.fusion_saved_bytes // one.count
        yield f"  fusion saved {one.fusion_saved_bytes} bytes, {each} each: results that its operators passed on on chip"
    average = one.active_ps // one.count
    yield f"  time: {_time(one.active_ps)} in {one.count} executions, {_time(average)} each; " + _share(record, one)
    yield from group_lines(record, one)
    yield from _balance(record, one)
    yield from dispatch_lines(one)
    yield from mapping_lines(record, number, layout)
    yield from _bounds(record, number, layout)
    yield from _stalls(record, number)
    yield from _bytes(one)
    yield from _caches(record, number)
    yield from _rows(record, number)
    yield from _energy(record, number, prices, sources)
    yield ""


def _balance(record: RunRecord, one: OperatorRecord) -> Iterator[str]:
    """How evenly cores shared the operator and what is fused into it."""
    found = CoreLoads(record).of_operator(one)
    if found is not None:
        most, mean = (format_si(ps / PS_PER_S, "s", 3) for ps in (found.max_ps, found.mean_ps))
        yield (
            f"  balance over {found.cores} cores: the busiest, {found.busiest}, {most}, the mean {mean}: "
            f"{found.imbalance:.2f} times"
        )


def _share(record: RunRecord, one: OperatorRecord) -> str:
    whole = record.elapsed_ps
    if not whole:
        return "the run is empty"
    before = one.span_ps - one.active_ps
    early = f"; its transfers began {format_si(before / PS_PER_S, 's', 3)} earlier (prefetch)" if before > 0 else ""
    return f"in progress during {100 * one.active_ps / whole:.1f} % of the run{early}"


def _time(duration_ps: int) -> str:
    return f"{format_si(duration_ps / PS_PER_S, 's', 4)} ({duration_ps} ps)"


def _bounds(record: RunRecord, number: int, layout: Layout) -> Iterator[str]:
    """Demands: how long each resource would be busy with this operator's work alone."""
    one = record.operators[number]
    ranked = demands(one)
    if not ranked:
        return
    yield "  demand (time that this work alone keeps a resource busy):"
    rates = {tier.node.path: tier.bytes_per_s for tier in layout.tiers if tier.core is None}
    rates |= {cache.node.path: cache.bytes_per_s for cache in layout.caches.values()}
    ports = {
        link.node.path: link_class(link).model_of(link.node.spec, link.node.clock_hz)
        for link in (*layout.links, *layout.chip_links)
    }
    for place, (path, duration) in enumerate(ranked):
        said = "  <- bound" if place == 0 else "  <- next bound" if place == 1 else ""
        yield f"    {path:24} {_time(duration)}{said}"
        if path in rates:
            moved = max(_moved(component, number) for component in record.components if component.declared == path)
            rate = f"{rates[path]}" if rates[path].denominator == 1 else f"({rates[path]})"
            yield f"    {'':24}   floor({moved} B * 10**12 / {rate} B/s) = {duration} ps"
        elif path in ports:
            yield f"    {'':24}   {_over_channel(record, number, path, ports[path].bytes_per_s, duration)}"
        else:
            yield f"    {'':24}   {_measured(record, number, path)}"
    if one.active_ps > ranked[0][1]:
        rest = one.active_ps - ranked[0][1]
        yield f"    time - bound = {_time(rest)}: waiting, latency, and what does not overlap"


def _moved(component: ComponentRecord, number: int) -> int:
    return sum(component.actions.get(number, {}).get(name, 0) for name in MOVED)


def _measured(record: RunRecord, number: int, path: str) -> str:
    """What the demand of a unit counts: its lanes were occupied by this operator's pieces one after the other."""
    lanes = [
        (lane.busy_by.get(number, 0), lane.name) for component in record.components
        if component.declared == path for lane in component.lanes
    ]  # fmt: skip
    return f"busy time of its busiest lane, {max(lanes, default=(0, ''))[1]}"


def _over_channel(record: RunRecord, number: int, path: str, bytes_per_s: Fraction, duration_ps: int) -> str:
    """The demand of a link: the bytes over the one of its channels that carries most of this operator's."""
    channel, size = channels_by_operator(record)[number][path]
    return f"floor({size} B * 10**12 / {bytes_per_s} B/s) = {duration_ps} ps over its busiest channel, {channel}"


def _stalls(record: RunRecord, number: int) -> Iterator[str]:
    rows: dict[tuple[str, str], int] = {}
    lanes: dict[str, int] = {}
    for component in record.components:
        lanes[component.declared] = lanes.get(component.declared, 0) + len(component.lanes)
        for lane in component.lanes:
            for cause, duration in lane.stall_by.get(number, {}).items():
                key = (component.declared, cause)
                rows[key] = rows.get(key, 0) + duration
    if rows:
        yield "  stalls before work of this operator (sum over all lanes):"
    for (declared, cause), duration in sorted(rows.items(), key=lambda row: (-row[1], row[0])):
        yield f"    {declared:24} {cause:11} {_time(duration)} over {lanes[declared]} lanes"


def _bytes(one: OperatorRecord) -> Iterator[str]:
    if one.bytes:
        yield "  bytes moved:"
    for tier, moved in one.bytes.items():
        yield f"    {tier:24} {moved['read']:,} read, {moved['written']:,} written"


def _rows(record: RunRecord, number: int) -> Iterator[str]:
    """Row hits of this operator in memories timed at their banks, and the time that its rows, refreshes and turns cost."""
    for component in record.components:
        counts = component.actions.get(number, {})
        bursts, opened = counts.get("reads", 0) + counts.get("writes", 0), counts.get("activates", 0)
        if component.kind != "dram" or not bursts or "activates" not in counts:
            continue
        lost: dict[str, int] = {}
        for lane in component.lanes:
            for cause, duration in lane.stall_by.get(number, {}).items():
                lost[cause] = lost.get(cause, 0) + duration
        hits = max(0, bursts - opened)
        share = 100 * hits / bursts
        yield f"  rows of {component.path}: {hits:,} of {bursts:,} bursts hit ({share:.1f} %), {opened:,} opened"
        if lost:
            ranked = sorted(lost.items(), key=lambda pair: (-pair[1], pair[0]))
            yield "    bus time lost: " + ", ".join(f"{cause} {_time(duration)}" for cause, duration in ranked)


def _caches(record: RunRecord, number: int) -> Iterator[str]:
    for component in record.components:
        if component.kind == "cache":
            found = component.ledger.get(number, {})
            yield (f"    {component.declared:24} {found.get('hit_bytes', 0):,} hit, {found.get('miss_bytes', 0):,} missed "
                   "of the bytes loaded through it")  # fmt: skip


def _energy(record: RunRecord, number: int, prices: list[dict[str, Any]], sources: bool) -> Iterator[str]:
    """Counts over all instances of a component, times the price of one."""
    table = {(row["component"], row["action"]): row for row in prices}
    counts: dict[tuple[str, str], int] = {}
    for component in record.components:
        for action, amount in component.actions.get(number, {}).items():
            counts[component.declared, action] = counts.get((component.declared, action), 0) + amount
    if not counts or not table:
        return
    total = sum(amount * table[key]["joules"] for key, amount in counts.items())
    yield f"  energy {format_si(total, 'J', 4)} = sum of counts x prices:"
    notes: dict[str, int] = {}
    for (declared, action), amount in sorted(
        counts.items(), key=lambda row: (-row[1] * table[row[0]]["joules"], row[0])
    ):
        row = table[declared, action]
        note = notes.setdefault(f"{row['source']} ({row['confidence']})", len(notes) + 1)
        each, joules = format_si(row["joules"], "J"), format_si(amount * row["joules"], "J")
        yield f"    {declared:24} {action}: {amount:,} x {each}/{row['per']} = {joules}"
        yield f"    {'':24}   {row['entry']}" + (f" [{note}]" if sources else "")
    for source, note in notes.items() if sources else ():
        yield f"    [{note}] {source}"
