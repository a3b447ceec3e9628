"""``npu_pim_block``: a decoder block on arrays alone, with PIM in turns, and with dual row buffers, stage by stage.

Stages as in the reference: A up to the projections of query, key and value; B scores, softmax and value products; E the
rest. That simulator executes operators one after another, so the runs here do too (``scheduler: serial``), except where
two sub-batches are interleaved, which covers two blocks: there A is QKV of the first, B its attention beside QKV of the
second, C and D the rest of one with its next QKV beside the attention of the other, E and F their ends, and a stage
begins when both sides of the one before have ended (``scheduler: lock_step``). What else the simulator does otherwise than
the preset is in ``ARRAYS`` and ``MODES``; ``docs/deviations.md`` shows both. Every mode and stage has the same bounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sim.config.load import load_architecture
from sim.run.record import RunRecord
from sim.run.simulate import run_trace
from sim.trace.decoder_block import decoder_block
from sim.trace.model import Trace
from sim.validate.scores import Metric, Scores
from sim.validate.suite import Progress, Suite, suites
from sim.validate.table import Column, Row

LOOKAHEAD = 16
"""Enough for one stream's operators of a layer while the other's attention is the oldest in flight."""
ARRAYS: dict[str, Any] = {
    "chip.core.mxu.dataflow": "is",
    "chip.core.mxu.share": "stream",
    "chip.core.mxu.fold_overlap": "load",
}
"""The simulator's arrays: activations or the attention's vector stay, weights and caches stream through, an eighth through
each array, and a fold begins when the last has drained. (The paper says weight stationary, as the preset.)"""
ON_ARRAYS = {"*.score": {"engine": "array"}, "*.value": {"engine": "array"}}
"""Its vector units do no products."""
CONTEXTS = (1004, 847, 2048, 942, 2048, 1548, 861, 824)
"""In the order of their channels, in which that simulator batches them and deals them to sub-batches."""
MODES: dict[str, dict[str, Any]] = {
    "npu-only": {"chip.hbm.pim.enabled": False, "policy.mapping": ON_ARRAYS, "policy.scheduler": "serial"},
    "npu+pim": {
        "chip.hbm.pim.commands": "newton",
        "chip.hbm.pim.issue_rate": "1 GHz",  # its branch sends one PIM command a core cycle; with two row buffers, any
        "policy.scheduler": "serial",
    },
    "neupims": {"policy.scheduler": "serial"},
    "neupims-sbi": {
        "policy.sub_batches": 2,
        "policy.sub_batch_split": "in_order",
        "policy.scheduler": "lock_step",
        "policy.lookahead": LOOKAHEAD,
    },
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
        Column("mode", "text", among=tuple(MODES)),
        Column("model", "text", among=tuple(MODELS)),
        Column("trace", "text", among=("clb0_8",)),
        Column("total_cycles", "integer", optional=True, at_least=1),
        Column("stages", "text", optional=True),
        Column("last_layer_finish", "integer", at_least=1),
    )
    metrics = tuple(
        Metric(f"{mode}_{what}_cycles", "cycles", bound)
        for mode in MODES
        for what, bound in (("total", TOTAL), ("stage", STAGE))
    )
    primary = "neupims_total_cycles"

    def score(self, rows: Sequence[Row], scores: Scores, progress: Progress) -> None:
        for done, row in enumerate(rows):
            mode = row.text("mode")
            record = run_mode(row.text("model"), mode)
            label = f"{row.text('model')} {mode}"
            reference = row.integer("total_cycles") if row.has("total_cycles") else row.integer("last_layer_finish")
            scores.add(f"{mode}_total_cycles", row, reference, _cycles(record.elapsed_ps), label)
            if row.has("stages"):
                found = stage_cycles(record)
                for stage, cycles in read_stages(row.text("stages")).items():
                    scores.add(f"{mode}_stage_cycles", row, cycles, found[stage], f"{label} stage {stage}")
            progress(done + 1, len(rows))


def run_mode(model: str, mode: str, more: Mapping[str, Any] | None = None) -> RunRecord:
    """The block (two, where sub-batches are interleaved) of a model in a mode, with ``more`` changes of the preset."""
    blocks = MODES[mode].get("policy.sub_batches", 1)
    return run_trace(block_of(model, blocks), load_architecture("neupims", ARRAYS | MODES[mode] | dict(more or {})))


def block_of(model: str, blocks: int = 1) -> Trace:
    """The decoder block of a model of the reference."""
    hidden, inner = MODELS[model]
    return decoder_block(model.removesuffix(".json"), hidden, 8, 128, inner, CONTEXTS, blocks)


def stage_cycles(record: RunRecord) -> dict[str, int]:
    """Cycles of the stages: of a run of one block A, B, E; of two interleaved sub-batches in two blocks A to F."""
    ends = {one.name: one.last_end_ps for one in record.operators}
    if "block0.value" in ends:
        marks = {"A": ends["block0.qkv"], "B": ends["block0.value"], "E": record.elapsed_ps}
    else:
        marks = {
            "A": ends["block0.qkv/0"],
            "B": max(ends["block0.value/0"], ends["block0.qkv/1"]),
            "C": max(ends["block0.value/1"], ends["block1.qkv/0"]),
            "D": max(ends["block1.value/0"], ends["block1.qkv/1"]),
            "E": max(ends["block1.value/1"], ends["block1.ffn_residual/0"]),
            "F": record.elapsed_ps,
        }
    starts = (0, *marks.values())
    return {stage: _cycles(end - start) for (stage, end), start in zip(marks.items(), starts, strict=False)}


def read_stages(text: str) -> dict[str, int]:
    """``A:7698 B:63890`` -> cycles by stage."""
    pairs = (entry.partition(":") for entry in text.split())
    return {name: int(cycles) for name, _, cycles in pairs}


def _cycles(time_ps: int) -> int:
    """Cycles of the preset's 1 GHz."""
    return time_ps // 1000
