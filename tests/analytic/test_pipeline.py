"""Pipelines over chips against the closed form of Huang et al., GPipe, arXiv:1811.06965: the bubble, the hops, the bytes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from toy_chips import toy

from sim import load_architecture, lower, simulate
from sim.core.errors import InputError
from sim.trace.builder import TraceBuilder
from sim.trace.model import Repeat, Trace
from sim.trace.parallel.pipeline import pipeline_stages, uneven_stages
from sim.trace.summary import summarize

ROWS, WIDTH, PRODUCTS, TILES = 2048, 128, 8, 16
HOP_PS = 5_000_000 + 1_000_000 + 500_000 + 2 * ROWS * WIDTH * 2 * 25  # twice the bytes on the wire, at 40 GB/s


def chain(products: int = PRODUCTS, micro_batches: int = 1, **parallel: int) -> Trace:
    """Equal products, one after the other."""
    builder = TraceBuilder("chain")
    x = builder.activation("x", (ROWS, WIDTH))
    for number in range(products):
        weight, result = builder.weight(f"w{number}", (WIDTH, WIDTH)), builder.activation(f"y{number}", (ROWS, WIDTH))
        builder.op(f"op{number}", "gemm", {"m": ROWS, "n": WIDTH, "k": WIDTH}, {"a": x, "b": weight}, result)
        x = result
    return replace(builder.build([x]), parallel=tuple(parallel.items()), micro_batches=micro_batches)


@pytest.mark.parametrize("stages", [2, 4])
@pytest.mark.parametrize("micro_batches", [1, 2, 6])
def test_equal_stages_take_stages_plus_micro_batches_minus_one(tmp_path: Path, stages: int, micro_batches: int) -> None:
    """The arrays take tiles as their operands come: one of the next micro-batch may go before the last of this one, which
    delays what is sent by the time of a tile."""
    machine = toy(tmp_path)
    found = simulate(chain(pp=stages, micro_batches=micro_batches), machine).time_ps
    stage_ps = simulate(chain(PRODUCTS // stages), machine).time_ps
    expected = (stages + micro_batches - 1) * stage_ps + (stages - 1) * HOP_PS
    tile_ps = stage_ps // (PRODUCTS // stages) // TILES if micro_batches > 1 else 0
    assert 0.998 * expected <= found <= 1.002 * expected + tile_ps


def test_idle_chips_and_hops_are_in_the_report(tmp_path: Path) -> None:
    stages, micro_batches = 4, 2
    found = simulate(chain(pp=stages, micro_batches=micro_batches), toy(tmp_path))
    between = {
        (one["source"], one["destination"]): one["bytes"] for one in found.traffic if one["source"][:5] == "chip["
    }
    size = 2 * ROWS * WIDTH * micro_batches
    assert between == {(f"chip[{chip}]", f"chip[{chip + 1}]"): size for chip in range(stages - 1)}
    assert found.components["chip.core.array"]["count"] == stages
    bubble = (stages - 1) / (micro_batches + stages - 1)
    arrays = found.components["chip.core.array"]
    assert arrays["busy_s"] / (found.time_ps * 1e-12) == pytest.approx(1 - bubble, abs=0.05)
    assert found.macs == micro_batches * PRODUCTS * ROWS * WIDTH * WIDTH
    assert [row["chip"] for row in found.chips] == [f"chip[{chip}]" for chip in range(stages)]
    assert {row["macs"] for row in found.chips} == {found.macs // stages}
    assert [row["sent_bytes"] for row in found.chips] == [size, size, size, 0]
    assert all(row["busy"] == pytest.approx(1 - bubble, abs=0.05) for row in found.chips)


def test_stages_of_stages_of_tensor_ranks_and_of_copies_do_all_the_work(tmp_path: Path) -> None:
    """Every chip of a grid does its part: MACs together are those of the model, messages join the right chips."""
    whole = lower("configs/llama2_7b", batch=4, phase="decode", context=64)
    part = lower("configs/llama2_7b", batch=4, phase="decode", context=64, tp=2, pp=2, dp=2)
    assert part.chips == 8 and part.micro_batches == 2
    stages = pipeline_stages(part)
    assert [sum(1 for one, _ in stage.operators() if one.kind in ("send", "recv")) for stage in stages] == [1, 1]
    assert 2 * 2 * sum(summarize(stage).macs for stage in stages) == summarize(whole).macs
    found = simulate(part, load_architecture("h100_dgx"))
    assert found.macs == summarize(whole).macs
    between = {(one["source"], one["destination"]) for one in found.traffic if one["source"][:5] == "chip["}
    ranks = {(f"chip[{a}]", f"chip[{a ^ 1}]") for a in range(8)}
    assert between == ranks | {(f"chip[{a}]", f"chip[{a + 2}]") for a in (0, 1, 4, 5)}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"pp": 64}, "more stages than layers and operators to divide"),
        ({"batch": 3, "dp": 2}, "--dp 2: every chip has equally many requests"),
        ({"batch": 4, "micro_batches": 3}, "found --batch 4; allowed: a multiple of 3"),
        ({"batch": 2, "micro_batches": 2, "phase": "generate", "generate": 2}, "--micro-batches 2: steps that feed"),
        ({"batch": 4, "pp": 2, "micro_batches": 3}, "found --batch 4; allowed: a multiple of 3"),
        ({"pp": 2, "phase": "generate", "generate": 2}, "not modelled in a pipeline"),
    ],
)
def test_what_cannot_be_a_pipeline_is_refused(options: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=re.escape(told)):
        lower("configs/llama2_7b", **options)


@pytest.mark.parametrize("stages", [3, 5, 32])
def test_layers_are_dealt_so_that_the_fullest_stage_has_least(stages: int) -> None:
    found = pipeline_stages(lower("configs/llama2_7b", phase="decode", context=64, pp=stages))
    layers = [sum(item.count for item in stage.items if isinstance(item, Repeat)) for stage in found]
    assert sum(layers) == 32 and max(layers) == -(-32 // stages)


def test_stages_with_next_to_nothing_to_do_are_told(tmp_path: Path) -> None:
    """Of three products the last has an eighth of the others' columns: no cut makes its stage as busy as theirs."""
    assert list(uneven_stages(chain(pp=4))) == []
    builder = TraceBuilder("uneven")
    x = builder.activation("x", (256, 128))
    for number, columns in enumerate((128, 128, 16)):
        weight, result = builder.weight(f"w{number}", (128, columns)), builder.activation(f"y{number}", (256, columns))
        builder.op(f"op{number}", "gemm", {"m": 256, "n": columns, "k": 128}, {"a": x, "b": weight}, result)
        x = result
    found = simulate(replace(builder.build([x]), parallel=(("pp", 3),)), toy(tmp_path))
    (told,) = (text for text in found.warnings if text.startswith("--pp 3: stage 2 (of 0 to 2)"))
    assert told.endswith("MACs of the stages, of the busiest: 100 %, 100 %, 12 %")
