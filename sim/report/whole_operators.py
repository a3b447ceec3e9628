"""Operators as the trace has them, whichever of its stages executed them, so that runs in other stages can be held together.

A trace that a pipeline executes, on chips or on groups of cores, is cut into stages with names of their own, and a block of
layers that a cut goes through has operators in several. Their figures are added up; what cannot be added (what bounds it,
the dataflow in its row) is that of the part that took longest. What is handed from one group of cores to the next is no part
of the trace, and waits only: it is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sim.mapping.engines.stages import NAME as HAND_OVER
from sim.report.result_data import ResultData
from sim.run.record import OperatorRecord

SUMMED = ("count", "time_s", "time_ps", "span_s", "span_ps", "cycles", "macs", "macs_executed", "fusion_saved_bytes")


@dataclass(frozen=True)
class WholeOperator:
    """One operator: positions of its ``parts`` in the record, their records, the one that took longest, and its row
    (:mod:`sim.report.operators`) over all of them."""

    parts: tuple[int, ...]
    records: tuple[OperatorRecord, ...]
    longest: OperatorRecord
    row: dict[str, Any]


def whole_operators(result: ResultData) -> dict[tuple[str, str], WholeOperator]:
    """(job, name) -> operator, in order of first execution; of one trace, the job is the trace's name."""
    found: dict[tuple[str, str], list[int]] = {}
    one_trace = bool(result.record.trace["sha256"])
    for number, one in enumerate(result.record.operators):
        if one.engine != HAND_OVER:
            found.setdefault((result.trace["name"] if one_trace else one.job, one.name), []).append(number)
    return {key: _whole(result, key[0], numbers) for key, numbers in found.items()}


def _whole(result: ResultData, job: str, numbers: Sequence[int]) -> WholeOperator:
    rows = [result.operators[number] for number in numbers]
    longest = max(range(len(rows)), key=lambda place: rows[place]["time_ps"])
    row = rows[longest] | {"job": job}
    if len(rows) > 1:
        energies = [one["energy_j"] for one in rows if one["energy_j"] is not None]
        row |= {name: sum(one[name] for one in rows) for name in SUMMED}
        row |= {
            "first_start_s": min(one["first_start_s"] for one in rows),
            "last_end_s": max(one["last_end_s"] for one in rows),
            "energy_j": sum(energies) if energies else None,
            "bytes": added_bytes(one["bytes"] for one in rows),
            "utilization": _utilization(rows),
        }
    records = tuple(result.record.operators[number] for number in numbers)
    return WholeOperator(tuple(numbers), records, records[longest], row)


def _utilization(rows: Sequence[dict[str, Any]]) -> float | None:
    """Executed MACs over those at the peak of each part during its time."""
    peak = sum(one["macs_executed"] / one["utilization"] for one in rows if one["utilization"])
    return sum(one["macs_executed"] for one in rows) / peak if peak else None


def added_bytes(moved: Iterable[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    """Bytes by tier and direction, added up; tiers in order of their paths."""
    found: dict[str, dict[str, int]] = {}
    for one in moved:
        for tier, amounts in one.items():
            entry = found.setdefault(tier, {"read": 0, "written": 0})
            for way, amount in amounts.items():
                entry[way] += amount
    return dict(sorted(found.items()))
