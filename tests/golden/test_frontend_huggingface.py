"""The Hugging Face frontend against published parameter counts and closed forms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sim.core.errors import InputError
from sim.trace.expand import OperatorInstance, expand
from sim.trace.frontends.huggingface.experts import expert_rows
from sim.trace.load import lower
from sim.trace.model import Operator, Trace
from sim.trace.summary import summarize
from sim.trace.writer import trace_lines

LLAMA = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 8,
    "num_key_value_heads": 2, "vocab_size": 100, "max_position_embeddings": 64,
}  # fmt: skip


def write_config(folder: Path, **changes: Any) -> Path:
    path = folder / "config.json"
    table = {key: value for key, value in {**LLAMA, **changes}.items() if value != "(missing)"}
    path.write_text(json.dumps(table, indent=1), encoding="utf-8")
    return path


def macs(model: str, **options: Any) -> int:
    return summarize(lower(model, **options)).macs


def operator(trace: Trace, name: str) -> Operator:
    return next(found for found, _ in trace.operators() if found.name == name)


# The counts that `num_parameters()` of transformers gives for the published checkpoints.
@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("llama2_7b", 6_738_415_616),
        ("llama2_70b", 68_976_648_192),
        ("gpt2", 124_439_808),  # tied head counted once
        ("bert_base", 109_482_240),  # with pooler
        ("mixtral_8x7b", 46_702_792_704),
    ],
)
def test_parameters_are_the_published_ones(model: str, parameters: int) -> None:
    assert summarize(lower(f"configs/{model}", prompt=4)).parameters == parameters


@pytest.mark.parametrize("context", [1, 7, 2048])
def test_macs_of_a_llama_decode_step(context: int) -> None:
    """Every weight of a matrix once per token, and 2 * context * hidden for attention in each layer."""
    hidden, inner, layers, vocabulary = 4096, 11008, 32, 32000
    expected = layers * (4 * hidden**2 + 3 * hidden * inner + 2 * context * hidden) + hidden * vocabulary
    assert macs("configs/llama2_7b", phase="decode", context=context) == expected
    assert macs("configs/llama2_7b", phase="decode", context=context, batch=3) == 3 * expected


def test_macs_of_a_llama_prefill() -> None:
    """Grouped-query attention saves weights and cache but no attention MACs; the head sees the last token only."""
    hidden, inner, layers, vocabulary, kv, n = 8192, 28672, 80, 32000, 1024, 300
    linear = n * (2 * hidden**2 + 2 * hidden * kv + 3 * hidden * inner)
    expected = layers * (linear + 2 * n * n * hidden) + hidden * vocabulary
    assert macs("configs/llama2_70b", prompt=n) == expected


def test_macs_of_bert_gpt2_and_mixtral() -> None:
    n, hidden = 384, 768
    block = n * (4 * hidden**2 + 2 * hidden * 4 * hidden) + 2 * n * n * hidden
    assert macs("configs/bert_base", prompt=n) == 12 * block + hidden**2
    assert macs("configs/gpt2", prompt=n) == 12 * block + 50257 * hidden
    hidden, inner, batch, context = 4096, 14336, 16, 2048
    token = 2 * hidden**2 + 2 * hidden * 1024 + hidden * 8 + 2 * 3 * hidden * inner + 2 * context * hidden
    expected = batch * (32 * token + hidden * 32000)
    assert macs("configs/mixtral_8x7b", phase="decode", batch=batch, context=context) == expected


@pytest.mark.parametrize("model", ["llama2_7b", "llama2_70b", "gpt2", "mixtral_8x7b"])
@pytest.mark.parametrize("prompts", [(5,), (9, 3), (4, 4, 4)])
def test_prefill_then_decode_is_generate(model: str, prompts: tuple[int, ...]) -> None:
    config, steps = f"configs/{model}", 4
    whole = macs(config, phase="generate", prompt=prompts, generate=steps)
    parts = macs(config, prompt=prompts)
    for step in range(steps):
        parts += macs(config, phase="decode", context=[prompt + 1 + step for prompt in prompts])
    assert whole == parts


@pytest.mark.parametrize(
    ("options", "tokens"),
    [
        ({"prompt": 100, "batch": 2}, 200),
        ({"phase": "decode", "context": [7, 9]}, 16),
        ({"phase": "generate", "prompt": 512, "generate": 512}, 1024),
    ],
)
def test_kv_bytes_are_exact(options: dict[str, Any], tokens: int) -> None:
    """Keys and values, 80 layers, 8 heads of 128, per token; 16 bits, or 4.125 with one scale per 128."""
    elements = tokens * 2 * 80 * 8 * 128
    assert summarize(lower("configs/llama2_70b", **options)).persistent_bytes["kv_cache"] == 2 * elements
    small = summarize(lower("configs/llama2_70b", kv="int4_g128", **options)).persistent_bytes
    assert small["kv_cache"] == elements * 33 // 64


def test_a_decode_step_reads_each_cache_once_and_appends_one_token_per_request() -> None:
    row, read, written = 8 * 128 * 2, 0, 0
    for event in expand(lower("configs/llama2_70b", phase="decode", context=[100, 50])):
        if isinstance(event, OperatorInstance):
            read += sum(s.size_bytes for _, uses in event.inputs for s in uses if s.tensor.role == "kv_cache")
            written += sum(s.size_bytes for s in event.outputs if s.tensor.role == "kv_cache")
    assert read == 80 * 2 * 150 * row
    assert written == 80 * 2 * 2 * row


def test_a_decode_step_moves_every_matrix_once_but_only_a_row_of_the_embedding() -> None:
    trace = lower("llama2_7b_decode")
    moved = sum(
        one.size_bytes
        for event in expand(trace)
        if isinstance(event, OperatorInstance)
        for _, uses in event.inputs
        for one in uses
        if one.tensor.role == "weight"
    )
    assert moved == 2 * (6_738_415_616 - 32000 * 4096 + 4096)


def test_weights_kv_and_activations_have_their_own_types() -> None:
    trace = lower("configs/llama2_7b", dtype="fp16", weights="int8", kv="fp8")
    types = {
        (tensor.role, len(tensor.shape) > 1 or tensor.role == "activation", tensor.dtype)
        for tensor, _ in trace.tensors()
    }
    assert types == {
        ("weight", True, "int8"), ("weight", False, "fp16"), ("kv_cache", True, "fp8"), ("activation", True, "fp16"),
        ("index", False, "int32"),
    }  # fmt: skip


def test_a_long_generation_of_a_deep_model_is_a_small_file() -> None:
    trace = lower("configs/llama2_70b", phase="generate", prompt=2048, generate=2048)
    assert sum(len(line) + 1 for line in trace_lines(trace)) < 20_000
    assert summarize(trace).operators_executed > 3_000_000


def test_experts_that_get_no_token_are_not_read() -> None:
    trace = lower("configs/mixtral_8x7b", phase="decode", context=10)
    gate = operator(trace, "layers.experts.gate_proj")
    assert gate.dims["rows"] == (1, 1, 0, 0, 0, 0, 0, 0)
    assert dict(gate.inputs)["b"][0].elements == 2 * 4096 * 14336


def test_a_histogram_decides_how_many_tokens_each_expert_gets(tmp_path: Path) -> None:
    path = tmp_path / "experts.txt"
    path.write_text("30 10 10 10 10 10 10 10\n", encoding="utf-8")
    trace = lower("configs/mixtral_8x7b", phase="decode", batch=20, context=5, experts=path)
    assert operator(trace, "layers.experts.up_proj").dims["rows"] == (12, 4, 4, 4, 4, 4, 4, 4)
    assert not trace.notes
    for text, message in (
        ("1 2 3", "one count per expert"),
        ("9 0 0 0 0 0 0 0", "at least 2 experts"),
        ("a", "not a count"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=message):
            lower("configs/mixtral_8x7b", experts=path)


@pytest.mark.parametrize("tokens", [1, 2, 7, 64, 1000])
@pytest.mark.parametrize("histogram", [None, (5, 0, 1, 1), (1000, 1, 1, 1), (1, 2, 3, 4)])
@pytest.mark.parametrize("top_k", [1, 2, 3])
def test_expert_rows_are_a_possible_routing(tokens: int, histogram: tuple[int, ...] | None, top_k: int) -> None:
    rows = expert_rows(tokens, 4, top_k, histogram)
    assert sum(rows) == tokens * top_k
    assert 0 <= min(rows) <= max(rows) <= tokens
    if histogram is None:
        assert max(rows) - min(rows) <= 1
    elif top_k == 1:
        assert all(abs(row - tokens * share / sum(histogram)) < 1 for row, share in zip(rows, histogram, strict=True))


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        ({"model_type": "lama"}, ["unknown model_type; found lama", "did you mean 'llama'"]),
        ({"model_type": "(missing)"}, ["'model_type' is missing"]),
        (
            {"hidden_size": "(missing)", "vocab_size": "(missing)"},
            ["'hidden_size' is missing", "'vocab_size' is missing"],
        ),
        (
            {"hidden_size": -4, "num_hidden_layers": 1.5},
            ["'hidden_size' must be a positive", "'num_hidden_layers' must"],
        ),
        ({"num_attention_heads": True}, ["'num_attention_heads' must be a positive whole number"]),
        (
            {"num_attention_heads": 7},
            ["'hidden_size' (64) is not divisible", "'num_attention_heads' (7) is not divisible"],
        ),
        ({"hidden_act": "siluu"}, ["'hidden_act' has a value we cannot lower", "did you mean 'silu'"]),
        ({"tie_word_embeddings": "yes"}, ["'tie_word_embeddings' must be true or false"]),
        ({"vocab_size": 10**20}, ["'vocab_size' must be a positive whole number"]),
    ],
)
def test_all_problems_of_a_config_are_told(tmp_path: Path, changes: dict[str, Any], messages: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        lower(write_config(tmp_path, **changes))
    for message in messages:
        assert message in str(caught.value)


def test_a_problem_of_a_config_has_its_line_and_column(tmp_path: Path) -> None:
    path = write_config(tmp_path, intermediate_size=0)
    with pytest.raises(InputError) as caught:
        lower(path)
    (problem,) = caught.value.problems
    assert str(problem.place) == f"{path}:4:2"


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "3", '{"model_type": ["llama"]}', '{"model_type": "llama", "model_type": 3}']
)
def test_a_file_that_is_no_config(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError):
        lower(path)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("gpt2", {"prompt": 2000}, "more than the model has positions"),
        ("gpt2", {"phase": "generate", "prompt": 1000, "generate": 25}, "1025 tokens are more"),
        ("bert_base", {"prompt": 513}, "more than the model has positions"),
        ("bert_base", {"phase": "decode"}, "has no phase decode"),
        ("bert_base", {"kv": "int8"}, "--kv means nothing for model_type bert"),
        ("gpt2", {"context": 5}, "--context means nothing in phase prefill"),
        ("gpt2", {"phase": "decode", "generate": 5}, "--generate means nothing in phase decode"),
        ("gpt2", {"phase": "generate"}, "needs --generate"),
        ("llama2_7b", {"experts": "x"}, "--experts means nothing for model_type llama"),
        ("llama2_7b", {"prompt": [1, 2], "batch": 3}, "--batch says 3 requests"),
    ],
)
def test_options_that_do_not_fit(model: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        lower(f"configs/{model}", **options)


def test_longer_than_it_was_made_for_is_a_note() -> None:
    assert "4097" in lower("configs/llama2_7b", phase="decode", context=4097).notes[0]
    assert not lower("configs/llama2_7b", phase="decode", context=4096).notes


def test_biases_head_width_and_tied_head_are_read(tmp_path: Path) -> None:
    plain = summarize(lower(write_config(tmp_path))).parameters
    assert plain == 2 * 100 * 64 + 64 + 2 * (2 * 64 * 64 + 2 * 64 * 16 + 3 * 64 * 96 + 2 * 64)
    tied = summarize(lower(write_config(tmp_path, tie_word_embeddings=True))).parameters
    assert tied == plain - 100 * 64
    biased = summarize(lower(write_config(tmp_path, attention_bias=True, mlp_bias=True))).parameters
    assert biased == plain + 2 * (2 * 64 + 2 * 16 + 2 * 96 + 64)
    wide = summarize(lower(write_config(tmp_path, head_dim=16))).parameters
    assert wide == plain + 2 * (2 * 64 * 64 + 2 * 64 * 16)
