"""``pim_aim_micro``: short AiM programs, command by command, against an AiM simulator: cycles, commands, open rows."""

from __future__ import annotations

from collections.abc import Sequence

from sim.core.errors import InputError, Problem
from sim.hardware.pim.command_set import command_set_of
from sim.hardware.pim.devices import PIM_DEVICES
from sim.hardware.pim.programs.aim_program import parse_aim, run_aim
from sim.validate.scores import Metric, Scores
from sim.validate.suite import Progress, Suite, suites
from sim.validate.table import Column, Row

MAX_DIGITS = 16
DEVICE = PIM_DEVICES["GDDR6_AiM"]


def reference_commands(text: str) -> int:
    """How many commands a cell such as ``TMOD=1 WRGB=64`` counts; ValueError when it is no such cell."""
    counts = [part.partition("=")[2] for part in text.split()]
    if not all(count.isascii() and count.isdigit() and len(count) < MAX_DIGITS for count in counts):
        raise ValueError("not counts of commands")
    return sum(map(int, counts))


def _counted(row: Row) -> int:
    if not row.has("ch0_cmds"):
        return 0
    try:
        return reference_commands(row.text("ch0_cmds"))
    except ValueError as error:
        problem = Problem(str(error), row.place("ch0_cmds"), row.text("ch0_cmds"), "such as TMOD=1 WRGB=64")
        raise InputError([problem]) from error


@suites.register("pim_aim_micro")
class PimAimMicroSuite(Suite):
    name = "pim_aim_micro"
    compares = (
        "cycles and commands of short AiM programs with those of a cycle-level AiM simulator, refresh off as there"
    )
    origin = "AiM simulator (Ramulator 2 based), commit 0f28a07"
    data = "pim_aim_micro.csv"
    columns = (
        Column("name", "text"),
        Column("order", "text", optional=True),
        Column("cycles", "integer", at_least=1),
        Column("ch0_cmds", "text", optional=True),
        Column("ch0_active", "integer", optional=True, at_least=0),
    )
    metrics = (
        Metric("cycles", "cycles", {"max_abs_pct_error": 1.0}),
        Metric("commands", "commands"),
        Metric("active_cycles", "cycles"),
    )
    primary = "cycles"

    def score(self, rows: Sequence[Row], scores: Scores, progress: Progress) -> None:
        commands = command_set_of("aim", DEVICE)
        for done, row in enumerate(rows):
            text = row.text("order") if row.has("order") else ""
            outcome = run_aim(commands, DEVICE, parse_aim(text, row.place("order")))
            label = row.text("name")
            scores.add("cycles", row, row.integer("cycles"), outcome.cycles, label)
            scores.add("commands", row, _counted(row), outcome.timeline.counts.total(), label)
            if row.has("ch0_active"):
                active = outcome.timeline.active_cycles(outcome.cycles)
                scores.add("active_cycles", row, row.integer("ch0_active"), active, label)
            progress(done + 1, len(rows))
