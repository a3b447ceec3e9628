"""Configs of every family with keys missing, of the wrong type, or of sizes that do not fit together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_models import MODELS, PublicModel

from sim.core.errors import InputError
from sim.trace.load import lower

EVERY = [pytest.param(model, id=model.name) for model in MODELS]
NAMED = {model.name: model for model in MODELS}


def write(folder: Path, table: dict[str, Any]) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(table, indent=1), encoding="utf-8")
    return path


def problems_of(path: Path, **options: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        lower(path, **options)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("model", EVERY)
def test_all_missing_keys_are_told_at_once(model: PublicModel, tmp_path: Path) -> None:
    found = problems_of(write(tmp_path, {"model_type": model.config["model_type"]}))
    assert sum("is missing" in problem for problem in found) >= 3
    assert all("is missing" in problem for problem in found if "--" not in problem and "tokens are more" not in problem)


@pytest.mark.parametrize("model", EVERY)
@pytest.mark.parametrize("bad", [-3, 10**20, "many", [1], True, 1.5])
def test_every_bad_number_has_its_place(model: PublicModel, bad: Any, tmp_path: Path) -> None:
    """Whatever else they say, the problems name each key whose count is bad, with line and column."""
    counts = [key for key, value in model.config.items() if isinstance(value, int) and not isinstance(value, bool)]
    if not model.config.get("use_sliding_window"):
        counts = [key for key in counts if key not in ("max_window_layers",)]
    unread = {
        "qwen2_7b": {"sliding_window"},
        "qwen3_30b_a3b": {"intermediate_size"},
        "falcon_h1_0_5b": {"mamba_d_head"},
    }
    unread |= {"qwen1_5_moe_a2_7b": {"intermediate_size"}}
    counts = [key for key in counts if key not in unread.get(model.name, set())]
    path = write(tmp_path, {**model.config, **dict.fromkeys(counts, bad)})
    found = problems_of(path)
    lines = path.read_text(encoding="utf-8").split("\n")
    for key in counts:
        line = next(number for number, text in enumerate(lines, start=1) if text.startswith(f' "{key}":'))
        assert any(problem.startswith(f"{path}:{line}:2: ") for problem in found), (key, found)


@pytest.mark.parametrize("model", EVERY)
@pytest.mark.parametrize("value", [1, 3, 7, 2**31])
def test_any_one_number_lowers_or_is_refused(model: PublicModel, value: int, tmp_path: Path) -> None:
    """One key at a time: nothing but an InputError comes of it."""
    for key, old in model.config.items():
        if isinstance(old, int) and not isinstance(old, bool):
            try:
                lower(write(tmp_path, {**model.config, key: value}))
            except InputError as error:
                assert error.problems


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("opt_125m", {"word_embed_proj_dim": 512}, "narrower than the model"),
        ("opt_125m", {"do_layer_norm_before": False}, "norms after the parts"),
        ("gemma2_2b", {"layer_types": ["full_attention"]}, "one type per layer; found 1 entries; allowed: 26"),
        ("gemma2_2b", {"layer_types": ["sliding"] * 26}, "a type we cannot lower; found sliding"),
        ("gemma2_2b", {"attn_logit_softcapping": "high"}, "must be a positive number or null; found high"),
        ("deepseek_v3", {"routed_scaling_factor": -1}, "'routed_scaling_factor' must be a positive number"),
        ("phi_2", {"partial_rotary_factor": 1.5}, "a share from 0 to 1"),
        ("phi_2", {"partial_rotary_factor": 0.39}, "which are no pairs"),
        ("gptj_6b", {"rotary_dim": 300}, "more elements are rotated than a head has"),
        ("deepseek_v3", {"n_group": 7}, "'n_routed_experts' (256) is not divisible by 'n_group' (7)"),
        ("deepseek_v3", {"topk_group": 9}, "more groups than there are"),
        ("deepseek_v3", {"num_experts_per_tok": 300}, "more experts than there are"),
        ("mamba_codestral_7b", {"num_heads": 100}, "is not 'expand' times 'hidden_size' (8192); found 100 x 64"),
        ("mamba_codestral_7b", {"n_groups": 7}, "is not divisible by 'n_groups' (7)"),
        ("falcon_h1_0_5b", {"mamba_n_heads": 7}, "is not divisible by 'mamba_n_heads' (7)"),
        ("vit_base_patch16_224", {"patch_size": 15}, "'image_size' (224) is not divisible by 'patch_size' (15)"),
        ("falcon_40b", {"num_kv_heads": 7}, "is not divisible by 'num_kv_heads' (7)"),
        ("falcon_40b", {"num_ln_in_parallel_attn": 3}, "one norm or two"),
        ("t5_base", {"feed_forward_proj": "gated-gelo"}, "did you mean 'gated-gelu'"),
        ("llama2_7b", {"num_hidden_layers": 20_000}, "absurdly large"),
        ("qwen3_30b_a3b", {"mlp_only_layers": 3}, "must be a list of layer numbers"),
        ("mistral_7b", {"sliding_window": 0}, "'sliding_window' must be a positive whole number"),
    ],
)
def test_sizes_that_do_not_fit(name: str, changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    assert message in "\n".join(problems_of(write(tmp_path, {**NAMED[name].config, **changes}), **short(name)))


def short(name: str) -> dict[str, Any]:
    return {} if name.startswith("vit") else {"prompt": 4}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("whisper_large_v3", {"prompt": 449}, "more than the model has positions; allowed: at most 448"),
        ("opt_125m", {"phase": "generate", "prompt": 2048, "generate": 1}, "2049 tokens are more"),
        ("roberta_base", {"prompt": 513}, "allowed: at most 512"),
        ("vit_base_patch16_224", {"prompt": 3}, "--prompt means nothing for model_type vit"),
        ("vit_base_patch16_224", {"phase": "decode"}, "has no phase decode"),
        ("t5_base", {"phase": "decode", "context": [3, 4], "prompt": [5, 6, 7]}, "3 source lengths for 2 requests"),
        ("mistral_7b", {"phase": "decode", "prompt": 5}, "--prompt means nothing in phase decode"),
        ("qwen3_8b", {"experts": "x"}, "--experts means nothing for model_type qwen3"),
    ],
)
def test_options_that_do_not_fit(name: str, options: dict[str, Any], message: str) -> None:
    assert message in "\n".join(problems_of(NAMED[name].path, **options))
