"""Tokens drawn to experts: seeded, as many as there are, none twice to one expert, and skewed when asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sim.core.errors import InputError, Problems
from sim.trace.frontends.huggingface.experts import expert_rows
from sim.trace.frontends.huggingface.routing import MOST_DRAWN, Drawn, read_drawn
from sim.trace.load import lower


@pytest.mark.parametrize("drawn", [Drawn(0.0, 0), Drawn(0.0, 7), Drawn(1.2, 7), Drawn(100.0, 1)])
@pytest.mark.parametrize(("tokens", "experts", "top_k"), [(1, 8, 2), (64, 8, 2), (64, 3, 3), (5000, 64, 2)])
def test_counts_add_up_and_come_again(drawn: Drawn, tokens: int, experts: int, top_k: int) -> None:
    rows = expert_rows(tokens, experts, top_k, drawn)
    assert sum(rows) == tokens * top_k and max(rows) <= tokens and len(rows) == experts
    assert rows == drawn.rows(tokens, experts, top_k)


def test_seeds_differ_and_a_skew_is_one() -> None:
    assert Drawn(0.0, 0).rows(64, 8, 2) == (15, 17, 15, 17, 19, 10, 18, 17), "numpy keeps this stream"
    assert Drawn(0.0, 0).rows(64, 8, 2) != Drawn(0.0, 1).rows(64, 8, 2)
    even, skewed = Drawn(0.0, 0).rows(4096, 8, 2), Drawn(1.0, 0).rows(4096, 8, 2)
    assert max(even) < 1.1 * 1024 and skewed[0] > 2 * 1024 > 10 * skewed[-1] / 3


def test_more_tokens_than_are_drawn_follow_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.trace.frontends.huggingface.experts.MOST_DRAWN", 128)
    rows, drawn = expert_rows(1280, 8, 2, Drawn(0.5, 1)), Drawn(0.5, 1).rows(128, 8, 2)
    assert rows == tuple(10 * count for count in drawn) and MOST_DRAWN > 10**6


def test_what_is_written_is_read_or_refused_with_all_that_is_wrong() -> None:
    problems = Problems()
    assert read_drawn("uniform", problems) == Drawn(0.0, 0)
    assert read_drawn("zipf", problems) == Drawn(1.0, 0)
    assert read_drawn("zipf:1.2:9", problems) == Drawn(1.2, 9)
    assert read_drawn("zipf.txt", problems) is None and read_drawn("./uniform", problems) is None and not problems
    for wrong in ("uniform:1:2", "uniform:x", "zipf:1e9", "zipf:1:-3"):
        read_drawn(wrong, problems)
    with pytest.raises(InputError) as caught:
        problems.raise_if_any()
    assert len(caught.value.problems) == 4


def test_a_config_is_lowered_with_the_drawn_counts(tmp_path: Path) -> None:
    config = {"model_type": "mixtral", "hidden_size": 64, "num_attention_heads": 8, "num_key_value_heads": 2,
              "num_hidden_layers": 1, "intermediate_size": 96, "num_local_experts": 8, "num_experts_per_tok": 2,
              "vocab_size": 512, "max_position_embeddings": 4096}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    trace = lower(tmp_path / "config.json", phase="decode", batch=32, context=128, experts="zipf:1.5:3")
    rows = {one.dims["rows"] for one, _ in trace.operators() if one.kind == "grouped_gemm"}
    assert rows == {Drawn(1.5, 3).rows(32, 8, 2)}
