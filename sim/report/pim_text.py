"""Lines of the console and rows of the page about processing in memory (:mod:`sim.report.pim`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sim.core.units import format_si

SAID = {
    "host_by_pim": "host waits for the units", "pim_by_host": "units wait for the host's turn",
    "operand_from_host": "units wait for operands", "issue_by_host": "host's port of commands",
    "mode_switch": "mode switches", "refresh": "refresh", "command_bus": "command bus",
}  # fmt: skip
"""What blocks, in words."""
SHOWN = 6
"""Groups of channels in the console."""


def channel_rows(entry: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Per group of channels alike: which, their busy share, their banks', and what they waited for."""
    return [
        (f"{group['channels']} ({group['count']})" if group["count"] > 1 else group["channels"],
         _percent(group["utilization"]), _percent(group["bank_utilization"]), _seconds(group["stall_s"]))
        for group in entry["groups"]
    ]  # fmt: skip


def entry_lines(entry: dict[str, Any]) -> Iterator[str]:
    """What the units of one memory did, in some lines."""
    yield (f"{entry['command_set']}, {entry['access']}: channels busy {_percent(entry['utilization'])}, banks multiply "
           f"{_percent(entry['bank_utilization'])} of the run")  # fmt: skip
    yield f"time of busy channels: {_seconds(entry['busy_s']) or '-'}"
    blocked = {SAID[name]: duration for name, duration in entry["blocked_s"].items()}
    yield f"blocked: {_seconds(blocked) or 'never'}"
    moved = entry["bytes"]
    yield (f"{format_si(moved['not_moved'], 'B')} not moved: {format_si(moved['read_in_place'], 'B')} read in place, "
           f"less {format_si(moved['vectors_written'], 'B')} of vectors written and {format_si(moved['results_read'], 'B')} "
           "of results read")  # fmt: skip


def energy_text(entry: dict[str, Any]) -> str:
    """Energy of the units' actions, largest first; those without a price are named."""
    priced = sorted(
        (one for one in entry["energy"] if one["energy_j"]), key=lambda one: (-one["energy_j"], one["action"])
    )
    without = [one["action"] for one in entry["energy"] if one["each_j"] is None]
    parts = [f"{one['action']} {one['count']:,} x {format_si(one['each_j'], 'J')} = {format_si(one['energy_j'], 'J')}"
             for one in priced]  # fmt: skip
    return ", ".join(parts) + (f"; not priced: {', '.join(without)}" if without else "")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _seconds(times: dict[str, float]) -> str:
    ranked = sorted(times.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{name} {format_si(duration, 's')}" for name, duration in ranked if duration)
