"""``dram``: the bank engine, request by request, against DRAMsim3 runs of the same request patterns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.core.errors import InputError, Problem, Problems
from sim.hardware.memory import patterns
from sim.hardware.memory.bank_energy import energy
from sim.hardware.memory.bank_engine import BankEngine
from sim.hardware.memory.devices import DEVICES
from sim.validate.scores import Metric, Scores
from sim.validate.suite import Progress, Suite, suites
from sim.validate.table import Column, Row

PRINTED = 2e-5
"""Relative: half a unit of the third decimal, the last printed one, of a mean latency of 25 cycles or more."""


@suites.register("dram")
class DramSuite(Suite):
    name = "dram"
    compares = (
        "finish time, read latency, commands and energy of request streams with those of a cycle-level DRAM simulator"
    )
    origin = "DRAMsim3 commit 2981759"
    data = "dram.csv"
    columns = (
        Column("config", "text", among=tuple(DEVICES)),
        Column("address_mapping", "text"),
        Column("channels", "integer", at_least=1, at_most=4_096),
        Column("pattern", "text"),
        Column("granule_bytes", "integer", at_least=1, at_most=1_073_741_824),
        Column("N", "integer", at_least=1, at_most=10_000_000),
        Column("issue_width", "integer", at_least=1, at_most=65_536),
        Column("gap_cycles", "integer", at_least=0, at_most=1_000_000),
        Column("finish_cycles", "integer", at_least=1),
        Column("stat_cycles", "integer", at_least=1),
        Column("avg_read_latency_cycles", "number", at_least=0),
        Column("activates", "integer", at_least=0),
        Column("refreshes", "integer", at_least=0),
        Column("total_pJ", "number", optional=True),
    )
    metrics = (
        Metric("finish_cycles", "cycles", {"mean_abs_pct_error": 0.2, "max_abs_pct_error": 1.0}),
        Metric(
            "mean_read_latency", "cycles", {"mean_abs_pct_error": 0.5, "max_abs_pct_error": 3.0}, exact_within=PRINTED
        ),
        Metric("activates", "commands", {"max_abs_pct_error": 1.0}),
        Metric("refreshes_per_rank", "commands", {"max_abs_error": 1.0}),
        Metric("energy", "pJ", {"max_abs_pct_error": 2.0}, exact_within=1e-9),
    )
    primary = "finish_cycles"

    def score(self, rows: Sequence[Row], scores: Scores, progress: Progress) -> None:
        for done, row in enumerate(rows):
            _score_row(row, scores)
            progress(done + 1, len(rows))


def requests_of(row: Row, pattern: str, count: int, granule_bytes: int) -> patterns.Requests:
    """The requests of a row; a bad pattern is told with the place of its cell."""
    try:
        return patterns.make(pattern, count, granule_bytes)
    except InputError as error:
        problems = Problems()
        problems.extend(
            Problem(one.message, row.place("pattern"), one.found, one.allowed, one.nearest) for one in error.problems
        )
        problems.raise_if_any()
        raise


def _score_row(row: Row, scores: Scores) -> None:
    device, count = DEVICES[row.text("config")], row.integer("N")
    requests = requests_of(row, row.text("pattern"), count, row.integer("granule_bytes"))
    engine = BankEngine(device, row.text("address_mapping"), row.integer("channels"))
    outcome = engine.run(
        requests.addresses,
        requests.is_write,
        issue_width=row.integer("issue_width"),
        not_before=np.arange(count) * row.integer("gap_cycles"),
    )
    end = row.integer("stat_cycles")
    engine.run_through(end - 1)
    label = f"{device.name} {row.text('pattern')} {row.integer('granule_bytes')} B x{row.integer('issue_width')}"
    scores.add("finish_cycles", row, row.integer("finish_cycles"), outcome.finish_cycle, label)
    if row.number("avg_read_latency_cycles") > 0:
        reference = row.number("avg_read_latency_cycles")
        scores.add("mean_read_latency", row, reference, outcome.mean_read_latency, label)
    else:
        scores.leave_out(row, "mean_read_latency", "the stream has no reads")
    scores.add("activates", row, row.integer("activates"), engine.count("activates"), label)
    ranks = device.ranks * engine.map.channels
    scores.add("refreshes_per_rank", row, row.integer("refreshes") / ranks, engine.count("refreshes") / ranks, label)
    if row.has("total_pJ") and device.currents:
        scores.add("energy", row, row.number("total_pJ"), energy(engine, end).total, label)
    else:
        scores.leave_out(row, "energy", "no reference energy, or no currents of the device")
