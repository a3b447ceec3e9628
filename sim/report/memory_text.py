"""The console's table of memories timed at their banks: rate, rows, and where the lost bandwidth went."""

from __future__ import annotations

from typing import Any

from sim.core.units import format_si


def memory_rows(components: dict[str, Any], time_ps: int) -> list[tuple[str, ...]]:
    """One row per tier: path, achieved, share of peak, row hits, and all time by what the data bus did, largest first.

    The shares of the last column add up to the run: data, idle, and each cause of a stall.
    """
    rows: list[tuple[str, ...]] = []
    for path, one in components.items():
        if "memory" not in one or not time_ps:
            continue
        whole = time_ps * one["lanes"]
        spent = {"data": one["busy_ps"], "idle": one["idle_ps"], **one["stall_ps"]}
        ranked = sorted(spent.items(), key=lambda pair: (-pair[1], pair[0]))
        shares = ", ".join(f"{name} {100 * duration / whole:.1f} %" for name, duration in ranked if duration)
        memory = one["memory"]
        rate = format_si(one["achieved"], one["unit"])
        rows.append(
            (path, rate, f"{100 * memory['efficiency']:.1f} %", f"{100 * memory['row_hit_rate']:.1f} %", shares)
        )
    return rows
