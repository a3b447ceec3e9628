"""Rows about groups of cores that execute a pipeline: what each did, waited for and kept, so that its bubble can be seen.

``busy``, ``stalled`` and ``idle`` are mean shares of the run over the lanes of the group's arrays (without any, of its
vector units). A group that has not yet got its first micro-batch, or has done its last, is idle or stalled: so is one that
waits for a slower neighbour. With S equal stages and M micro-batches that is (S - 1) / (M + S - 1) of the run.
"""

from __future__ import annotations

from typing import Any

from sim.report.chips import COMPUTING
from sim.report.path_ranges import path_ranges
from sim.run.record import LaneRecord, RunRecord


def group_rows(record: RunRecord) -> tuple[dict[str, Any], ...]:
    """One row per group of cores; none where all cores execute all layers."""
    return tuple(_row(record, one) for one in record.core_groups)


def group_of(record: RunRecord, job: str) -> dict[str, Any] | None:
    """The group of cores that executes a stage, as recorded; None where all cores execute all layers."""
    return next((one for one in record.core_groups if one["trace"] == job), None)


def own_cores(record: RunRecord, job: str) -> frozenset[str] | None:
    """Paths of the cores that execute a stage; None where all cores execute all layers."""
    group = group_of(record, job)
    return frozenset(group["cores"]) if group is not None else None


def within(path: str, cores: frozenset[str] | None) -> bool:
    """Is it the path of a unit of one of these cores (None: of any)?"""
    return cores is None or path.rpartition(".")[0] in cores


def bubble(record: RunRecord) -> float:
    """The share of the run that a group of a pipeline with equal stages would not work."""
    stages, micro_batches = len(record.core_groups), record.core_groups[0]["micro_batches"]
    return (stages - 1) / float(micro_batches + stages - 1)


def uneven_groups(rows: tuple[dict[str, Any], ...]) -> float:
    """Busy time of the group that worked most over the mean: what a better cut of the layers could gain at most."""
    shares = [row["busy"] for row in rows]
    mean = sum(shares) / len(shares)
    return max(shares) / mean if mean else 1.0


def _row(record: RunRecord, one: dict[str, Any]) -> dict[str, Any]:
    lanes = _lanes(record, one["cores"])
    whole = record.elapsed_ps * len(lanes) or 1
    busy, idle = sum(lane.busy_ps for lane in lanes), sum(lane.idle_ps for lane in lanes)
    own = [operator for operator in record.operators if operator.job == one["trace"]]
    return {
        "group": one["group"],
        "trace": one["trace"],
        "cores": len(one["cores"]),
        "core_paths": path_ranges(one["cores"]),
        "micro_batches": one["micro_batches"],
        "macs": sum(operator.macs for operator in own),
        "busy": busy / whole,
        "stalled": sum(sum(lane.stall_ps.values()) for lane in lanes) / whole,
        "idle": idle / whole,
        "received_bytes": dict(one["received_bytes"]),
        "weight_bytes": one["weight_bytes"],
        "kept_weight_bytes": one["kept_weight_bytes"],
    }


def _lanes(record: RunRecord, cores: list[str]) -> list[LaneRecord]:
    """Lanes of the first kind of computing unit that the cores have."""
    own = frozenset(cores)
    for kind in COMPUTING:
        found = [lane for one in record.components if one.kind == kind and within(one.path, own) for lane in one.lanes]
        if found:
            return found
    return []
