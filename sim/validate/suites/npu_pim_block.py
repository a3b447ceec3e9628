"""``npu_pim_block``: a decoder block on arrays alone, with PIM in turns, and with dual row buffers, stage by stage.

Stages as in the reference: A up to the projections of query, key and value; B scores, softmax and value products; E the
rest. That simulator executes operators one after another, so the runs here do too (``scheduler: serial``); its single
row buffer and its arrays-only attention are slower than ours for reasons in ``docs/deviations.md``, so their totals are
shown without a threshold. Sub-batch interleaving covers two blocks and is left out until two streams can be interleaved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sim.config.load import load_architecture
from sim.run.record import RunRecord
from sim.run.simulate import run_trace
from sim.trace.decoder_block import decoder_block
from sim.trace.model import Trace
from sim.validate.scores import Metric, Scores
from sim.validate.suite import Progress, Suite, suites
from sim.validate.table import Column, Row

CONTEXTS = (2048, 2048, 1004, 942, 861, 1548, 847, 824)
MODES: dict[str, dict[str, Any]] = {
    "npu-only": {"chip.hbm.pim.enabled": False},
    "npu+pim": {"chip.hbm.pim.commands": "newton"},
    "neupims": {},
}
MODELS = {"gpt-e1024.json": (1024, 4096), "gpt3-7B.json": (4096, 4096)}
"""Hidden size, and width of the first linear layer on one device; both have 8 heads of 128 there."""
TOTAL: dict[str, float] = {"max_abs_pct_error": 15.0}
STAGE: dict[str, float] = {"max_abs_pct_error": 20.0}


@suites.register("npu_pim_block")
class NpuPimBlockSuite(Suite):
    name = "npu_pim_block"
    compares = "cycles of a decoder block and of its stages on NPU, NPU + PIM in turns and with dual row buffers"
    origin = "NeuPIMs simulator, commit f299af3"
    data = "npu_pim_block.csv"
    columns = (
        Column("mode", "text", among=(*MODES, "neupims-sbi")),
        Column("model", "text", among=tuple(MODELS)),
        Column("trace", "text", among=("clb0_8",)),
        Column("total_cycles", "integer", optional=True, at_least=1),
        Column("stages", "text", optional=True),
        Column("last_layer_finish", "integer", at_least=1),
    )
    metrics = (
        Metric("total_cycles", "cycles", TOTAL),
        Metric("stage_cycles", "cycles", STAGE),
        Metric("npu_pim_total_cycles", "cycles", None),
        Metric("npu_pim_stage_cycles", "cycles", None),
        Metric("npu_only_total_cycles", "cycles", None),
    )
    primary = "total_cycles"

    def score(self, rows: Sequence[Row], scores: Scores, progress: Progress) -> None:
        prefix = {"neupims": "", "npu+pim": "npu_pim_", "npu-only": "npu_only_"}
        for done, row in enumerate(rows):
            mode = row.text("mode")
            if mode not in MODES:
                scores.skip(row, "two interleaved sub-batches")
                continue
            record = run_trace(block_of(row.text("model")), load_architecture("neupims", serial(mode)))
            label = f"{row.text('model')} {mode}"
            reference = row.integer("total_cycles") if row.has("total_cycles") else row.integer("last_layer_finish")
            scores.add(f"{prefix[mode]}total_cycles", row, reference, _cycles(record.elapsed_ps), label)
            if row.has("stages"):
                found = stage_cycles(record)
                for stage, cycles in read_stages(row.text("stages")).items():
                    scores.add(f"{prefix[mode]}stage_cycles", row, cycles, found[stage], f"{label} stage {stage}")
            progress(done + 1, len(rows))


def serial(mode: str) -> dict[str, Any]:
    """The changes of the preset for a mode, one operator at a time."""
    return {**MODES[mode], "policy.scheduler": "serial"}


def block_of(model: str) -> Trace:
    """The decoder block of a model of the reference."""
    hidden, inner = MODELS[model]
    return decoder_block(model.removesuffix(".json"), hidden, 8, 128, inner, CONTEXTS)


def stage_cycles(record: RunRecord) -> dict[str, int]:
    """Cycles of stages A, B and E of a run of one block."""
    ends = {one.name.rpartition(".")[2]: one.last_end_ps for one in record.operators}
    return {
        "A": _cycles(ends["qkv"]),
        "B": _cycles(ends["value"] - ends["qkv"]),
        "E": _cycles(record.elapsed_ps - ends["value"]),
    }


def read_stages(text: str) -> dict[str, int]:
    """``A:7698 B:63890`` -> cycles by stage."""
    pairs = (entry.partition(":") for entry in text.split())
    return {name: int(cycles) for name, _, cycles in pairs}


def _cycles(time_ps: int) -> int:
    """Cycles of the preset's 1 GHz."""
    return time_ps // 1000
