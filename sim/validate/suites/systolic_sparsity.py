"""Suite ``systolic_sparsity``: structured sparsity of B on one array against SCALE-Sim v3.

``layer_wise``: N:M of all blocks of K, K_eff = floor(K/M)*N + min(N, K mod M). ``row_wise``: storage is in whole blocks
of B for every 2B values, K_eff = ceil(K/2B)*B; it runs as B:2B sparsity of K rounded up to whole blocks. Both are
ordinary sparse operators of a trace; cycles, accesses and K_eff come out of the run.

Not scored, where the reference leaves the definitions of its dense runs: ``sram_ifmap_reads`` of a K that does not
divide into blocks (it counts K_eff*M/N values of a row of A, not K) and of row-wise runs (every slot of the skewed
operand window, bubbles included: folds * rows * B * (M + rows - 1)); ``mapping_eff_pct`` of row-wise runs (it is below
that of K_eff values per column by an amount that does not follow from this table). The storage columns are not read:
how a format packs its indices does not reach the array.
"""

from __future__ import annotations

from collections.abc import Sequence

from sim.core.arith import ceil_div
from sim.validate.bare_array import Array, Counts, Product, gemm
from sim.validate.product_rows import score_products
from sim.validate.scores import Metric, Scores
from sim.validate.suite import Progress, Suite, suites
from sim.validate.suites.systolic import (
    DATAFLOWS,
    OS_WRITES,
    PRINTED,
    count_columns,
    score_given,
    size_columns,
    utilizations,
)
from sim.validate.table import Column, Row

PRINTED_COUNT = 1e-12
"""``sram_ifmap_reads`` is a float in this table (1023.9999999999999)."""
RAGGED = "K does not divide into blocks; the reference counts K_eff*M/N values of a row of A, not K"
BUBBLES = "row-wise, the reference counts every slot of the skewed operand window, bubbles included"
PATTERN = "row-wise, the reference counts fewer values than K_eff, by an amount this table does not hold"
BAD_SPARSITY = "not N:M with N at most M, or a row-wise row without block size"


@suites.register("systolic_sparsity")
class SystolicSparsity(Suite):
    """One array, serial folds, structured sparsity on K."""

    name = "systolic_sparsity"
    compares = "cycles, SRAM accesses and utilization of sparse GEMMs on one systolic array with SCALE-Sim's"
    origin = "SCALE-Sim v3, commit 1d62b68"
    data = "systolic_sparsity.csv"
    columns = (
        *size_columns("M", "N", "K"),
        *(Column(name, "integer", at_least=1) for name in ("sparsity_n", "sparsity_m")),
        Column("mode", "text", among=("layer_wise", "row_wise")),
        Column("block_size", "integer", optional=True, at_least=1),
        *size_columns("rows", "cols"),
        Column("dataflow", "text", among=DATAFLOWS),
        Column("compute_cycles", "integer", at_least=0),
        *count_columns("K_eff", "mapping_eff_pct", "compute_util_pct"),
        *count_columns("sram_ifmap_reads", "sram_filter_reads", "sram_ofmap_writes"),
    )
    metrics = (
        Metric("compute_cycles", "cycles"),
        Metric("K_eff", "elements"),
        Metric("sram_ifmap_reads", "elements", exact_within=PRINTED_COUNT),
        Metric("sram_filter_reads", "elements"),
        Metric("sram_ofmap_writes", "elements"),
        Metric("mapping_eff_pct", "%", exact_within=PRINTED),
        Metric("compute_util_pct", "%", exact_within=PRINTED),
    )
    primary = "compute_cycles"

    def score(self, rows: Sequence[Row], scores: Scores, progress: Progress) -> None:
        score_products(rows, _product, BAD_SPARSITY, _score_row, scores, progress)


def _product(row: Row) -> Product | None:
    m, n, k = (row.integer(name) for name in "MNK")
    kept, block = row.integer("sparsity_n"), row.integer("sparsity_m")
    if row.text("mode") == "row_wise":
        if not row.has("block_size"):
            return None
        kept = row.integer("block_size")
        block = 2 * kept
        k = ceil_div(k, block) * block
    if kept > block:
        return None
    return gemm(f"line {row.line}", m, n, k, f"{kept}:{block}")


def _describe(row: Row) -> str:
    sizes = "x".join(str(row.integer(name)) for name in "MNK")
    kept = f"{row.integer('sparsity_n')}:{row.integer('sparsity_m')} {row.text('mode')}"
    return f"{sizes} {kept} {row.text('dataflow')} on {row.integer('rows')}x{row.integer('cols')}"


def _score_row(row: Row, array: Array, counts: Counts, scores: Scores) -> None:
    m, n, k = (row.integer(name) for name in "MNK")
    kept_k = counts.macs_executed // (m * n)
    mapping, compute = utilizations(array, m, n, kept_k, counts)
    modelled: dict[str, float] = {
        "compute_cycles": max(counts.cycles) - 1,
        "K_eff": kept_k,
        "sram_filter_reads": counts.b_reads,
        "compute_util_pct": compute,
    }
    left_out: dict[str, str] = {}
    if array.dataflow == "os":
        left_out["sram_ofmap_writes"] = OS_WRITES
    else:
        modelled["sram_ofmap_writes"] = counts.c_writes
    if row.text("mode") == "row_wise":
        left_out |= {"sram_ifmap_reads": BUBBLES, "mapping_eff_pct": PATTERN}
    else:
        modelled["mapping_eff_pct"] = mapping
        if k % row.integer("sparsity_m"):
            left_out["sram_ifmap_reads"] = RAGGED
        else:
            modelled["sram_ifmap_reads"] = counts.a_reads
    for metric, reason in left_out.items():
        if row.has(metric):
            scores.leave_out(row, metric, reason)
    score_given(row, scores, modelled, _describe(row))
