"""Per-component figures of a run. A replicated component reports once, under its declared path.

``busy_s``, ``stall_s`` and ``idle_s`` are means over all lanes of all instances; ``busy_ps``, ``stall_ps`` and
``idle_ps`` are exact integer sums over those lanes, so that busy + stalls + idle = elapsed * lanes exactly.
``utilization`` is achieved / peak of arrays (MAC/s) and memories (B/s, of the stated peak), and the busy share of time
of everything else (``utilization_of`` says which); ``min`` and ``max`` name the least and the most busy instance;
``controllers`` has the load of each copy of an off-chip memory.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

from sim.config.architecture import Architecture, Node
from sim.core.clock import PS_PER_S
from sim.hardware.layout import natural_key
from sim.report.energy import RunPrices, total_actions
from sim.report.fabric import link_part
from sim.report.memory_channels import memory_part
from sim.run.record import ComponentRecord, RunRecord

OFF_CHIP = ("dram", "nand", "cxl")
MEMORIES = (*OFF_CHIP, "scratchpad", "cache")


def component_rows(record: RunRecord, architecture: Architecture, prices: RunPrices | None) -> dict[str, Any]:
    """Declared path -> figures, paths in natural order."""
    groups: dict[str, list[ComponentRecord]] = {}
    for one in record.components:
        groups.setdefault(one.declared, []).append(one)
    nodes: list[Node] = [*architecture.components, *architecture.links]
    totals = {node.path: node.total for node in nodes}
    return {
        declared: _row(record, groups[declared], totals.get(declared, len(groups[declared])), prices)
        for declared in sorted(groups, key=natural_key)
    }


def _row(record: RunRecord, instances: list[ComponentRecord], count: int, prices: RunPrices | None) -> dict[str, Any]:
    lanes = [lane for one in instances for lane in one.lanes]
    first, elapsed = instances[0], record.elapsed_ps
    busy, idle = sum(lane.busy_ps for lane in lanes), sum(lane.idle_ps for lane in lanes)
    stall: Counter[str] = Counter()
    for lane in lanes:
        stall.update(lane.stall_ps)
    actions: Counter[str] = Counter()
    for one in instances:
        actions.update(total_actions(one))
    work = _work(instances)
    peak = None if first.peak is None else first.peak * len(instances)
    achieved = work * PS_PER_S / elapsed if elapsed and peak is not None else None
    by_rate = (first.kind in MEMORIES or first.unit == "MAC/s") and bool(peak)
    busy_share = busy / (elapsed * len(lanes)) if elapsed and lanes else 0.0
    return {
        "kind": first.kind,
        "count": count,
        "lanes": len(lanes),
        "clock_hz": first.clock_hz,
        "busy_s": _mean_s(busy, len(lanes)),
        "stall_s": {cause: _mean_s(stall[cause], len(lanes)) for cause in sorted(stall)},
        "idle_s": _mean_s(idle, len(lanes)),
        "busy_ps": busy,
        "stall_ps": dict(sorted(stall.items())),
        "idle_ps": idle,
        "utilization": (achieved or 0.0) / peak if by_rate and peak else busy_share,
        "utilization_of": "peak" if by_rate else "time",
        "actions": dict(sorted(actions.items())),
        "energy_j": _energy(instances, prices),
        "achieved": achieved,
        "peak": peak,
        "unit": first.unit,
        **_extremes(instances, elapsed),
        **link_part(instances, elapsed),
        **memory_part(instances, achieved, peak, elapsed),
        **_controllers(instances, elapsed),
        **_cache(instances),
    }


def _work(instances: list[ComponentRecord]) -> int:
    """What the peak counts: MACs executed, bytes moved, or operations."""
    if instances[0].unit == "MAC/s":
        return sum(counts.get("macs_executed", 0) for one in instances for counts in one.ledger.values())
    return sum(
        amount for one in instances for counts in one.actions.values() for name, amount in counts.items()
        if (name.endswith("bytes") and name != "hop_bytes") or name.startswith("op_")
    )  # fmt: skip


def _energy(instances: list[ComponentRecord], prices: RunPrices | None) -> dict[str, float | None]:
    if prices is None:
        return {"dynamic": None, "static": None}
    dynamic = sum((prices.dynamic_j[one.path] for one in instances), Fraction(0))
    static = sum((prices.static_j[one.path] for one in instances), Fraction(0))
    return {"dynamic": float(dynamic), "static": float(static)}


def _extremes(instances: list[ComponentRecord], elapsed_ps: int) -> dict[str, dict[str, Any]]:
    shares = []
    for one in sorted(instances, key=lambda one: natural_key(one.path)):
        whole = elapsed_ps * len(one.lanes)
        shares.append((sum(lane.busy_ps for lane in one.lanes) / whole if whole else 0.0, one.path))
    low, high = min(shares, key=lambda pair: pair[0]), max(shares, key=lambda pair: pair[0])
    return {name: {"busy": share, "instance": path} for name, (share, path) in (("min", low), ("max", high))}


def _controllers(instances: list[ComponentRecord], elapsed_ps: int) -> dict[str, dict[str, Any]]:
    """Of several copies of an off-chip memory, what each one moved and how long it was busy: is the load even?"""
    if instances[0].kind not in OFF_CHIP or len(instances) < 2:
        return {}
    rows = {}
    for one in sorted(instances, key=lambda one: natural_key(one.path)):
        actions, whole = total_actions(one), elapsed_ps * len(one.lanes)
        rows[one.path] = {
            "read_bytes": actions.get("read_bytes", 0),
            "written_bytes": actions.get("write_bytes", 0),
            "busy": sum(lane.busy_ps for lane in one.lanes) / whole if whole else 0.0,
        }
    return {"controllers": rows}


def _cache(instances: list[ComponentRecord]) -> dict[str, dict[str, Any]]:
    """Bytes that cores found in a cache and those it had to fetch."""
    if instances[0].kind != "cache":
        return {}
    hit, miss = (
        sum(counts.get(name, 0) for one in instances for counts in one.ledger.values())
        for name in ("hit_bytes", "miss_bytes")
    )
    return {"cache": {"hit_bytes": hit, "miss_bytes": miss, "hit_rate": hit / (hit + miss) if hit + miss else 0.0}}


def _mean_s(total_ps: int, lanes: int) -> float:
    return total_ps / (lanes * PS_PER_S) if lanes else 0.0
