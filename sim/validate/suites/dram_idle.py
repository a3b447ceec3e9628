"""``dram_idle``: the latency of one read on an idle memory: closed row, row hit, row conflict, another closed bank."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.hardware.memory.bank_engine import BankEngine
from sim.hardware.memory.devices import DEVICES
from sim.hardware.memory.devices.device import Device
from sim.validate.scores import Metric, Scores
from sim.validate.suite import Progress, Suite, suites
from sim.validate.table import Column, Row

CASES = ("idle_closed", "idle_hit", "idle_conflict", "idle_other_bank_closed")


@suites.register("dram_idle")
class DramIdleSuite(Suite):
    name = "dram_idle"
    compares = "read latency of an idle memory with that of a cycle-level DRAM simulator"
    origin = "DRAMsim3 commit 2981759"
    data = "dram_idle.csv"
    columns = (
        Column("config", "text", among=tuple(DEVICES)),
        Column("map", "text"),
        Column("channels", "integer", at_least=1, at_most=4_096),
        *(Column(case, "integer", at_least=1) for case in CASES),
    )
    metrics = tuple(Metric(case, "cycles") for case in CASES)
    primary = "idle_closed"

    def score(self, rows: Sequence[Row], scores: Scores, progress: Progress) -> None:
        for done, row in enumerate(rows):
            device = DEVICES[row.text("config")]
            found = idle_latencies(device, row.text("map"), row.integer("channels"))
            for case, cycles in zip(CASES, found, strict=True):
                scores.add(case, row, row.integer(case), cycles, device.name)
            progress(done + 1, len(rows))


def idle_latencies(device: Device, mapping: str, channels: int) -> list[int]:
    """Cycles of four reads far apart (but before the first refresh): the cases, in order."""
    engine = BankEngine(device, mapping, channels)
    shift = engine.map.field_shift
    addresses = np.array([0, 1 << shift("co"), 1 << shift("ro"), 1 << shift("ba")])
    gap = engine.timing.refi // device.ranks // 5
    outcome = engine.run(addresses, np.zeros(4, dtype=np.bool_), not_before=np.arange(4) * gap)
    return [int(latency) for latency in outcome.read_latencies]
