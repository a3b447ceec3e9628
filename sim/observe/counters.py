"""Bandwidth, power and row hits of each component over time, as both timelines show them.

A value holds from its edge to the next, so that rate times width adds up to the component's bytes, and power times width
to its joules. Bytes are spread over all busy time of the component, because a channel moves them at one rate and several
operators at once; dynamic energy over the busy time of the operator that caused it, static energy evenly over the run.
Row hits: of the bursts of an operator on a memory timed at its banks, those that opened no row, in proportion alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sim.core.clock import PS_PER_S
from sim.observe.recording import Recorded
from sim.observe.series import ComponentSeries, Series, Table, shares
from sim.run.record import ComponentRecord, RunRecord

BINS = 500
WATTS = 1e-6
"""One attojoule per picosecond."""


@dataclass(frozen=True)
class Amounts:
    """What is spread over a component's busy time: bytes and attojoules by operator, and static attojoules in all."""

    bytes_by: Mapping[int, int]
    attojoules_by: Mapping[int, int]
    static_attojoules: int


@dataclass(frozen=True)
class Counter:
    """``values[i]`` holds from ``edges_ps[i]`` to the next edge."""

    component: ComponentRecord
    name: str
    unit: str
    edges_ps: list[int]
    values: list[float]


def rates(
    record: RunRecord, recorded: Recorded, components: list[ComponentRecord], amounts: Mapping[str, Amounts]
) -> Iterator[Counter]:
    """Bandwidth, row hits and power of each of ``components`` that has any. ``amounts``: by path."""
    series = Series(record, recorded, BINS)
    widths = series.widths_ps
    if not len(widths):
        return
    edges = series.edges_ps.tolist()
    for component in components:
        own = amounts[component.path]
        one = series.component(component)
        moved = sum(own.bytes_by.values())
        if moved:
            yield Counter(component, "bandwidth", "B/s", edges, _rates(moved * PS_PER_S, one.busy, widths))
        hits = row_hits([component], one, widths)
        if hits:
            yield Counter(component, "row hits", "%", edges, hits)
        energy = one.spread(own.attojoules_by, widths) + shares(own.static_attojoules, widths)
        if energy.any():
            watts = [float(some) * WATTS / width for some, width in zip(energy.tolist(), widths.tolist(), strict=True)]
            yield Counter(component, "power", "W", edges, watts)


def row_hits(instances: list[ComponentRecord], one: ComponentSeries, widths: Table) -> list[float]:
    """Percent of the bursts of each bin that found their row open, over ``instances``; empty for what has no rows."""
    opened: dict[int, int] = {}
    bursts: dict[int, int] = {}
    for actions in (component.actions for component in instances):
        for owner, counts in actions.items():
            opened[owner] = opened.get(owner, 0) + counts.get("activates", 0)
            bursts[owner] = bursts.get(owner, 0) + counts.get("reads", 0) + counts.get("writes", 0)
    if not any(opened.values()) or not any(bursts.values()):
        return []
    pairs = zip(one.spread(opened, widths).tolist(), one.spread(bursts, widths).tolist(), strict=True)
    return [100 * max(0.0, 1 - rows / every) if every else 0.0 for rows, every in pairs]


def _rates(amount: int, busy: Table, widths: Table) -> list[float]:
    """``amount`` per bin over the bin's width: in proportion to ``busy``, or to the widths where nothing is ever busy."""
    weights = busy if busy.any() else widths
    whole = int(weights.sum())
    return [amount * part / (whole * width) for part, width in zip(weights.tolist(), widths.tolist(), strict=True)]
