"""Where time goes, in terms that add up: of every operator, and of a run as its arrays see it.

Terms, in picoseconds, means over the lanes of the units that did the work (or could have):

- ``compute``: the executed MACs at the peak rate of those units;
- ``unfilled``: beyond that, PEs take operands, but not all PEs have work (array utilization);
- ``fill_drain``: arrays are busy, but operands are being loaded, skewed or drained;
- ``vector``: for work on a vector unit, the time it is busy;
- ``waiting``: the rest. Of an operator, ``waiting_for`` names the resource that its own work keeps busy longest; of a run,
  waiting is told by the recorded cause, and ``idle`` is time without assigned work.

An operator's terms add up to its ``time_ps``, a run's to its elapsed time, exactly: the rounding of the means goes to the
rest. Everything is computed from the record: busy times and stalls of lanes, ``streaming_cycles`` and MACs of arrays.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sim.core.clock import PS_PER_S
from sim.report.core_groups import own_cores, within
from sim.report.operators import demands
from sim.run.record import ComponentRecord, OperatorRecord, RunRecord

TERMS = ("compute", "unfilled", "fill_drain", "vector", "waiting")
ARRAYS, VECTORS = "systolic_array", "vector_unit"
RUN_WAITS = "waiting: "


@dataclass(frozen=True)
class Account:
    """Terms and their sum in ps; ``waiting_for``: a resource, and ``demand_ps``: how long the operator keeps it busy."""

    total_ps: int
    terms_ps: dict[str, int]
    waiting_for: str | None = None
    demand_ps: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {"terms_ps": self.terms_ps, "waiting_for": self.waiting_for, "demand_ps": self.demand_ps}


def operator_accounts(record: RunRecord) -> dict[int, Account]:
    """The account of every operator that has time of its own, by its position in the record."""
    return {number: _of_operator(record, number, one) for number, one in enumerate(record.operators) if one.active_ps}


def added(accounts: Iterable[Account]) -> Account | None:
    """The sum of an operator's parts, waiting for what the longest waits for; None where there is none."""
    parts = sorted(accounts, key=lambda one: -one.total_ps)
    if len(parts) < 2:
        return parts[0] if parts else None
    terms: dict[str, int] = {}
    demand: dict[str, int] = {}
    for one in parts:
        for found, own in ((terms, one.terms_ps), (demand, one.demand_ps)):
            for name, duration in own.items():
                found[name] = found.get(name, 0) + duration
    return Account(sum(one.total_ps for one in parts), terms, parts[0].waiting_for, demand)


def run_account(record: RunRecord) -> Account:
    """The account of a whole run, over the lanes of all its arrays (of its vector units when it has none)."""
    units = [one for one in record.components if one.kind == ARRAYS] or [
        one for one in record.components if one.kind == VECTORS
    ]
    lanes = [lane for unit in units for lane in unit.lanes]
    terms: dict[str, int] = {}
    if lanes:
        macs = sum(_peak_ps(unit) for unit in units)
        terms = _busy_terms(units, lanes, None, macs // len(lanes))
        stalls: dict[str, int] = {}
        for lane in lanes:
            for cause, duration in lane.stall_ps.items():
                stalls[cause] = stalls.get(cause, 0) + duration
        terms |= {RUN_WAITS + cause: total // len(lanes) for cause, total in sorted(stalls.items())}
    terms["idle"] = record.elapsed_ps - sum(terms.values())
    return Account(record.elapsed_ps, terms)


def _of_operator(record: RunRecord, number: int, one: OperatorRecord) -> Account:
    kind = ARRAYS if one.engine == "array" else VECTORS
    own = {unit.declared for unit in record.components
           if unit.kind == kind and any(lane.busy_by.get(number) for lane in unit.lanes)}  # fmt: skip
    cores = own_cores(record, one.job)
    units = [unit for unit in record.components if unit.declared in own and within(unit.path, cores)]
    lanes = [lane for unit in units for lane in unit.lanes]
    terms = dict.fromkeys(TERMS, 0)
    if lanes:
        peak = int(one.macs_executed * PS_PER_S / one.peak_macs_per_s) if one.peak_macs_per_s else 0
        terms |= _busy_terms(units, lanes, number, peak)
    terms["waiting"] = one.active_ps - sum(terms[name] for name in TERMS if name != "waiting")
    others = [name for name, _ in demands(one) if name not in own]
    return Account(one.active_ps, terms, others[0] if others else None, dict(one.demand_ps))


def _busy_terms(units: list[ComponentRecord], lanes: list[Any], number: int | None, peak_ps: int) -> dict[str, int]:
    """``number``: of an operator; None: of all."""
    busy = sum(lane.busy_ps if number is None else lane.busy_by.get(number, 0) for lane in lanes) // len(lanes)
    if units[0].kind == VECTORS:
        return {"vector": busy}
    streaming = 0
    for unit in units:
        counts = unit.ledger.values() if number is None else (unit.ledger.get(number, {}),)
        cycles = sum(one.get("streaming_cycles", 0) for one in counts)
        streaming += int(cycles * PS_PER_S / (unit.clock_hz or 1))
    streaming = min(busy, streaming // len(lanes))
    compute = min(peak_ps, streaming)
    return {"compute": compute, "unfilled": streaming - compute, "fill_drain": busy - streaming}


def _peak_ps(unit: ComponentRecord) -> int:
    """Time that the MACs of an array component would take one of its lanes at the peak of the types used."""
    macs = sum(one.get("macs_executed", 0) for one in unit.ledger.values())
    return int(macs * PS_PER_S * len(unit.lanes) / unit.peak) if unit.peak else 0
