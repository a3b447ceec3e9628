"""Suite ``systolic``: GEMMs and convolutions on one array against SCALE-Sim v3, to the cycle and to the access.

Every row is run by the event-driven simulator on a machine where nothing waits (:mod:`sim.validate.bare_array`).
``compute_cycles`` of the reference is the index of the last cycle, one less than a count. Utilizations are derived from
what the run counted: MACs executed, and folds (busy cycles over the cycles of one fold). ``compute_util_pct`` of the
reference adds C - 1 cycles to every fold of ws and is; its definition is followed here, so that it can be scored.

Not scored: ``sram_ofmap_writes`` for os, where the reference carries a stray term; the ``dram_*`` columns, which depend
on its own buffer policy; stall columns, as nothing waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sim.core.arith import ceil_div
from sim.hardware.pe.dataflow import dataflows
from sim.hardware.pe.folded import FoldedDataflow
from sim.hardware.pe.systolic import MAX_SIDE
from sim.trace.bounds import MAX_EXTENT
from sim.validate.bare_array import Array, Counts, Product, gemm
from sim.validate.product_rows import score_products
from sim.validate.scores import Metric, Scores
from sim.validate.suite import Progress, Suite, suites
from sim.validate.table import Column, Row

PRINTED = 1e-12
"""Percentages of the reference are printed floats: 16 digits, less what its own sums lose."""
LARGEST = {"rows": MAX_SIDE, "cols": MAX_SIDE, "input_parts": 1024, "filter_parts": 1024}
DATAFLOWS = ("os", "ws", "is")
CONV_COLUMNS = ("ifmap_h", "ifmap_w", "filt_h", "filt_w", "channels", "num_filters", "stride")
OS_WRITES = "the reference counts a stray term for os (the true value is M*N)"
BAD_GEOMETRY = "a convolution whose own columns do not give its M, N and K"


def size_columns(*names: str) -> tuple[Column, ...]:
    """Required columns of positive whole numbers."""
    return tuple(Column(name, "integer", at_least=1, at_most=LARGEST.get(name, MAX_EXTENT)) for name in names)


def count_columns(*names: str) -> tuple[Column, ...]:
    """Optional columns of reference figures."""
    return tuple(Column(name, "number", optional=True, at_least=0) for name in names)


@suites.register("systolic")
class Systolic(Suite):
    """One array, serial folds."""

    name = "systolic"
    compares = "cycles, SRAM accesses and utilization of single layers on one systolic array with SCALE-Sim's"
    origin = "SCALE-Sim v3, commit 1d62b68"
    data = "systolic.csv"
    columns = (
        Column("kind", "text", among=("conv", "gemm")),
        *size_columns("M", "N", "K"),
        *(Column(name, "integer", optional=True, at_least=1) for name in CONV_COLUMNS),
        Column("dataflow", "text", among=DATAFLOWS),
        *size_columns("rows", "cols"),
        Column("compute_cycles", "integer", at_least=0),
        *count_columns("overall_util_pct", "mapping_eff_pct", "compute_util_pct"),
        *count_columns("sram_ifmap_reads", "sram_filter_reads", "sram_ofmap_writes"),
    )
    metrics = (
        Metric("compute_cycles", "cycles"),
        Metric("sram_ifmap_reads", "elements"),
        Metric("sram_filter_reads", "elements"),
        Metric("sram_ofmap_writes", "elements"),
        Metric("mapping_eff_pct", "%", exact_within=PRINTED),
        Metric("overall_util_pct", "%", exact_within=PRINTED),
        Metric("compute_util_pct", "%", exact_within=PRINTED),
    )
    primary = "compute_cycles"

    def score(self, rows: Sequence[Row], scores: Scores, progress: Progress) -> None:
        score_products(rows, _product, BAD_GEOMETRY, _score_row, scores, progress)


def _product(row: Row) -> Product | None:
    """The row's operator; None when a convolution contradicts itself."""
    m, n, k = (row.integer(name) for name in "MNK")
    name = f"line {row.line}"
    if row.text("kind") == "gemm":
        return gemm(name, m, n, k)
    if not all(row.has(column) for column in CONV_COLUMNS):
        return None
    height, width, kernel_h, kernel_w, channels, filters, stride = (row.integer(column) for column in CONV_COLUMNS)
    out_h, out_w = (
        ceil_div(size - kernel + stride, stride) for size, kernel in ((height, kernel_h), (width, kernel_w))
    )
    if min(out_h, out_w) < 1 or (m, n, k) != (out_h * out_w, filters, kernel_h * kernel_w * channels):
        return None
    dims = {
        "in_channels": channels, "out_channels": filters, "in_h": height, "in_w": width, "out_h": out_h,
        "out_w": out_w, "kernel_h": kernel_h, "kernel_w": kernel_w, "stride_h": stride, "stride_w": stride,
    }  # fmt: skip
    shapes = ((channels, height, width), (filters, channels, kernel_h, kernel_w), (filters, out_h, out_w))
    return Product(name, "conv", dims, shapes)


def describe(row: Row) -> str:
    """A row in words, for the list of the worst."""
    sizes = "x".join(str(row.integer(name)) for name in "MNK")
    return f"{sizes} {row.text('dataflow')} on {row.integer('rows')}x{row.integer('cols')}"


def utilizations(array: Array, m: int, n: int, kept_k: int, counts: Counts) -> tuple[float, float]:
    """(mapping efficiency, compute utilization) in percent, as the reference defines them, from a run's counts."""
    flow = dataflows.get(array.dataflow)
    assert issubclass(flow, FoldedDataflow)
    _, _, stream = flow.extents(m, n, kept_k)
    fold = flow.fold_cycles(array.rows, array.cols, stream)
    folds, pes = max(counts.cycles) // fold, array.rows * array.cols
    counted = fold if array.dataflow == "os" else fold + array.cols - 1
    busy = 100.0 * counts.macs_executed / pes
    return busy / (folds * stream), busy / (folds * counted)


def score_given(row: Row, scores: Scores, modelled: Mapping[str, float], label: str) -> None:
    """Score each metric whose cell the row fills in."""
    for metric, value in modelled.items():
        if row.has(metric):
            scores.add(metric, row, row.number(metric), value, label)


def _score_row(row: Row, array: Array, counts: Counts, scores: Scores) -> None:
    last_cycle = max(counts.cycles) - 1
    mapping, compute = utilizations(array, row.integer("M"), row.integer("N"), row.integer("K"), counts)
    modelled: dict[str, float] = {
        "compute_cycles": last_cycle,
        "sram_ifmap_reads": counts.a_reads,
        "sram_filter_reads": counts.b_reads,
        "mapping_eff_pct": mapping,
        "compute_util_pct": compute,
    }
    if last_cycle:
        modelled["overall_util_pct"] = 100.0 * counts.macs / (last_cycle * array.rows * array.cols)
    if array.dataflow != "os":
        modelled["sram_ofmap_writes"] = counts.c_writes
    elif row.has("sram_ofmap_writes"):
        scores.leave_out(row, "sram_ofmap_writes", OS_WRITES)
    score_given(row, scores, modelled, describe(row))
