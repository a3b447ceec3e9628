"""Suite ``noc_curves``: latency and accepted throughput against offered load, against BookSim2.

Rows of one network, traffic and packet size are a curve. It saturates at the highest rate that is stable, has less than
three times the latency of its lowest rate and accepts at least 95 % of what is injected. Latency is scored below 70 % of
that rate, throughput at it and under overload; means of five seeds. The packet model claims latency below half of
saturation, at single-flit and at longer packets.
"""

from __future__ import annotations

from collections.abc import Sequence

from sim.hardware.noc.traffic import Pattern
from sim.hardware.noc.traffic_measure import Load, LoadPoint, latency_at
from sim.validate.scores import Metric, Scores
from sim.validate.suite import Progress, Suite, suites
from sim.validate.suites.noc_table import ORIGIN, SEEDS, network_of, router_columns, router_of
from sim.validate.table import Column, Row

DIVERGED = "the reference run diverged"
NEAR_SATURATION = "latency above 70 % of the saturation rate is not scored"
BEYOND_HALF = "above half of the saturation rate this model claims nothing"
SLOW_STAGES = "routing_delay 2 and st_final_delay 2 are scored at zero load only"

MEASURED_PACKETS = 20_000
"""Windows of steady points are stretched to so many expected packets, so that the model's own sampling error is small; the
reference's (200 packets at its lowest rate) remains."""


@suites.register("noc_curves")
class NocCurves(Suite):
    """Latency-load curves under Bernoulli injection."""

    name = "noc_curves"
    compares = "mean packet latency below saturation and accepted throughput at and beyond it"
    origin = ORIGIN
    data = "noc_curves.csv"
    columns = (
        Column("topology", "text"),
        Column("tag", "text", among=("curve", "overload")),
        Column("traffic", "text"),
        Column("packet_size", "integer", at_least=1, at_most=4_096),
        *router_columns(optional=True),
        Column("sample_period", "integer", at_least=1, at_most=1_000_000),
        Column("warmup_periods", "integer", at_least=0, at_most=1_000),
        Column("max_samples", "integer", at_least=1, at_most=1_000),
        Column("injection_rate", "number", at_least=1e-6, at_most=1),
        Column("link_latency", "integer", at_least=1, at_most=10_000),
        Column("stable", "integer", at_least=0),
        Column("packet_latency_avg", "number", optional=True, at_least=0),
        Column("injected_flits", "number", optional=True, at_least=0),
        Column("accepted_flits", "number", optional=True, at_least=0),
    )
    metrics = (
        Metric("latency", "cycles", {"mean_abs_pct_error": 1.0, "max_abs_pct_error": 7.0}),
        Metric("accepted_at_saturation", "flits/cycle", {"max_abs_pct_error": 3.0}),
        Metric("accepted_overload", "flits/cycle", {"max_abs_pct_error": 4.0}),
        Metric("packet_latency_single_flit", "cycles", {"max_abs_pct_error": 3.0}),
        Metric("packet_latency_long_packets", "cycles", {"max_abs_pct_error": 12.0}),
    )
    primary = "latency"

    def score(self, rows: Sequence[Row], scores: Scores, progress: Progress) -> None:
        saturation = {key: saturation_rate(curve) for key, curve in curves(rows).items()}
        for done, row in enumerate(rows, 1):
            reason = _unfit(row)
            if reason is not None:
                scores.skip(row, reason)
            elif row.text("tag") == "overload":
                found = _measure("flit", row)
                _add(scores, "accepted_overload", row, "accepted_flits", [point.accepted for point in found])
            else:
                _score_point(row, saturation[curve_key(row)], scores)
            progress(done, len(rows))


def curve_key(row: Row) -> tuple[str, str, int, int, int]:
    """What the rows of one curve share."""
    return (
        row.text("topology"), row.text("traffic"), row.integer("packet_size"), row.integer("num_vcs"),
        row.integer("vc_buf_size"),
    )  # fmt: skip


def curves(rows: Sequence[Row]) -> dict[tuple[str, str, int, int, int], list[Row]]:
    """The curves of a table, each by rising rate, runs that diverged left out."""
    found: dict[tuple[str, str, int, int, int], list[Row]] = {}
    for row in rows:
        if _unfit(row) is None and row.text("tag") == "curve":
            found.setdefault(curve_key(row), []).append(row)
    return {key: sorted(curve, key=lambda row: row.number("injection_rate")) for key, curve in found.items()}


def saturation_rate(curve: Sequence[Row]) -> float:
    """The rate at which a curve saturates, as the module says; 0 when no point qualifies."""
    lowest = curve[0].number("packet_latency_avg")
    return max(
        (
            row.number("injection_rate")
            for row in curve
            if row.integer("stable") == 1
            and row.number("packet_latency_avg") < 3 * lowest
            and row.number("accepted_flits") >= 0.95 * row.number("injected_flits")
        ),
        default=0.0,
    )


def _unfit(row: Row) -> str | None:
    if not all(row.has(column) for column in ("packet_latency_avg", "injected_flits", "accepted_flits")):
        return DIVERGED
    slow = any(row.has(name) and row.integer(name) == 2 for name in ("routing_delay", "st_final_delay"))
    return SLOW_STAGES if slow else None


def _score_point(row: Row, saturation: float, scores: Scores) -> None:
    rate = row.number("injection_rate")
    if rate != saturation and rate >= 0.7 * saturation:
        scores.skip(row, NEAR_SATURATION)
        return
    found = _measure("flit", row)
    if rate == saturation:
        _add(scores, "accepted_at_saturation", row, "accepted_flits", [point.accepted for point in found])
        return
    _add(scores, "latency", row, "packet_latency_avg", [point.latency for point in found])
    metric = "packet_latency_single_flit" if row.integer("packet_size") == 1 else "packet_latency_long_packets"
    if rate < 0.5 * saturation:
        _add(scores, metric, row, "packet_latency_avg", [point.latency for point in _measure("packet", row)])
    else:
        scores.leave_out(row, metric, BEYOND_HALF)


def _measure(model: str, row: Row) -> list[LoadPoint]:
    topology, routes = network_of(row, row.integer("link_latency"))
    pattern = Pattern(row.text("traffic"), topology.shape(), row.place("traffic"))
    period, warm = row.integer("sample_period"), row.integer("warmup_periods")
    window = period * (row.integer("max_samples") - warm)
    if row.text("tag") == "curve":
        per_cycle = row.number("injection_rate") / row.integer("packet_size") * routes.terminals
        window = max(window, round(MEASURED_PACKETS / per_cycle))
    load = Load(pattern, row.integer("packet_size"), row.number("injection_rate"), period * warm, window)
    return [latency_at(model, routes, router_of(row), load, seed) for seed in SEEDS]


def _add(scores: Scores, metric: str, row: Row, column: str, values: Sequence[float | None]) -> None:
    rate, flits = row.number("injection_rate"), row.integer("packet_size")
    label = (
        f"{row.text('topology')} {row.text('traffic')} at {rate:g}, {flits} flits, {row.integer('num_vcs')} channels"
    )
    known = [value if value is not None else float("inf") for value in values]
    scores.add(metric, row, row.number(column), sum(known) / len(known), label)
