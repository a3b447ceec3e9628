"""The table of memories with channels: rate, rows, and where the lost bandwidth went."""

from __future__ import annotations

from typing import Any, NamedTuple

from sim.core.units import format_si

INSTANCES = 8
"""Instances of one declaration that are shown one by one besides their sum."""


class MemoryRow(NamedTuple):
    """``channels``: how many there are and what each reached; ``spent``: all time by what the data bus did."""

    path: str
    channels: str
    achieved: str
    peak: str
    share: str
    hits: str
    spent: str
    rows: tuple[int, int, int] | None
    """Hits, misses and conflicts over all channels; None for what has no rows."""


def memory_rows(components: dict[str, Any], time_ps: int) -> list[MemoryRow]:
    """One row per tier, and per instance where a tier has several (at most :data:`INSTANCES`).

    The shares of the last column add up to the run: data, idle, and each cause of a stall.
    """
    found: list[MemoryRow] = []
    for path, one in components.items():
        if "memory" not in one or not time_ps:
            continue
        memory, whole = one["memory"], time_ps * one["lanes"]
        channels = memory["per_channel"]
        spent = {"data": one["busy_ps"], "idle": one["idle_ps"], **one["stall_ps"]}
        shares = {name: duration / whole for name, duration in spent.items()}
        each = channels[0]["achieved"] if len(channels) == 1 else None
        found.append(_row(path, memory["channels"], each, one["achieved"], one, memory, shares))
        for channel in channels if 1 < len(channels) <= INSTANCES else ():
            found.append(_instance(channel, time_ps))
    return found


def _instance(one: dict[str, Any], time_ps: int) -> MemoryRow:
    count, whole = one["channels"], time_ps * 1e-12
    spent = {"data": one["busy_s"], "idle": one["idle_s"], **one["stall_s"]}
    shares = {name: duration / whole for name, duration in spent.items()}
    total = {**one, "peak": one["peak"] * count}
    memory = dict(one)
    for key in ("row_hits", "row_misses", "row_conflicts"):
        if key in one:
            memory[key] = one[key] * count
    return _row(one["instance"], count, one["achieved"], one["achieved"] * count, total, memory, shares)


def _row(
    path: str, channels: int, each: float | None, achieved: float, of: dict[str, Any], memory: dict[str, Any],
    shares: dict[str, float],
) -> MemoryRow:  # fmt: skip
    ranked = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))
    count = f"{channels} alike" if channels > 1 and each is not None else str(channels)
    known = "row_hit_rate" in memory
    return MemoryRow(
        path,
        count if each is None or channels == 1 else f"{count}, {format_si(each, of['unit'])} each",
        format_si(achieved, of["unit"]),
        format_si(of["peak"], of["unit"]),
        f"{100 * memory['efficiency']:.1f} %",
        f"{100 * memory['row_hit_rate']:.1f} %" if known else "-",
        ", ".join(f"{name} {100 * share:.1f} %" for name, share in ranked if share),
        (memory["row_hits"], memory["row_misses"], memory["row_conflicts"]) if known else None,
    )
