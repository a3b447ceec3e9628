"""Per-operator figures of a run, one row per operator as written.

``time_s`` is the time during which at least one execution was in progress; ``cycles`` the same in the run's clock. An
operator fused into another has no time of its own: its ``region`` names the one it ran with, whose start, end and bound
it shows. Nor has a hand-over between groups of cores, whose span is that of waiting. ``fusion_saved_bytes`` is what the
regions it heads did not store and load again. ``span_s`` begins earlier, with the operator's first transfer: weights are
prefetched while the operator before computes, so it is in ``span_s`` that no memory's roofline is beaten.
``bound_by`` is the resource whose own demand (what this operator's work alone would keep
it busy) is largest; ``launch`` when that is the host; of a link, ``bound_channel`` is the port or link between routers that
carries most of the operator's bytes. ``stage`` says which of several jobs it belongs to, such
as the stages of a pipeline, which have operators of the same names. ``imbalance`` is the busiest core over the mean of all
(:mod:`sim.report.balance`), of the regions an operator heads; none where there is one core. ``dispatch``: where engines
could be chosen among, what each predicted for the first execution, which was taken, by what rule, and why others
declined.
"""

from __future__ import annotations

from typing import Any

from sim.core.clock import PS_PER_S, Clock
from sim.hardware.noc.port_use import Busiest
from sim.mapping.engines.stages import NAME as HAND_OVER
from sim.report.balance import CoreLoads
from sim.report.energy import RunPrices
from sim.run.record import OperatorRecord, RunRecord

LAUNCH = "launch"


def operator_rows(
    record: RunRecord, clock: Clock, prices: RunPrices | None, loads: CoreLoads
) -> tuple[dict[str, Any], ...]:
    """Rows in order of first execution."""
    hosts = {one.declared for one in record.components if one.kind == "host"}
    heads = {(one.job, one.name): number for number, one in enumerate(record.operators)}
    channels = channels_by_operator(record)
    stages = stage_titles(record)
    rows = []
    for number, one in enumerate(record.operators):
        energy = float(prices.operators_j[number]) if prices is not None else None
        head = heads.get((one.job, one.region), number)
        row = _row(one, record.operators[head], clock, energy, hosts)
        busiest = channels.get(head, {}).get(row["bound_by"])
        balance = loads.of_operator(one)
        rows.append(row | {
            "stage": stages.get(one.job),
            "bound_channel": busiest.channel if busiest is not None else None,
            "imbalance": balance.imbalance if balance is not None else None,
        })  # fmt: skip
    return tuple(rows)


def bound_of(one: OperatorRecord, hosts: set[str]) -> str | None:
    """The resource that bounds an operator, None when it asks nothing of any."""
    ranked = demands(one)
    if not ranked:
        return None
    return LAUNCH if ranked[0][0] in hosts else ranked[0][0]


def stage_titles(record: RunRecord) -> dict[str, str]:
    """Job -> what tells it from the others; {} when there is one job only. Stages of a trace are jobs called after it."""
    jobs = dict.fromkeys(one.job for one in record.operators)
    if len(jobs) < 2:
        return {}
    return {job: job.removeprefix(record.trace["name"]).lstrip("_") or job for job in jobs}


def channels_by_operator(record: RunRecord) -> dict[int, dict[str, Busiest]]:
    """Operator's number -> declared link -> the channel of any of its copies that carries most for it."""
    found: dict[int, dict[str, Busiest]] = {}
    for component in record.components:
        for number, one in component.busiest_by.items():
            entry = found.setdefault(number, {})
            if component.declared not in entry or one.bytes > entry[component.declared].bytes:
                entry[component.declared] = one
    return found


def demands(one: OperatorRecord) -> list[tuple[str, int]]:
    """(resource, demand in ps), largest first."""
    return sorted(one.demand_ps.items(), key=lambda pair: (-pair[1], pair[0]))


def _row(
    one: OperatorRecord, head: OperatorRecord, clock: Clock, energy_j: float | None, hosts: set[str]
) -> dict[str, Any]:
    active_ps = 0 if one.engine == HAND_OVER else one.active_ps
    peak_work = one.peak_macs_per_s * active_ps / PS_PER_S
    return {
        "name": one.name,
        "kind": one.kind,
        "job": one.job,
        "count": one.count,
        "region": one.region,
        "fused": list(one.fused),
        "engine": one.engine,
        "dataflow": one.mapping[0]["dataflow"] if one.mapping else None,
        "first_start_s": head.first_start_ps / PS_PER_S,
        "last_end_s": head.last_end_ps / PS_PER_S,
        "time_s": active_ps / PS_PER_S,
        "time_ps": active_ps,
        "span_s": one.span_ps / PS_PER_S,
        "span_ps": one.span_ps,
        "cycles": clock.cycles_at(active_ps),
        "macs": one.macs,
        "macs_executed": one.macs_executed,
        "utilization": one.macs_executed / peak_work if peak_work else None,
        "bytes": one.bytes,
        "fusion_saved_bytes": one.fusion_saved_bytes,
        "energy_j": energy_j,
        "dispatch": one.dispatch,
        "bound_by": bound_of(head, hosts),
    }
