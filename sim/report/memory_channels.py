"""What each channel of an off-chip memory did.

Channels of one memory are simulated once: every transfer spreads evenly over all of them (in bursts of DRAM, in pages of
flash) and all begin in the same state, so what one does at an instant, all do. Its lane stands for each of them, and
counts are kept for all; here they are divided again, exactly. Memories that are not alike (copies of a declaration to
which placement gives different tensors) have a lane, and a row, each. Processing units at the banks do differ by channel
and have lanes of their own.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from sim.core.clock import PS_PER_S
from sim.core.component import UNATTRIBUTED
from sim.hardware.layout import natural_key
from sim.run.record import ComponentRecord

ROWS = ("columns", "row_hits", "row_misses", "row_conflicts")
ALIKE = "every transfer spreads evenly over all channels, which begin alike: what one does, all do"


def memory_part(
    instances: list[ComponentRecord], achieved: float | None, peak: float | None, elapsed_ps: int
) -> dict[str, dict[str, Any]]:
    """``memory``: of all instances their ``channels``, ``efficiency`` and rows; ``per_channel``: a row per group of them
    that is alike. Empty for what has no channels or moved nothing."""
    own = [one.ledger.get(UNATTRIBUTED, {}) for one in instances]
    rows: Counter[str] = Counter()
    for counts in own:
        rows.update({name: counts.get(name, 0) for name in ("channels", *ROWS)})
    if not rows["channels"] or not achieved:
        return {}
    ordered = sorted(instances, key=lambda one: natural_key(one.path))
    return {"memory": {
        "channels": rows["channels"], **_hits(rows), "efficiency": achieved / peak if peak else 0.0,
        "per_channel": [_channel(one, elapsed_ps) for one in ordered],
    }}  # fmt: skip


def _hits(rows: Counter[str]) -> dict[str, Any]:
    """Bursts (``columns``) and how many of them found their row open; nothing for what has no rows."""
    if not rows["columns"]:
        return {}
    return {**{name: rows[name] for name in ROWS}, "row_hit_rate": rows["row_hits"] / rows["columns"]}


def _channel(one: ComponentRecord, elapsed_ps: int) -> dict[str, Any]:
    """One of the channels of a memory, and how many are like it."""
    counts, lane = one.ledger.get(UNATTRIBUTED, {}), one.lanes[0]
    channels = max(1, counts.get("channels", 0))
    moved = sum(found.get(name, 0) for found in one.actions.values() for name in ("read_bytes", "write_bytes"))
    achieved = moved * PS_PER_S / (elapsed_ps * channels) if elapsed_ps else 0.0
    peak = (one.peak or 0.0) / channels
    return {
        "instance": one.path, "lane": lane.name, "channels": channels, "alike_because": ALIKE if channels > 1 else None,
        "achieved": achieved, "peak": peak, "unit": one.unit, "efficiency": achieved / peak if peak else 0.0,
        "busy_s": lane.busy_ps / PS_PER_S, "idle_s": lane.idle_ps / PS_PER_S,
        "stall_s": {cause: lost / PS_PER_S for cause, lost in sorted(lane.stall_ps.items())},
        **_hits(Counter({name: counts.get(name, 0) // channels for name in ROWS})),
    }  # fmt: skip
