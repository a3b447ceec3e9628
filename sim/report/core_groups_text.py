"""The table of groups of cores that execute a pipeline, and the line below it, in words: for the terminal and the page."""

from __future__ import annotations

from typing import NamedTuple

from sim.core.units import format_si
from sim.report.core_groups import bubble, uneven_groups
from sim.report.result_data import ResultData

THROUGH = ("scratchpads", "memory")
"""Of what a group gets: what it reads. What it only passes on to the next stays where it is."""


class GroupWords(NamedTuple):
    """One group: shares of its lanes' time, its layers' weights and those it keeps, what it gets and through what."""

    cores: tuple[str, ...]
    busy: float
    stalled: float
    idle: float
    weights: str
    kept: str
    gets: str
    through: tuple[str, ...]


def group_words(result: ResultData) -> list[GroupWords]:
    """One row per group; none where all cores execute all layers."""
    found = []
    for row in result.core_groups:
        got = {name: row["received_bytes"][name] for name in THROUGH if row["received_bytes"][name]}
        weights, kept, gets = (
            format_si(size, "B", 3) for size in (row["weight_bytes"], row["kept_weight_bytes"], sum(got.values()))
        )
        shares = (row["busy"], row["stalled"], row["idle"])
        found.append(GroupWords(row["core_paths"], *shares, weights, kept, gets, tuple(got)))
    return found


def pipeline_line(result: ResultData) -> str:
    """What the pipeline could do at best, and how even its groups are."""
    micro_batches = result.core_groups[0]["micro_batches"]
    return (
        f"layers as a pipeline, {micro_batches} micro-batches: {len(result.core_groups)} equal groups would not work during "
        f"{100 * bubble(result.record):.1f} % of the run; busiest group over mean {uneven_groups(result.core_groups):.2f}"
    )
