"""``dram_ramulator``: bandwidth of request streams under the policy ``fr_fcfs``, against Ramulator 2.

Another simulator with another controller: its queue structure is modelled, not copied, so agreement is statistical.
Deviations beyond 15 % are explained in docs/deviations.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from sim.hardware.memory.bank_engine import BankEngine
from sim.hardware.memory.devices import DEVICES
from sim.hardware.memory.devices.device import Device
from sim.validate.scores import Metric, Scores
from sim.validate.suite import Progress, Suite, suites
from sim.validate.suites.dram import requests_of
from sim.validate.table import Column, Row

DEVICE_OF_PRESET = {
    "DDR4_3200W": "DDR4_3200",
    "DDR5_4800AN": "DDR5_4800",
    "GDDR6_14000_1350mV_quad": "GDDR6_14000",
    "HBM2_2000Mbps": "HBM2_2000",
    "HBM3_6400Mbps": "HBM3_6400",
    "LPDDR5_6400": "LPDDR5_6400",
}
POLICY = "fr_fcfs"


@suites.register("dram_ramulator")
class DramRamulatorSuite(Suite):
    name = "dram_ramulator"
    compares = "bandwidth of request streams with that of a second cycle-level DRAM simulator of another policy"
    origin = "Ramulator 2.1 commit c5b1c3a"
    data = "dram_ramulator.csv"
    columns = (
        Column("timing_preset", "text", among=tuple(DEVICE_OF_PRESET)),
        Column("channels", "integer", at_least=1, at_most=4_096),
        Column("addr_mapper", "text", among=("RoBaRaCoCh", "MOP4CLXOR")),
        Column("refresh", "text", among=("AllBank", "NoRefresh")),
        Column("tick_ns", "number", at_least=1e-6),
        Column("tx_bytes", "integer", at_least=1, at_most=1_048_576),
        Column("pattern", "text"),
        Column("N", "integer", at_least=1, at_most=10_000_000),
        Column("issue_per_tick", "text"),
        Column("bw_GBps", "number", at_least=0),
        Column("avg_read_latency_ns", "number", at_least=0),
    )
    metrics = (
        Metric("bandwidth", "GB/s", {"mean_abs_pct_error": 10.0}),
        Metric("mean_read_latency", "ns", None),
    )
    primary = "bandwidth"

    def score(self, rows: Sequence[Row], scores: Scores, progress: Progress) -> None:
        for done, row in enumerate(rows):
            _score_row(row, scores)
            progress(done + 1, len(rows))


def _device(row: Row) -> Device:
    device = DEVICES[DEVICE_OF_PRESET[row.text("timing_preset")]]
    if row.text("refresh") == "NoRefresh":
        return replace(device, timing=dict(device.timing) | {"tREFI": 0})
    return device


def _issue_cycles(row: Row, device: Device, count: int) -> npt.NDArray[np.int64] | None:
    """The device cycle from which each request may issue: ``a/b`` is a requests every b ticks; None: not of that form."""
    burst, _, ticks = row.text("issue_per_tick").partition("/")
    if not (burst.isdecimal() and ticks.isdecimal() and int(burst) > 0):
        return None
    cycles_per_tick = Fraction(str(row.number("tick_ns"))) * device.clock_hz / 10**9
    every = float(cycles_per_tick * int(ticks))
    return np.asarray(np.floor(np.arange(count) // int(burst) * every), dtype=np.int64)


def _score_row(row: Row, scores: Scores) -> None:
    device, count = _device(row), row.integer("N")
    if row.integer("tx_bytes") != device.burst_bytes:
        scores.skip(row, "its transaction is not one burst of our device")
        return
    earliest = _issue_cycles(row, device, count)
    if earliest is None:
        scores.skip(row, "issue_per_tick is not a/b")
        return
    requests = requests_of(row, row.text("pattern"), count, row.integer("tx_bytes"))
    channels = row.integer("channels") * device.pseudochannels
    engine = BankEngine(device, row.text("addr_mapper").lower(), channels, POLICY)
    outcome = engine.run(requests.addresses, requests.is_write, issue_width=count, not_before=earliest)
    period_ns = float(10**9 / device.clock_hz)
    label = f"{device.name} {row.text('addr_mapper')} {row.text('refresh')} {row.text('pattern')}"
    moved = count * device.burst_bytes
    scores.add("bandwidth", row, row.number("bw_GBps"), moved / (outcome.finish_cycle * period_ns), label)
    reference = row.number("avg_read_latency_ns")
    scores.add("mean_read_latency", row, reference, outcome.mean_read_latency * period_ns, label)
