"""What the page of one run draws, as plain data. Every figure is the report's own or computed from the run's record."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from typing import Any

from sim.config.architecture import Architecture
from sim.config.yaml_source import dump_yaml
from sim.core.units import format_si
from sim.hardware.layout import Layout, natural_key
from sim.hardware.vector.vector_unit import VectorSpec
from sim.mapping.engines.stages import NAME as HAND_OVER
from sim.report.core_groups_text import group_words, pipeline_line
from sim.report.explain import architecture_of, operator_lines
from sim.report.memory_text import memory_rows
from sim.report.page.diagram import diagram
from sim.report.page.network import network_views
from sim.report.page.timeline_data import series_data, timeline_data
from sim.report.pim_text import channel_rows, entry_lines
from sim.report.power import joules_by_component
from sim.report.result_data import ResultData
from sim.report.table_cells import percent
from sim.report.text import operator_title
from sim.trace.parallel.pipeline import message_tensor

VECTOR = "vector_unit"
ON_CORES = ("array", "vector", "dma")
"""Engines of operators that a core executed; the array's roofline and the vector unit's show them."""


def run_data(result: ResultData) -> dict[str, Any]:
    """All sections of the page; keys in natural order, so that a folder gives the page that the run gave."""
    document = result.record.architecture["document"]
    recorded, architecture = result.recorder, architecture_of(result.record)
    found = {
        "title": f"{result.trace['name']} on {result.architecture['name']}",
        "summary": summary(result),
        "warnings": list(result.warnings),
        "operators": _operators(result, architecture),
        "components": {path: _component(one) for path, one in result.components.items()},
        "time_ps": result.time_ps,
        "roofline": _roofline(result, architecture),
        "energy": _energy(result),
        "timeline": timeline_data(result, recorded) if recorded is not None else None,
        "series": series_data(result, recorded) if recorded is not None else None,
        "diagram": diagram(result),
        "networks": [asdict(view) for view in network_views(result)],
        "memory": result.memory,
        "memories": _memories(result),
        "pim": _pim(result),
        "core_groups": _core_groups(result),
        "architecture": {"yaml": dump_yaml(_sorted(document)), "sources": document.get("sources", [])},
        "prices": list(result.prices),
        "energy_table": result.energy_table,
    }
    return {key: _in_order(value) for key, value in found.items()}


def _in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _in_order(value[key]) for key in sorted(value, key=natural_key)}
    if isinstance(value, list) and value and isinstance(value[0], dict | list):
        return [_in_order(one) for one in value]
    return value


def _sorted(value: Any) -> Any:
    """The document with its keys in order: the order of the file says nothing."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(entry) for entry in value] if isinstance(value, list) else value


def summary(result: ResultData) -> list[list[str]]:
    """Label and value of the tiles on top."""
    clock = result.clock
    found = [
        ["time", format_si(result.time_s, "s", 4)],
        ["cycles", f"{result.cycles:,} at {format_si(clock['hz'], 'Hz')} ({clock['name'] or 'the clock'})"],
        ["utilization", f"{percent(result.utilization)} of {format_si(result.peak_macs_per_s, 'MAC/s')}"],
        ["work", format_si(result.macs_executed, "MAC", 4)],
        ["roofline bound", result.roofline["bound_by"] or "none"],
    ]
    if result.energy_j is not None:
        found.append(["energy", format_si(result.energy_j, "J", 4)])
    if result.average_power_w is not None:
        found.append(["average power", format_si(result.average_power_w, "W", 4)])
    if result.balance is not None:
        found.append(["busiest core over mean", f"{result.balance['imbalance']:.2f} ({result.balance['busiest']})"])
    return [*found, ["simulated with", f"{result.tool['name']} {result.tool['version']}"]]


def _memories(result: ResultData) -> list[dict[str, Any]]:
    """Rates, rows and lost bandwidth of each memory with channels."""
    return [
        {**one._asdict(), **dict(zip(("row_hits", "row_misses", "row_conflicts"), one.rows or (0, 0, 0), strict=True))}
        for one in memory_rows(result.components, result.time_ps)
    ]


def _pim(result: ResultData) -> list[dict[str, Any]]:
    """Processing in memory: what the units of each memory did, and their channels, those alike together."""
    return [
        {
            "path": entry["path"], "lines": [*entry_lines(entry), f"layout {entry['layout']}"],
            "channels": [dict(zip(("channels", "busy", "banks", "waits"), row, strict=True)) for row in channel_rows(entry)],
            "energy": entry["energy"],
        }
        for entry in result.pim
    ]  # fmt: skip


def _core_groups(result: ResultData) -> dict[str, Any] | None:
    """Groups of cores that execute the layers as a pipeline."""
    if not result.core_groups:
        return None
    return {"line": pipeline_line(result), "rows": [one._asdict() for one in group_words(result)]}


def _component(one: dict[str, Any]) -> dict[str, Any]:
    kept = ("kind", "count", "lanes", "busy_ps", "stall_ps", "idle_ps", "utilization", "utilization_of", "achieved",
            "peak", "unit", "energy_j", "actions")  # fmt: skip
    return {key: one[key] for key in kept}


def _operators(result: ResultData, architecture: Architecture) -> list[dict[str, Any]]:
    prices, layout = [dict(row) for row in result.prices], Layout(architecture)
    operations, joules = _operations(result), joules_by_component(result)
    found = []
    for number, one in enumerate(result.operators):
        text = "\n".join(operator_lines(result.record, number, layout, prices, sources=False)).rstrip()
        found.append({
            "name": one["name"], "title": operator_title(one), "kind": one["kind"], "engine": one["engine"],
            "dataflow": one["dataflow"], "count": one["count"], "region": one["region"], "job": one["job"],
            "start_s": one["first_start_s"], "end_s": one["last_end_s"], "time_s": one["time_s"], "span_s": one["span_s"],
            "cycles": one["cycles"], "macs": one["macs_executed"], "operations": operations.get(number, 0),
            "utilization": one["utilization"], "bytes": one["bytes"], "energy_j": one["energy_j"],
            "joules": joules.get(number, {}), "bound_by": one["bound_by"], "text": text,
            "imbalance": one["imbalance"], "within": _within(one),
        })  # fmt: skip
    return found


def _within(one: dict[str, Any]) -> str:
    """What stands for the time of an operator that has none of its own; empty for others."""
    if one["engine"] == HAND_OVER:
        return f"{'hands over' if one['kind'] == 'send' else 'waits for'} {message_tensor(one['name'])}"
    return f"in {one['region']}" if not one["time_s"] and one["region"] != one["name"] else ""


def _operations(result: ResultData) -> dict[int, int]:
    """Operator -> operations on vector units."""
    found: defaultdict[int, int] = defaultdict(int)
    for component in result.record.components:
        for owner, counts in component.actions.items() if component.kind == VECTOR else ():
            found[owner] += sum(amount for name, amount in counts.items() if name.startswith("op_"))
    return found


def _vector_peak(result: ResultData, architecture: Architecture) -> float:
    """Operations per second of all vector units at their fastest function."""
    found = 0.0
    for node in architecture.components:
        if isinstance(node.spec, VectorSpec) and node.path in result.components:
            found += (result.components[node.path]["peak"] or 0.0) * max(
                [1.0, *(float(rate) for rate in node.spec.rates.values())]
            )
    return found


def _roofline(result: ResultData, architecture: Architecture) -> dict[str, Any]:
    """Peaks of the engines, which operators each executed (``of``), and rates of the tiers that moved bytes."""
    vector = _vector_peak(result, architecture)
    engines: dict[str, dict[str, Any]] = {}
    if result.peak_macs_per_s:
        engines["array"] = {"peak": result.peak_macs_per_s, "unit": "MAC", "work": "macs", "of": list(ON_CORES)}
    for one in result.record.operators:
        if one.engine not in ON_CORES and one.macs_executed and one.peak_macs_per_s:
            entry = engines.setdefault(one.engine, {"peak": 0.0, "unit": "MAC", "work": "macs", "of": [one.engine]})
            entry["peak"] = max(entry["peak"], one.peak_macs_per_s)
    if vector:
        engines["vector"] = {"peak": vector, "unit": "op", "work": "operations", "of": list(ON_CORES)}
    executed = {one.engine for one in result.record.operators if one.macs_executed}
    used = {name: one for name, one in engines.items() if one["work"] != "macs" or executed & set(one["of"])}
    rates = {path: one["bytes_per_s"] for path, one in result.roofline["tiers"].items()}
    return {"engines": used, "tiers": rates, "bound_by": result.roofline["bound_by"]}


def _energy(result: ResultData) -> dict[str, Any] | None:
    if result.energy_j is None:
        return None
    return {"total_j": result.energy_j, "unattributed_j": result.unattributed_energy_j}
