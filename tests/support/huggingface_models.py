"""Public models of every Hugging Face family: published parameter counts, with the closed forms that hold for each.

``published`` is what the source prints, rounded as there. Sources: *card* is the text of the model card at
huggingface.co, *page* the count of stored parameters that the page of the model shows beside it, noted from memory
and not fetched.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import model_formulas as f

ROOT = Path(__file__).resolve().parent.parent.parent
CONFIGS = (ROOT / "tests" / "data" / "configs", ROOT / "traces" / "configs")


@dataclass(frozen=True)
class PublicModel:
    """``parameters``: exact count. ``decode_macs``: of one token that attends to n tokens, its own included.
    ``cache_elements``: kept by one sequence of n tokens. None for models that do not decode."""

    name: str
    published: int
    source: str
    parameters: Callable[[f.Config], int]
    decode_macs: Callable[[f.Config, int], int] | None = None
    cache_elements: Callable[[f.Config, int], int] | None = None

    @property
    def path(self) -> Path:
        """Its config."""
        return next(path for folder in CONFIGS if (path := folder / self.name / "config.json").exists())

    @property
    def config(self) -> f.Config:
        """Its keys."""
        return dict(json.loads(self.path.read_text(encoding="utf-8")))


TIED_FALCON = "page {}, less the copy of the tied head that the checkpoint stores ({} x {})"
PLAIN = (f.gated_macs(f.no_layers), f.kv(f.no_layers))
SLIDING = (f.gated_macs(f.all_layers), f.kv(f.all_layers))

MODELS = (
    PublicModel(
        "llama2_7b", 6_738_415_616, "num_parameters() of transformers", f.gated_parameters(f.nothing, False), *PLAIN
    ),
    PublicModel(
        "llama2_70b", 68_976_648_192, "num_parameters() of transformers", f.gated_parameters(f.nothing, False), *PLAIN
    ),
    PublicModel("mistral_7b", 7_240_000_000, "page, 7.24B", f.gated_parameters(f.nothing, False), *SLIDING),
    PublicModel("qwen2_7b", 7_620_000_000, "page, 7.62B", f.gated_parameters(f.qkv_bias, False), *PLAIN),
    PublicModel("qwen2_5_0_5b", 494_000_000, "page, 494M", f.gated_parameters(f.qkv_bias, True), *PLAIN),
    PublicModel("qwen3_8b", 8_200_000_000, "card, 8.2B", f.gated_parameters(f.head_norms, False), *PLAIN),
    PublicModel("phi3_mini_4k", 3_820_000_000, "page, 3.82B", f.gated_parameters(f.nothing, False), *SLIDING),
    PublicModel("phi4_mini", 3_840_000_000, "page, 3.84B", f.gated_parameters(f.nothing, True), *SLIDING),
    PublicModel("gemma_2b", 2_510_000_000, "page, 2.51B", f.gated_parameters(f.nothing, True), *PLAIN),
    PublicModel(
        "gemma2_2b",
        2_610_000_000,
        "page, 2.61B",
        f.gated_parameters(f.nothing, True, norms=4),
        f.gated_macs(f.half_the_layers),
        f.kv(f.half_the_layers),
    ),
    PublicModel(
        "gemma3_1b",
        1_000_000_000,
        "page, 1,000M",
        f.gated_parameters(f.head_norms, True, norms=4),
        f.gated_macs(f.five_of_six),
        f.kv(f.five_of_six),
    ),
    PublicModel(
        "gpt2",
        124_439_808,
        "num_parameters() of transformers",
        f.gpt2_parameters,
        lambda c, n: f.dense_macs(c["n_embd"], 4 * c["n_embd"], c["n_layer"], c["vocab_size"], n),
        f.full_kv("n_embd", "n_layer"),
    ),
    PublicModel(
        "opt_125m",
        125_000_000,
        "arXiv:2205.01068, table 1, 125M",
        f.opt_parameters,
        f.opt_macs,
        f.full_kv("hidden_size", "num_hidden_layers"),
    ),
    PublicModel(
        "bloom_176b", 176_247_271_424, "card", f.bloom_parameters, f.bloom_macs, f.full_kv("hidden_size", "n_layer")
    ),
    PublicModel(
        "falcon_7b",
        7_220_000_000 - 65024 * 4544,
        TIED_FALCON.format("7.22B", 65024, 4544),
        f.falcon_parameters,
        f.falcon_macs,
        f.falcon_kv,
    ),
    PublicModel(
        "falcon_40b",
        41_800_000_000 - 65024 * 8192,
        TIED_FALCON.format("41.8B", 65024, 8192),
        f.falcon_parameters,
        f.falcon_macs,
        f.falcon_kv,
    ),
    PublicModel("gptj_6b", 6_053_381_344, "card", f.gptj_parameters, f.gptj_macs, f.full_kv("n_embd", "n_layer")),
    PublicModel(
        "gpt_neox_20b",
        20_554_567_680,
        "card",
        f.neox_parameters,
        f.parallel_macs,
        f.full_kv("hidden_size", "num_hidden_layers"),
    ),
    PublicModel(
        "phi_2",
        2_780_000_000,
        "page, 2.78B",
        f.phi_parameters,
        f.parallel_macs,
        f.full_kv("hidden_size", "num_hidden_layers"),
    ),
    PublicModel("bert_base", 109_482_240, "num_parameters() of transformers, with pooler", f.bert_parameters),
    PublicModel("roberta_base", 125_000_000, "README of fairseq, roberta.base, 125M", f.bert_parameters),
    PublicModel("vit_base_patch16_224", 86_567_656, "torchvision, vit_b_16", f.vit_parameters),
    PublicModel(
        "mixtral_8x7b",
        46_702_792_704,
        "num_parameters() of transformers",
        f.expert_parameters(f.nothing),
        f.expert_macs(f.no_layers),
        f.kv(f.no_layers),
    ),
    PublicModel(
        "qwen1_5_moe_a2_7b",
        14_300_000_000,
        "card, 14.3B",
        f.expert_parameters(f.qkv_bias),
        f.expert_macs(f.no_layers),
        f.kv(f.no_layers),
    ),
    PublicModel(
        "qwen3_30b_a3b",
        30_500_000_000,
        "card, 30.5B",
        f.expert_parameters(f.head_norms),
        f.expert_macs(f.no_layers),
        f.kv(f.no_layers),
    ),
    PublicModel(
        "deepseek_v2_lite",
        15_700_000_000,
        "arXiv:2405.04434, appendix B, 15.7B",
        f.deepseek_parameters(False),
        f.deepseek_macs,
        f.deepseek_kv,
    ),
    PublicModel(
        "deepseek_v3",
        671_000_000_000,
        "arXiv:2412.19437, abstract, 671B",
        f.deepseek_parameters(True),
        f.deepseek_macs,
        f.deepseek_kv,
    ),
    PublicModel(
        "gpt_oss_20b",
        20_910_000_000,
        "arXiv:2508.10925, table 1, 20.91B",
        f.expert_parameters(f.gpt_oss_vectors),
        f.expert_macs(f.half_the_layers),
        f.kv(f.half_the_layers),
    ),
    PublicModel("t5_base", 223_000_000, "page, 223M", f.t5_parameters, f.t5_macs, f.t5_kv),
    PublicModel("flan_t5_base", 248_000_000, "page, 248M", f.t5_parameters, f.t5_macs, f.t5_kv),
    PublicModel("whisper_large_v3", 1_550_000_000, "card, 1550M", f.whisper_parameters, f.whisper_macs, f.whisper_kv),
    PublicModel("mamba_130m", 129_000_000, "page, 129M", f.mamba_parameters, f.mamba_macs, f.mamba_state),
    PublicModel("mamba_codestral_7b", 7_285_403_648, "card", f.mamba2_parameters, f.mamba2_macs, f.mamba2_state),
    PublicModel(
        "falcon_h1_0_5b",
        521_000_000,
        "arXiv:2507.22448, 521M; not looked up again, not certain",
        f.gated_parameters(f.falcon_h1_vectors, False),
        f.falcon_h1_macs,
        f.falcon_h1_cache,
    ),
)
