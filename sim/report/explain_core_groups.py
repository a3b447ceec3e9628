"""Where an operator runs when groups of cores are the stages of a pipeline, whether its weights stay, and hand-overs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sim.report.core_groups import group_of
from sim.report.path_ranges import path_ranges
from sim.run.record import OperatorRecord, RunRecord


def group_lines(record: RunRecord, one: OperatorRecord) -> Iterator[str]:
    """Lines about the group that executed an operator; none where all cores execute all layers."""
    group = group_of(record, one.job)
    if group is None:
        return
    cores = group["cores"]
    count = "1 core" if len(cores) == 1 else f"{len(cores)} cores"
    yield (
        f"  on group {group['group']} of {len(record.core_groups)}: {count}, {', '.join(path_ranges(cores))}; "
        f"{group['micro_batches']} micro-batches"
    )
    if one.name in group["kept"]:
        kept, asked = group["kept"][one.name]
        yield f"    weights: {kept} of {asked} such operators found room in the scratchpads and keep theirs for the run"
        if kept < asked:
            yield "    the others read theirs from memory for every micro-batch (`resident_share` limits what is kept)"


def handover_lines(choice: dict[str, Any]) -> Iterator[str]:
    """Lines about a ``send`` or ``recv`` between groups."""
    size = choice["tile"]["bytes"]
    if choice["order"] == "send":
        yield f"  hand-over: {size} bytes per micro-batch lie where the next group reads them; over when all are made"
    else:
        yield f"  hand-over: {size} bytes per micro-batch, read where they lie; its time is that of waiting for the"
        yield "    group before, from when that one has chosen a place until all is made"
