"""``dram_load_latency``: read latency against offered load, one request every few cycles, against DRAMsim3."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.hardware.memory.bank_engine import BankEngine
from sim.hardware.memory.devices import DEVICES
from sim.validate.scores import Metric, Scores
from sim.validate.suite import Progress, Suite, suites
from sim.validate.suites.dram import requests_of
from sim.validate.table import Column, Row

PRINTED = 2e-5


@suites.register("dram_load_latency")
class DramLoadLatencySuite(Suite):
    name = "dram_load_latency"
    compares = "read latency at rising load with that of a cycle-level DRAM simulator"
    origin = "DRAMsim3 commit 2981759"
    data = "dram_load_latency.csv"
    columns = (
        Column("config", "text", among=tuple(DEVICES)),
        Column("pattern", "text"),
        Column("granule_bytes", "integer", at_least=1, at_most=1_073_741_824),
        Column("N", "integer", at_least=1, at_most=10_000_000),
        Column("issue_every_cycles", "integer", at_least=1, at_most=1_000_000),
        Column("finish_cycles", "integer", at_least=1),
        Column("lat_avg", "number", at_least=0),
        Column("lat_p95", "integer", at_least=0),
        Column("lat_max", "integer", at_least=0),
    )
    metrics = (
        Metric("finish_cycles", "cycles", {"mean_abs_pct_error": 0.2, "max_abs_pct_error": 1.0}),
        Metric(
            "mean_read_latency", "cycles", {"mean_abs_pct_error": 0.5, "max_abs_pct_error": 3.0}, exact_within=PRINTED
        ),
        Metric("p95_read_latency", "cycles", None),
        Metric("max_read_latency", "cycles", None),
    )
    primary = "mean_read_latency"

    def score(self, rows: Sequence[Row], scores: Scores, progress: Progress) -> None:
        for done, row in enumerate(rows):
            _score_row(row, scores)
            progress(done + 1, len(rows))


def _score_row(row: Row, scores: Scores) -> None:
    count = row.integer("N")
    requests = requests_of(row, row.text("pattern"), count, row.integer("granule_bytes"))
    engine = BankEngine(DEVICES[row.text("config")])
    spaced = np.arange(count) * row.integer("issue_every_cycles")
    outcome = engine.run(requests.addresses, requests.is_write, not_before=spaced)
    label = f"{row.text('config')} {row.text('pattern')} every {row.integer('issue_every_cycles')} cycles"
    scores.add("finish_cycles", row, row.integer("finish_cycles"), outcome.finish_cycle, label)
    scores.add("mean_read_latency", row, row.number("lat_avg"), outcome.mean_read_latency, label)
    ordered = np.sort(outcome.read_latencies)
    scores.add("p95_read_latency", row, row.integer("lat_p95"), int(ordered[int(0.95 * len(ordered))]), label)
    scores.add("max_read_latency", row, row.integer("lat_max"), int(ordered[-1]), label)
