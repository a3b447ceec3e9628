"""The systolic array against SCALE-Sim v3 (tables with origin in sim/validate/data): every scored value is exact.

Rows beyond the tables are made from the closed forms of SCALE-Sim's definition, with seeds, so that a model that only
fits the tables would show.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from sim.hardware.pe.dataflows.weight_stationary import WeightStationary
from sim.validate.bare_array import Array, gemm, run_products
from sim.validate.suite import run_suite


@pytest.mark.parametrize(
    ("suite", "rows", "left_out"),
    [
        ("systolic", 1447, {"sram_ofmap_writes": 382}),
        ("systolic_sparsity", 60, {"mapping_eff_pct": 12, "sram_ifmap_reads": 14}),
        ("systolic_multicore", 36, {}),
    ],
)
def test_every_scored_row_of_the_shipped_table_is_exact(suite: str, rows: int, left_out: dict[str, int]) -> None:
    result = run_suite(suite)

    assert (result.rows, result.scored, result.skipped) == (rows, rows, {})
    assert result.passed, result.worst
    for name, metric in result.metrics.items():
        assert metric.exact == metric.rows == rows - left_out.get(name, 0), name


NO_GEOMETRY: list[object] = [""] * 7


def _ceil(a: int, b: int) -> int:
    return -(-a // b)


def _reference(flow: str, m: int, n: int, k: int, rows: int, cols: int) -> dict[str, float]:
    """SCALE-Sim's definitions, written out apart from the model."""
    row_extent, col_extent, stream = {"os": (m, n, k), "ws": (k, n, m), "is": (k, m, n)}[flow]
    row_folds, col_folds = _ceil(row_extent, rows), _ceil(col_extent, cols)
    fold = rows + cols + stream - 2 + (0 if flow == "os" else rows)
    return {
        "compute_cycles": row_folds * col_folds * fold - 1,
        "sram_ifmap_reads": m * k * (1 if flow == "is" else col_folds),
        "sram_filter_reads": k * n * {"os": row_folds, "ws": 1, "is": col_folds}[flow],
        "sram_ofmap_writes": m * n * (1 if flow == "os" else row_folds),
        "mapping_eff_pct": 100 * row_extent * col_extent / (row_folds * col_folds * rows * cols),
    }


def _gemm(draw: random.Random) -> tuple[int, int, int]:
    return draw.choice([1, 7, 64, 300]), draw.choice([1, 9, 64, 300]), draw.choice([1, 5, 64, 300])


def _conv(draw: random.Random) -> tuple[tuple[int, int, int], list[int]]:
    """(M, N, K) and the convolution columns, with strides that do not divide the input."""
    height, width = draw.randint(1, 40), draw.randint(1, 40)
    kernel_h, kernel_w = draw.randint(1, min(7, height)), draw.randint(1, min(7, width))
    channels, filters, stride = draw.randint(1, 70), draw.randint(1, 90), draw.randint(1, 4)
    out_h, out_w = _ceil(height - kernel_h + stride, stride), _ceil(width - kernel_w + stride, stride)
    sizes = (out_h * out_w, filters, kernel_h * kernel_w * channels)
    return sizes, [height, width, kernel_h, kernel_w, channels, filters, stride]


def test_rows_of_no_table_follow_the_definitions(tmp_path: Path) -> None:
    draw = random.Random(20240)
    header = (
        "kind,M,N,K,ifmap_h,ifmap_w,filt_h,filt_w,channels,num_filters,stride,dataflow,rows,cols,"
        "compute_cycles,sram_ifmap_reads,sram_filter_reads,sram_ofmap_writes,mapping_eff_pct"
    )
    lines = [header]
    for number in range(240):
        kind = ("gemm", "conv")[number % 2]
        (m, n, k), geometry = _conv(draw) if kind == "conv" else (_gemm(draw), None)
        flow = draw.choice(["os", "ws", "is"])
        rows, cols = draw.choice([(1, 1), (8, 8), (5, 13), (16, 64), (128, 32)])
        cells: list[object] = [kind, m, n, k, *(geometry or NO_GEOMETRY), flow, rows, cols]
        cells += _reference(flow, m, n, k, rows, cols).values()
        lines.append(",".join(map(str, cells)))
    table = tmp_path / "drawn.csv"
    table.write_text("\n".join(lines) + "\n")

    result = run_suite("systolic", table)

    assert (result.rows, result.scored, result.passed) == (240, 240, True), result.worst


def test_a_wrong_fold_time_fails_the_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WeightStationary, "fold_cycles", staticmethod(lambda rows, cols, stream: rows + cols + stream))

    result = run_suite("systolic_multicore")

    assert not result.passed
    assert result.worst[0].metric in ("max_core_cycles", "min_core_cycles", "per_core")
    # os is a class of its own and stays exact
    assert result.metrics["max_core_cycles"].exact == 12


def test_a_convolution_that_contradicts_itself_is_skipped_with_the_reason(tmp_path: Path) -> None:
    table = tmp_path / "conv.csv"
    table.write_text(
        "kind,M,N,K,ifmap_h,ifmap_w,filt_h,filt_w,channels,num_filters,stride,dataflow,rows,cols,compute_cycles\n"
        "conv,9,4,18,4,4,2,2,2,4,1,ws,8,8,30\n"
        "gemm,9,4,18,,,,,,,,ws,8,8,92\n"
    )

    result = run_suite("systolic", table)

    assert result.skipped == {"a convolution whose own columns do not give its M, N and K": 1}
    assert (result.rows, result.scored, result.passed) == (2, 1, True)


def test_row_wise_blocks_are_stored_whole(tmp_path: Path) -> None:
    """K = 66 with blocks of 8 leaves 2 values: the last block still takes its 4 places."""
    table = tmp_path / "row_wise.csv"
    table.write_text(
        "M,N,K,sparsity_n,sparsity_m,mode,block_size,rows,cols,dataflow,K_eff,compute_cycles\n"
        f"5,8,66,1,4,row_wise,4,8,8,ws,36,{5 * (2 * 8 + 8 + 5 - 2) - 1}\n"
    )

    assert run_suite("systolic_sparsity", table).passed


def test_cores_without_a_share_stay_out_of_the_counts() -> None:
    """Three rows over four cores: three cores work, each on one row."""
    (counts,) = run_products(Array("os", 4, 4, m_parts=4), [gemm("skinny", 3, 4, 10)])

    assert counts.cycles == (4 + 4 + 10 - 2,) * 3
    assert counts.macs == 3 * 4 * 10
