"""Every Hugging Face family against published parameter counts and closed forms of work and cache."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_models import CONFIGS, MODELS, PublicModel
from model_formulas import SOURCE
from models_table import DOCUMENT, document_with, table

from sim.trace.check import check_trace
from sim.trace.frontends.huggingface.families import families
from sim.trace.load import lower
from sim.trace.reader import read_trace
from sim.trace.summary import summarize
from sim.trace.writer import write_trace

EVERY = [pytest.param(model, id=model.name) for model in MODELS]
DECODERS = [pytest.param(model, id=model.name) for model in MODELS if model.decode_macs]
NAMED = {model.name: model for model in MODELS}


def prompt_of(model: PublicModel, tokens: int) -> dict[str, Any]:
    return {} if model.config["model_type"] == "vit" else {"prompt": tokens}


def source_of(model: PublicModel) -> dict[str, Any]:
    """In decode a T5 must be told how long its source was."""
    return {"prompt": SOURCE} if model.config["model_type"] == "t5" else {}


def contexts(model: PublicModel) -> tuple[int, ...]:
    """Few tokens, and more than any window where the model allows."""
    limits = ("n_positions", "max_target_positions") if "sliding_window" not in model.config else ()
    limit = min((model.config[key] for key in limits if key in model.config), default=5000)
    return (1, 77, min(limit, 2048 if model.config["model_type"] == "opt" else 5000))


def test_every_family_and_every_config_has_its_row() -> None:
    assert {model.config["model_type"] for model in MODELS} == set(families.names())
    configs = {path.parent.name for folder in CONFIGS for path in folder.glob("*/config.json")}
    assert configs == set(NAMED)


@pytest.mark.parametrize("model", EVERY)
def test_parameters_are_the_published_ones_and_those_of_the_closed_form(model: PublicModel) -> None:
    parameters = summarize(lower(model.path, **prompt_of(model, 4))).parameters
    assert parameters == model.parameters(model.config)
    assert abs(parameters - model.published) <= 0.005 * model.published


@pytest.mark.parametrize("model", DECODERS)
def test_macs_and_cache_of_a_decode_step(model: PublicModel) -> None:
    assert model.decode_macs is not None
    assert model.cache_elements is not None
    for context in contexts(model):
        totals = summarize(lower(model.path, phase="decode", context=context, **source_of(model)))
        assert totals.macs == model.decode_macs(model.config, context)
        assert totals.persistent_bytes["kv_cache"] == 2 * model.cache_elements(model.config, context)


@pytest.mark.parametrize("model", [model for model in DECODERS if model.values[0].config["model_type"] not in
                                   ("deepseek_v2", "deepseek_v3", "t5", "whisper")])  # fmt: skip
def test_macs_of_a_prefill(model: PublicModel) -> None:
    """Every token costs what a decoded one costs that attends to the whole prompt, but only one goes to the head."""
    assert model.decode_macs is not None
    c = model.config
    head = c["vocab_size"] * c.get("hidden_size", c.get("n_embd"))
    for tokens in (1, 50, contexts(model)[-1]):
        expected = tokens * model.decode_macs(c, tokens) - (tokens - 1) * head
        assert summarize(lower(model.path, prompt=tokens)).macs == expected


@pytest.mark.parametrize("name", ["deepseek_v2_lite", "deepseek_v3"])
def test_latent_attention_is_naive_in_prefill_and_absorbed_in_decode(name: str) -> None:
    """The same matrices; but scores over nope + rotary and values of their own width, instead of over latents."""
    model, n = NAMED[name], 33
    c = model.config
    assert model.decode_macs is not None
    matrices = model.decode_macs(c, 0) - c["vocab_size"] * c["hidden_size"]
    widths = c["qk_nope_head_dim"] + c["qk_rope_head_dim"] + c["v_head_dim"]
    attention = c["num_hidden_layers"] * n * n * c["num_attention_heads"] * widths
    trace = lower(model.path, prompt=n)
    assert summarize(trace).macs == n * matrices + attention + c["vocab_size"] * c["hidden_size"]
    assert "naive form" in trace.description
    assert "absorbed form" in trace.description


def test_macs_of_the_encoders() -> None:
    """Encoder, the source's keys and values for each decoder layer, and the decoder's own first tokens."""
    for name in ("t5_base", "flan_t5_base"):
        c, n = NAMED[name].config, 20
        h, width, layers = c["d_model"], c["num_heads"] * c["d_kv"], c["num_layers"]
        feed_forward = (3 if name.startswith("flan") else 2) * h * c["d_ff"]
        encoder = layers * (n * (4 * h * width + feed_forward) + 2 * n * n * width)
        source = layers * n * 2 * h * width
        decode = NAMED[name].decode_macs
        assert decode is not None
        assert summarize(lower(NAMED[name].path, prompt=n)).macs == encoder + source + decode(c, 1)
    c, n, tokens = NAMED["whisper_large_v3"].config, 1500, 4
    h, i, layers = c["d_model"], c["encoder_ffn_dim"], c["encoder_layers"]
    stem = 2 * n * 3 * c["num_mel_bins"] * h + n * 3 * h * h
    encoder = stem + layers * (n * (4 * h * h + 2 * h * i) + 2 * n * n * h)
    decoder = layers * tokens * (6 * h * h + 2 * h * i + 2 * (tokens + n) * h) + c["vocab_size"] * h
    total = summarize(lower(NAMED["whisper_large_v3"].path, prompt=tokens)).macs
    assert total == encoder + layers * n * 2 * h * h + decoder


def test_macs_of_encoders_without_a_cache() -> None:
    """ViT-B/16 has 17.56 G MACs in torchvision's table, which counts matrices and attention."""
    assert summarize(lower(NAMED["vit_base_patch16_224"].path)).macs == pytest.approx(17.56e9, rel=0.005)
    roberta, bert = (summarize(lower(NAMED[name].path, prompt=128)).macs for name in ("roberta_base", "bert_base"))
    assert roberta == bert


@pytest.mark.parametrize("model", DECODERS)
@pytest.mark.parametrize("prompts", [(5,), (9, 3)])
def test_prefill_then_decode_is_generate(model: PublicModel, prompts: tuple[int, ...]) -> None:
    assert_generate(model, prompts, steps=3)


@pytest.mark.parametrize("name", ["mistral_7b", "phi3_mini_4k", "gemma2_2b", "gemma3_1b", "gpt_oss_20b"])
def test_a_generation_that_outgrows_its_window(name: str) -> None:
    model = NAMED[name]
    window = model.config["sliding_window"]
    for prompts, steps in (((window - 2,), 4), ((window - 3, 7, window - 1, window + 5), 4), ((window - 1,), 1)):
        assert_generate(model, prompts, steps)


def assert_generate(model: PublicModel, prompts: tuple[int, ...], steps: int) -> None:
    whole = summarize(lower(model.path, phase="generate", prompt=prompts, generate=steps))
    first = summarize(lower(model.path, prompt=prompts))
    macs, last = first.macs, first
    alone = model.config["model_type"] == "t5"
    starts = (1,) * len(prompts) if alone else prompts
    for step in range(steps):
        lengths = [start + 1 + step for start in starts]
        extra = {"prompt": prompts} if alone else {}
        last = summarize(lower(model.path, phase="decode", context=lengths, **extra))
        macs += last.macs
    assert whole.macs == macs
    assert whole.persistent_bytes["kv_cache"] == last.persistent_bytes["kv_cache"]
    assert whole.parameters == first.parameters


def test_a_window_of_many_steps_is_a_small_trace() -> None:
    trace = lower(NAMED["gemma3_1b"].path, phase="generate", prompt=100, generate=2000)
    totals = summarize(trace)
    assert totals.operators_executed > 600_000
    assert totals.operators_written < 700


@pytest.mark.parametrize("model", EVERY)
def test_a_written_trace_reads_back(model: PublicModel, tmp_path: Path) -> None:
    trace = lower(model.path, **prompt_of(model, 3))
    check_trace(trace)
    path = tmp_path / "trace.jsonl"
    write_trace(trace, path)
    assert summarize(read_trace(path)) == summarize(trace)


@pytest.mark.parametrize("dtype", ["fp8", "int4_g128", "bits3.0625"])
def test_weights_of_few_bits(dtype: str) -> None:
    """Matrices take the type of the weights, vectors keep that of the activations."""
    from sim.trace.dtypes import data_type

    trace = lower(NAMED["gpt_oss_20b"].path, prompt=2, weights=dtype)
    tensors = {tensor.name: tensor for tensor, _ in trace.tensors() if tensor.role == "weight"}
    types = {name: tensor.dtype for name, tensor in tensors.items()}
    assert types["layers.0.experts.gate_up_proj.weight"] == dtype
    assert types["layers.0.experts.gate_up_proj.bias"] == types["layers.0.sinks"] == "bf16"
    full, small = (summarize(lower(NAMED["llama2_7b"].path, prompt=2, weights=one)) for one in ("bf16", dtype))
    vectors = 65 * 4096
    saved = (full.parameters - vectors) * (16 - data_type(dtype).bits) / 8
    assert full.persistent_bytes["weight"] - small.persistent_bytes["weight"] == saved


def test_the_document_shows_what_is_lowered() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document_with(table()), "run scripts/make_models_table.py"


def test_layers_without_their_extras_cost_less(tmp_path: Path) -> None:
    """Soft caps are vector work on the scores and logits; without them the matrices stay the same."""
    model = NAMED["gemma2_2b"]
    plain = tmp_path / "config.json"
    caps = {"attn_logit_softcapping": None, "final_logit_softcapping": None}
    plain.write_text(json.dumps({**model.config, **caps}), encoding="utf-8")
    capped, without = lower(model.path, prompt=9), lower(plain, prompt=9)
    functions = [operator.attributes.get("function") for operator, _ in capped.operators()]
    assert functions.count("softcap") == 3  # a local layer, a global one, the logits
    assert "softcap" not in [operator.attributes.get("function") for operator, _ in without.operators()]
    assert summarize(capped).macs == summarize(without).macs


def test_partial_rotation_touches_only_its_part_of_each_head() -> None:
    dims = {operator.name: operator.dims for operator, _ in lower(NAMED["gpt_neox_20b"].path, prompt=5).operators()}
    assert dims["layers.rotary_q"] == {"rows": 5 * 64, "width": 24}
    dims = {operator.name: operator.dims for operator, _ in lower(NAMED["phi4_mini"].path, prompt=5).operators()}
    assert dims["layers.rotary_k"] == {"rows": 5 * 8, "width": 96}
