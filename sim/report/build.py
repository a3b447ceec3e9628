"""From the record of a run and its prices to the :class:`~sim.report.result.Result` that everybody reads."""

from __future__ import annotations

from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version

from sim.config.architecture import Architecture
from sim.core.clock import PS_PER_S, Clock
from sim.energy.table import EnergyTable
from sim.hardware.layout import Layout
from sim.observe.recorder import Recorder
from sim.report.balance import CoreLoads
from sim.report.chips import chip_rows
from sim.report.components import component_rows
from sim.report.core_groups import group_rows
from sim.report.energy import price_run
from sim.report.operators import operator_rows
from sim.report.pim import pim_rows
from sim.report.result import Result
from sim.report.result_data import SCHEMA_VERSION
from sim.report.roofline import executed_macs, roofline
from sim.run.record import RunRecord

TOOL = "tilesim"


def build_result(
    record: RunRecord, architecture: Architecture, table: EnergyTable, recorder: Recorder | None = None
) -> Result:
    """Every figure of the report. ``recorder`` lets the result write a timeline."""
    prices = price_run(record, architecture, table)
    clock = Clock(Fraction(record.clock["numerator"], record.clock["denominator"]))
    time_s = record.elapsed_ps / PS_PER_S
    energy_j = float(prices.total_j) if prices is not None else None
    loads = CoreLoads(record)
    balance = loads.of_run()
    peak_work = record.peak_macs_per_s * time_s
    return Result(
        schema_version=SCHEMA_VERSION,
        tool={"name": TOOL, "version": tool_version()},
        architecture={key: record.architecture[key] for key in ("name", "sha256")},
        trace={key: record.trace[key] for key in ("name", "sha256")},
        clock={"name": record.clock["name"], "hz": record.clock["hz"]},
        cycles=clock.cycles_at(record.elapsed_ps),
        time_s=time_s,
        time_ps=record.elapsed_ps,
        energy_j=energy_j,
        unattributed_energy_j=float(prices.unattributed_j) if prices is not None else None,
        average_power_w=energy_j / time_s if energy_j is not None and time_s else None,
        energy_table=prices.table if prices is not None else None,
        macs=sum(one.macs for one in record.operators),
        macs_executed=sum(one.macs_executed for one in record.operators),
        peak_macs_per_s=record.peak_macs_per_s,
        utilization=executed_macs(record) / peak_work if peak_work else None,
        operators=operator_rows(record, clock, prices, loads),
        components=component_rows(record, architecture, prices),
        traffic=record.traffic,
        fusion_saved_bytes=sum(one.fusion_saved_bytes for one in record.operators),
        memory=record.memory,
        off_chip=record.off_chip,
        roofline=roofline(record, Layout(architecture)),
        events=record.events,
        warnings=(*record.warnings, *_energy_warnings(architecture, table)),
        chips=chip_rows(record),
        core_groups=group_rows(record),
        balance=balance.to_dict() if balance is not None else None,
        pim=pim_rows(record, architecture, prices),
        record=record,
        prices=prices.prices if prices is not None else (),
        recorder=recorder,
    )


def tool_version() -> str:
    """The installed version of this package."""
    try:
        return version(TOOL)
    except PackageNotFoundError:
        return "unknown"


def _energy_warnings(architecture: Architecture, table: EnergyTable) -> tuple[str, ...]:
    if not table.is_none:
        return ()
    reason = "`energy: {table: none}`" if architecture.energy.table else "the architecture states no technology"
    return (f"no energy is reported: {reason}",)
