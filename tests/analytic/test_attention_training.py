"""Forward and backward pass of attention, kernel by kernel and fused, on one multiprocessor of an A100, against the paper's.

Dao et al., FlashAttention (NeurIPS 2022), figure 2: GPT-2 medium's attention on an A100 (64 sequences of 1024, 16 heads of
64, fp16, forward and backward) moves 40.3 GB of HBM as separate kernels and 4.4 GB fused. All traffic is that of one head
times 1024, so one head on one SM (with its share of the HBM and the L2) tells the ratio; the chip with a head per SM agrees.
"""

from __future__ import annotations

from math import ceil

import pytest
from attention_training import flash_training, standard_training

from sim.config.load import load_architecture
from sim.run.record import RunRecord
from sim.run.simulate import run_trace
from sim.trace.model import Trace

LENGTH, DIM, HEADS = 1024, 64, 1024
ROWS, SCORES = LENGTH * DIM * 2, LENGTH * LENGTH * 2


L2_SHARE = {"chip.l2.capacity": 40 * 2**20 // 108, "chip.l2.banks": 1, "chip.l2.width": 47}
"""One of 108 parts of the cache; 5120 B a cycle in all."""


def run(trace: Trace, fusion: str, tiles: str = "420 KiB", cache: bool = False) -> RunRecord:
    """On one SM; without the L2 unless asked for."""
    document = {"policy.fusion": fusion, "chip.core.count": 1, "chip.hbm.bandwidth": "3.776 GB/s",
                "chip.core.shared.capacity": tiles, "chip.core.shared.resident_share": "1/1000000"}  # fmt: skip
    document |= L2_SHARE if cache else {"chip.l2.capacity": 0}
    return run_trace(trace, load_architecture("a100_sm", document))


def moved(record: RunRecord) -> int:
    found = [one.bytes.get("chip.hbm", {"read": 0, "written": 0}) for one in record.operators]
    return sum(one["read"] + one["written"] for one in found)


def test_separate_kernels_move_what_the_paper_measured() -> None:
    """18 passes over a score matrix and 12 over rows of a head; a product may read its keys twice."""
    total = moved(run(standard_training(1, 1, LENGTH, DIM), "none")) - SCORES  # the mask, which all heads share
    counted = 18 * SCORES + 12 * ROWS
    assert counted * HEADS == pytest.approx(40.3e9, rel=0.005)
    assert counted <= total <= counted * 1.05


@pytest.mark.parametrize("tiles", ["420 KiB", "300 KiB"])
def test_fused_passes_move_what_their_loops_say(tiles: str) -> None:
    record = run(flash_training(1, 1, LENGTH, DIM), "attention", tiles)
    by_name = {one.name: one for one in record.operators}
    forward, backward = (by_name[name].mapping[0]["tile"] for name in ("scores", "scores_again"))
    again, passes = ceil(LENGTH / forward["m"]), ceil(LENGTH / backward["n"])
    sums = passes * LENGTH * 4
    assert moved(record) == (2 + 2 * again) * ROWS + (4 + 2 * passes + 1 + 4 * (passes - 1) + 1) * ROWS + sums


def test_the_ratio_is_that_of_the_paper() -> None:
    """The forward pass finds all keys and values that it reads again in the L2; without an L2 the ratio is 7.35."""
    record = run(flash_training(1, 1, LENGTH, DIM), "attention", cache=True)
    separate = moved(run(standard_training(1, 1, LENGTH, DIM), "none", cache=True)) - SCORES
    assert separate / moved(record) == pytest.approx(40.3 / 4.4, rel=0.15)
    forward = record.operators[0].mapping[0]["tile"]
    hits = 2 * (ceil(LENGTH / forward["m"]) - 1) * ROWS
    assert {"source": "chip.l2", "destination": "chip.core.shared", "bytes": hits} in record.traffic
    bare = moved(run(standard_training(1, 1, LENGTH, DIM), "none")) - SCORES
    assert bare / moved(run(flash_training(1, 1, LENGTH, DIM), "attention")) == pytest.approx(7.35, rel=0.01)


@pytest.mark.slow
def test_the_ratio_on_the_whole_chip_is_that_of_the_paper() -> None:
    """108 heads on 108 SMs; the searches split them otherwise than one head per SM and share keys through the L2."""
    separate, fused = (
        run_trace(trace, load_architecture("a100_sm", {"policy.fusion": fusion}))
        for trace, fusion in (
            (standard_training(4, 27, LENGTH, DIM), "none"),
            (flash_training(4, 27, LENGTH, DIM), "attention"),
        )
    )
    assert moved(separate) / moved(fused) == pytest.approx(8.52, rel=0.01)


def test_a_backward_pass_that_is_not_fused_computes_the_same() -> None:
    trace = flash_training(1, 1, 256, DIM)
    fused, apart = run(trace, "attention"), run(trace, "elementwise")
    assert len({one.region for one in fused.operators}) == 2 and len({one.region for one in apart.operators}) == 10
    assert [one.macs_executed for one in fused.operators] == [one.macs_executed for one in apart.operators]
    assert moved(fused) < moved(apart)
