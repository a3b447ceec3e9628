"""Rows about the chips of a machine of several: what each did, so that idle ones and a pipeline's bubble can be seen.

``busy`` is the mean share of the run in which the lanes of its arrays (or, without any, of its other computing engines) were
busy; ``sent_bytes`` what it sent to other chips, without what a protocol adds.
"""

from __future__ import annotations

from typing import Any

from sim.hardware.layout import natural_key
from sim.report.path_ranges import path_ranges
from sim.run.record import ComponentRecord, RunRecord

COMPUTING = ("systolic_array", "roofline", "vector_unit")
"""Kinds whose lanes say how busy a chip was: the first of them that it has."""


def chip_rows(record: RunRecord) -> tuple[dict[str, Any], ...]:
    """One row per chip that was used; none when the architecture has no chips."""
    sent: dict[str, int] = {}
    for row in record.traffic:
        sent[row["source"]] = sent.get(row["source"], 0) + row["bytes"]
    chips = [one.path.rpartition(".")[0] for one in record.components if one.kind == "collectives"]
    return tuple(_row(record, chip, sent.get(chip, 0)) for chip in chips)


def simulated_components(record: RunRecord) -> list[ComponentRecord]:
    """Components in order of their paths, without those of chips that another stands for."""
    found = [one for one in record.components if record.simulated(one.path) == one.path]
    return sorted(found, key=lambda one: natural_key(one.path))


def alike_notes(record: RunRecord) -> list[str]:
    """Which chips do as which other does."""
    chips: dict[str, list[str]] = {}
    for chip, first in record.alike.items():
        chips.setdefault(first, []).append(chip)
    return [f"{', '.join(path_ranges(others))}: as {first}" for first, others in chips.items()]


def _row(record: RunRecord, chip: str, sent_bytes: int) -> dict[str, Any]:
    inside = [one for one in record.components if one.path.startswith(f"{chip}.")]
    macs = sum(counts.get("macs", 0) for one in inside for counts in one.ledger.values())
    return {"chip": chip, "macs": macs, "busy": _busy(inside, record.elapsed_ps), "sent_bytes": sent_bytes}


def _busy(inside: list[ComponentRecord], elapsed_ps: int) -> float:
    for kind in COMPUTING:
        lanes = [lane for one in inside if one.kind == kind for lane in one.lanes]
        if lanes:
            return sum(lane.busy_ps for lane in lanes) / (elapsed_ps * len(lanes)) if elapsed_ps else 0.0
    return 0.0
