"""The ``pim`` section of the report: what the processing units of each memory did, and what their channels waited for.

One entry a memory with units. *Busy* of a channel: commands of its passes are being issued; ``busy_s`` divides that by what
the cycles went to (:mod:`sim.hardware.pim.cycle_account`), and ``blocked_s`` says what kept host or units waiting: all are
means over the channels, but for ``host_by_pim``, the time that the tier's data bus waited. A bank's utilization is the
share of the run in which its unit multiplies. A tile is a row of every bank of a channel, so the banks of a channel are
alike, and one figure stands for all; channels are put together where all their figures agree to a part in 10^4.

``bytes``: ``read_in_place`` is what the units read where it lies and a host would have had to read (matrices, caches, and
vectors that lie beside them); ``not_moved`` is that less what the units cost instead, vectors written for them and their
results read. ``layout`` says how host and units share the data.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sim.config.architecture import Architecture
from sim.core.clock import PS_PER_S
from sim.hardware.memory.dram import DramSpec
from sim.hardware.pim.cycle_account import COMMAND_BUS, MODE_SWITCH, REFRESH
from sim.hardware.pim.pim_spec import at_best
from sim.hardware.pim.pim_units import PimModel
from sim.report.energy import RunPrices
from sim.report.path_ranges import ranges
from sim.run.record import ComponentRecord, LaneRecord, RunRecord

KIND = "pim"
ALIKE = 4
"""Digits to which the figures of channels agree that are put together."""
LAYOUT = (
    "shared: rows lie in the banks as the units need them; hosts read them in whole column accesses and write new tokens "
    "of caches row by row, so nothing is copied; see docs/models.md"
)


def pim_rows(record: RunRecord, architecture: Architecture, prices: RunPrices | None) -> tuple[dict[str, Any], ...]:
    """An entry for the units of each memory, by path."""
    specs = {f"{node.path}.{KIND}": node.spec for node in architecture.components if isinstance(node.spec, DramSpec)}
    tiers = {one.path: one for one in record.components}
    return tuple(
        _entry(record, one, PimModel(specs[one.declared]), tiers[one.path.removesuffix(f".{KIND}")], prices)
        for one in record.components
        if one.kind == KIND
    )


def _entry(
    record: RunRecord, one: ComponentRecord, model: PimModel, tier: ComponentRecord, prices: RunPrices | None
) -> dict[str, Any]:
    groups = _groups(record, one, model)
    lanes = len(one.lanes) or 1
    cycles = _sums(one.channels, "cycles ")
    to_s = {name: count / float(model.clock.hz) / lanes for name, count in cycles.items()}
    return {
        "path": one.path,
        "command_set": model.commands.name,
        "access": model.spec.access or at_best(model.commands),
        "channels": lanes,
        "banks_per_channel": model.device.banks,
        "utilization": sum(group["utilization"] * group["count"] for group in groups) / lanes,
        "bank_utilization": sum(group["bank_utilization"] * group["count"] for group in groups) / lanes,
        "groups": groups,
        "busy_s": to_s,
        "blocked_s": _blocked(one.lanes, tier, to_s),
        "commands": _sums(one.channels, "command "),
        "bytes": _bytes(one),
        "layout": LAYOUT,
        "energy": _energy(one, prices),
    }


def _groups(record: RunRecord, one: ComponentRecord, model: PimModel) -> list[dict[str, Any]]:
    """Channels by their figures, in order of their first."""
    found: dict[tuple[float, float], list[int]] = {}
    stalls: dict[tuple[float, float], list[dict[str, int]]] = {}
    for number, (lane, counts) in enumerate(zip(one.lanes, one.channels, strict=True)):
        key = round(_share(lane.busy_ps, record), ALIKE), round(_bank_share(counts, model, record), ALIKE)
        found.setdefault(key, []).append(number)
        stalls.setdefault(key, []).append(lane.stall_ps)
    return [
        {"channels": ranges(numbers), "count": len(numbers), "utilization": key[0], "bank_utilization": key[1],
         "stall_s": _mean_stalls(stalls[key])}
        for key, numbers in found.items()
    ]  # fmt: skip


def _share(duration_ps: int, record: RunRecord) -> float:
    return duration_ps / record.elapsed_ps if record.elapsed_ps else 0.0


def _bank_share(counts: dict[str, int], model: PimModel, record: RunRecord) -> float:
    """Share of the run in which a bank's unit multiplies; a command may touch a part of the banks only."""
    per_bank = counts.get(f"command {model.commands.multiply}", 0) * model.banks_multiplied / model.device.banks
    return per_bank * model.multiply_ps / record.elapsed_ps if record.elapsed_ps else 0.0


def _mean_stalls(stalls: list[dict[str, int]]) -> dict[str, float]:
    causes = sorted({cause for one in stalls for cause in one})
    return {cause: sum(one.get(cause, 0) for one in stalls) / len(stalls) / PS_PER_S for cause in causes}


def _blocked(lanes: Iterable[LaneRecord], tier: ComponentRecord, busy_s: dict[str, float]) -> dict[str, float]:
    every = list(lanes)
    waits = _mean_stalls([lane.stall_ps for lane in every])
    host = sum(lane.stall_ps.get(KIND, 0) for lane in tier.lanes) / (len(tier.lanes) or 1) / PS_PER_S
    return {
        "host_by_pim": host,
        "pim_by_host": waits.get("host", 0.0),
        "operand_from_host": waits.get("operand", 0.0) + waits.get("dependency", 0.0),
        "issue_by_host": waits.get("launch", 0.0),
        "mode_switch": busy_s.get(MODE_SWITCH, 0.0),
        "refresh": busy_s.get(REFRESH, 0.0),
        "command_bus": busy_s.get(COMMAND_BUS, 0.0),
    }


def _bytes(one: ComponentRecord) -> dict[str, int]:
    names = ("read_in_place", "vector", "result")
    read, vectors, results = (sum(counts.get(f"{name}_bytes", 0) for counts in one.ledger.values()) for name in names)
    return {"read_in_place": read, "vectors_written": vectors, "results_read": results,
            "not_moved": read - vectors - results}  # fmt: skip


def _energy(one: ComponentRecord, prices: RunPrices | None) -> list[dict[str, Any]]:
    """Energy of every action: how many, the price of one, and both multiplied; None where nothing is priced."""
    counts: dict[str, int] = {}
    for owned in one.actions.values():
        for name, amount in owned.items():
            counts[name] = counts.get(name, 0) + amount
    each = {row["action"]: row["joules"] for row in prices.prices if row["component"] == one.declared} if prices else {}
    return [
        {"action": name, "count": count, "each_j": each.get(name),
         "energy_j": None if name not in each else count * each[name]}
        for name, count in sorted(counts.items())
    ]  # fmt: skip


def _sums(channels: Iterable[dict[str, int]], prefix: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for counts in channels:
        for name, amount in counts.items():
            if name.startswith(prefix):
                key = name.removeprefix(prefix)
                found[key] = found.get(key, 0) + amount
    return dict(sorted(found.items()))
