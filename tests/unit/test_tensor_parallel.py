"""One rank's trace of tensor parallelism: what is divided, what the collectives carry, and what is refused."""

from __future__ import annotations

from math import prod
from pathlib import Path

import pytest

from sim import load_trace, lower
from sim.core.errors import InputError
from sim.trace.builder import TraceBuilder
from sim.trace.model import Operator, Trace
from sim.trace.parallel.tensor import tensor_parallel
from sim.trace.summary import summarize
from sim.trace.writer import trace_lines, write_trace

CONFIGS = Path(__file__).parents[1] / "data" / "configs"


def shipped(name: str) -> str:
    return str(Path(__file__).parents[2] / "traces" / "configs" / name / "config.json")


def collectives(trace: Trace) -> list[tuple[Operator, int]]:
    """Every collective with how often it is executed."""
    return [
        (one, prod(block.count for block in blocks)) for one, blocks in trace.operators() if one.kind == "collective"
    ]


@pytest.mark.parametrize("ranks", [2, 4, 8])
@pytest.mark.parametrize(("phase", "tokens"), [("prefill", 512), ("decode", 1)])
def test_all_reduces_of_llama_70b_carry_two_hidden_states_a_layer(ranks: int, phase: str, tokens: int) -> None:
    trace = lower(shipped("llama2_70b"), phase=phase, tp=ranks)
    in_layers = [(one, count) for one, count in collectives(trace) if count > 1]
    assert [one.name for one, _ in in_layers] == ["layers.o_proj_all_reduce", "layers.down_proj_all_reduce"]
    assert {count for _, count in in_layers} == {80}
    assert sum(one.dims["elements"] for one, _ in in_layers) == 2 * tokens * 8192  # type: ignore[misc]
    outside = {one.name: one.dims["elements"] for one, count in collectives(trace) if count == 1}
    assert outside == {"embed_tokens_all_reduce": tokens * 8192, "lm_head_all_gather": 32000}


@pytest.mark.parametrize("ranks", [2, 4, 8])
def test_every_rank_has_its_part_of_the_work_and_of_the_weights(ranks: int) -> None:
    whole, part = summarize(lower(shipped("llama2_70b"))), summarize(lower(shipped("llama2_70b"), tp=ranks))
    assert part.macs * ranks == whole.macs
    norms = (2 * 80 + 1) * 8192
    assert (part.parameters - norms) * ranks == whole.parameters - norms
    assert part.persistent_bytes["kv_cache"] * ranks == whole.persistent_bytes["kv_cache"]


def test_fewer_kv_heads_than_ranks_are_held_by_several() -> None:
    whole = lower(CONFIGS / "mistral_7b" / "config.json", phase="decode", context=64)
    trace = tensor_parallel(whole, 16)  # 32 heads, 8 KV heads
    score = next(one for one, _ in trace.operators() if one.kind == "attention_score")
    assert (score.dims["heads"], score.dims["kv_heads"]) == (2, 1)
    caches = summarize(trace).persistent_bytes["kv_cache"]
    assert caches * 8 == summarize(whole).persistent_bytes["kv_cache"]


def test_partial_sums_of_a_mixture_are_reduced_once_after_combining() -> None:
    names = [one.name for one, count in collectives(lower(shipped("mixtral_8x7b"), tp=4)) if count > 1]
    assert names == ["layers.o_proj_all_reduce", "layers.combine_all_reduce"]


def test_routed_and_shared_experts_are_reduced_together() -> None:
    trace = lower(CONFIGS / "qwen1_5_moe_a2_7b" / "config.json", tp=4)
    names = [one.name for one, count in collectives(trace) if count > 1]
    assert names == ["layers.o_proj_all_reduce", "layers.shared_expert_sum_all_reduce"]


def test_one_rank_is_the_trace_itself() -> None:
    assert list(trace_lines(lower(shipped("llama2_7b"), tp=1))) == list(trace_lines(lower(shipped("llama2_7b"))))


def test_heads_that_do_not_divide_are_refused_with_those_that_would() -> None:
    with pytest.raises(InputError, match=r"llama2_7b.*--tp 6: the 32 heads .* allowed: 1, 2, 4, 8, 16, 32"):
        lower(shipped("llama2_7b"), tp=6)


def test_columns_that_do_not_divide_are_refused() -> None:
    builder = TraceBuilder("narrow")
    x, w = builder.activation("x", (4, 8)), builder.weight("w", (8, 9))
    y, v = builder.activation("y", (4, 9)), builder.weight("v", (9, 8))
    z = builder.activation("z", (4, 8))
    builder.op("up", "gemm", {"m": 4, "n": 9, "k": 8}, {"a": x, "b": w}, y)
    builder.op("down", "gemm", {"m": 4, "n": 8, "k": 9}, {"a": y, "b": v}, z)
    with pytest.raises(InputError, match="'up': 9 columns do not divide; allowed: 1, 3, 9"):
        tensor_parallel(builder.build([z]), 2)


def test_what_has_no_rule_is_kept_whole_and_said() -> None:
    trace = tensor_parallel(load_trace("resnet50"), 2)
    assert not collectives(trace) and "every one of 2 ranks does all of" in trace.notes[-1]


def test_a_rank_s_trace_is_read_back_as_written(tmp_path: Path) -> None:
    trace = lower(shipped("llama2_7b"), phase="decode", tp=8)
    write_trace(trace, tmp_path / "rank.jsonl")
    again = load_trace(tmp_path / "rank.jsonl")
    assert list(trace_lines(again)) == list(trace_lines(trace)) and again.parallel == (("tp", 8),) and again.chips == 8


def test_unknown_parallelism_in_a_file_is_refused_at_its_place(tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text('{"format":"tilesim-trace","version":1,"name":"x","parallel":{"pt":8,"tp":0}}\n')
    with pytest.raises(InputError, match=r"(?s)bad.jsonl:1:62: no such parallelism.*:69: not a number of chips"):
        load_trace(file)
