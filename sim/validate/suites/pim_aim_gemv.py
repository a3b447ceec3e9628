"""``pim_aim_gemv``: matrix-vector products on AiM, command by command, against an AiM simulator."""

from __future__ import annotations

from collections.abc import Sequence

from sim.hardware.pim.command_set import command_set_of
from sim.hardware.pim.devices import PIM_DEVICES
from sim.hardware.pim.programs.aim_gemv import ORDERS, aim_gemv
from sim.hardware.pim.programs.aim_program import run_aim
from sim.validate.scores import Metric, Scores
from sim.validate.suite import Progress, Suite, suites
from sim.validate.table import Column, Row

DEVICE = PIM_DEVICES["GDDR6_AiM"]
COUNTED = {"WR_GB_cols": "WRGB", "WR_BIAS": "WRMAC16", "MAC_ABK_cols": "MAC16", "RD_MAC": "RDMAC16"}
"""Column of the table -> command."""


@suites.register("pim_aim_gemv")
class PimAimGemvSuite(Suite):
    name = "pim_aim_gemv"
    compares = "cycles and commands of matrix-vector products with those of a cycle-level AiM simulator, refresh off"
    origin = "AiM simulator (Ramulator 2 based), commit 0f28a07"
    data = "pim_aim_gemv.csv"
    columns = (
        Column("name", "text"),
        Column("M", "integer", at_least=1, at_most=16_777_216),
        Column("K", "integer", at_least=1, at_most=16_777_216),
        Column("channels", "integer", at_least=1, at_most=4_096),
        Column("order", "text", among=ORDERS),
        Column("cycles", "integer", at_least=1),
        Column("ch0_active", "integer", optional=True, at_least=0),
        *(Column(name, "integer", at_least=0) for name in COUNTED),
    )
    metrics = (
        Metric("cycles", "cycles", {"max_abs_pct_error": 1.0}),
        Metric("active_cycles", "cycles"),
        *(Metric(name, "commands") for name in COUNTED),
    )
    primary = "cycles"

    def score(self, rows: Sequence[Row], scores: Scores, progress: Progress) -> None:
        commands = command_set_of("aim", DEVICE)
        for done, row in enumerate(rows):
            program = aim_gemv(DEVICE, row.integer("M"), row.integer("K"), row.integer("channels"), row.text("order"))
            outcome = run_aim(commands, DEVICE, program)
            label = row.text("name")
            scores.add("cycles", row, row.integer("cycles"), outcome.cycles, label)
            for column, command in COUNTED.items():
                scores.add(column, row, row.integer(column), outcome.timeline.counts[command], label)
            self._active(row, scores, outcome.timeline.active_cycles(outcome.cycles), label)
            progress(done + 1, len(rows))

    def _active(self, row: Row, scores: Scores, modelled: int, label: str) -> None:
        if row.has("ch0_active") and row.integer("channels") == DEVICE.dram.channels:
            scores.add("active_cycles", row, row.integer("ch0_active"), modelled, label)
        else:
            scores.leave_out(row, "active_cycles", "the watched channel takes no part")
