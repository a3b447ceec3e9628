"""Regenerates docs/studies/pim.md: published systems with processing in memory against the same machines without it.

python scripts/study_pim.py [SECTION]...      sections: neupims attacc duplex pim_gpt aim hbm_pim (default: all; minutes)
"""

from __future__ import annotations

import functools
import json
import random
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import sim
from sim.run.simulate import run_trace
from sim.trace.decoder_block import decoder_block

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "studies" / "pim.md"
ATTENTION = ("attention_score", "attention_softmax", "attention_value")

LLAMA_65B = {"model_type": "llama", "hidden_size": 8192, "num_attention_heads": 64, "num_hidden_layers": 80,
             "intermediate_size": 22016, "vocab_size": 32000, "max_position_embeddings": 4096}  # fmt: skip
MIXTRAL = {"model_type": "mixtral", "hidden_size": 4096, "num_attention_heads": 32, "num_key_value_heads": 8,
           "num_hidden_layers": 32, "intermediate_size": 14336, "num_local_experts": 8, "num_experts_per_tok": 2,
           "vocab_size": 32000, "max_position_embeddings": 32768}  # fmt: skip
GLAM = {"model_type": "qwen3_moe", "hidden_size": 4096, "num_attention_heads": 32, "num_key_value_heads": 32,
        "head_dim": 128, "num_hidden_layers": 32, "intermediate_size": 10944, "moe_intermediate_size": 10944,
        "num_experts": 64, "num_experts_per_tok": 2, "decoder_sparse_step": 2, "vocab_size": 32000, "norm_topk_prob": True,
        "max_position_embeddings": 8192}  # fmt: skip
"""GLaM's two matrices of 16384 as three of two thirds, which have as many weights."""


def gpt(width: int, layers: int, heads: int, positions: int = 2048) -> dict[str, Any]:
    """A GPT-2 or GPT-3 configuration (GPT-3 small and medium have the sizes of GPT-2's)."""
    return {"model_type": "gpt2", "n_embd": width, "n_layer": layers, "n_head": heads, "n_positions": positions,
            "vocab_size": 50257}  # fmt: skip


GPT_175B = gpt(12288, 96, 96, 4096)
GPTS = {
    "GPT-2 small": gpt(768, 12, 12), "GPT-2 medium": gpt(1024, 24, 16), "GPT-2 large": gpt(1280, 36, 20),
    "GPT-2 XL": gpt(1600, 48, 25), "GPT-3 large": gpt(1536, 24, 16), "GPT-3 XL": gpt(2048, 24, 16),
}  # fmt: skip


class Point(NamedTuple):
    """A decode step: milliseconds in all and of attention, joules for each token, share of attention's time in PIM."""

    ms: float
    attention_ms: float
    token_j: float


def decode(
    config: Mapping[str, Any], arch: str, batch: int, context: int, tp: int = 1, experts: str | None = None, **changes: Any
) -> Point:  # fmt: skip
    """One decode step of a model on an architecture; ``experts``: how its tokens are drawn to experts."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(json.dumps(config))
        trace = sim.lower(folder, phase="decode", batch=batch, context=context, dtype="fp16", tp=tp, experts=experts)
    return point(trace, arch, tuple(sorted(changes.items())), batch)


def point(trace: Any, arch: str, changes: tuple[tuple[str, Any], ...], batch: int) -> Point:
    """The figures of one run."""
    result = sim.simulate(trace, sim.load_architecture(arch, dict(changes)))
    attention = sum(one["time_s"] for one in result.to_dict()["operators"] if one["kind"] in ATTENTION)
    assert result.energy_j is not None
    return Point(result.time_s * 1e3, attention * 1e3, result.energy_j / batch)


def table(head: str, rows: list[list[str]]) -> list[str]:
    """A Markdown table; ``head`` with columns separated by bars."""
    columns = head.split("|")
    return ["| " + " | ".join(row) + " |" for row in ([*columns], ["---"] * len(columns), *rows)] + [""]


UNITS = {"bank": "attacc_bank", "bank group": "attacc_bg", "buffer die": "attacc_buffer"}
ATTACC_POINTS: dict[tuple[str, int, str], tuple[float, float, float]] = {
    ("GPT-175B", 1, "none"): (31.03, 3.97, 11.79),
    ("GPT-175B", 1, "bank"): (17.08, 0.37, 11.52),
    ("GPT-175B", 54, "none"): (55.75, 23.81, 37.85 / 54),
    ("GPT-175B", 54, "bank"): (30.19, 2.95, 22.44 / 54),
    ("GPT-175B", 54, "bank group"): (38.13, 6.35, 26.82 / 54),
    ("GPT-175B", 54, "buffer die"): (51.20, 26.33, 34.27 / 54),
    ("LLaMA-65B", 81, "none"): (37.92, 19.84, 24.44 / 81),
    ("LLaMA-65B", 81, "bank"): (17.91, 2.46, 11.60 / 81),
    ("LLaMA-65B", 81, "bank group"): (23.24, 5.29, 15.25 / 81),
    ("LLaMA-65B", 81, "buffer die"): (37.83, 21.94, 21.46 / 81),
}
"""AttAcc simulator (commit c600051), 2048 tokens in, 128 out: ms a token in all and of attention, J a token."""
ATTACC_MODELS = {"GPT-175B": GPT_175B, "LLaMA-65B": LLAMA_65B}


@functools.cache
def attacc_point(model: str, batch: int, units: str) -> Point:
    """A decode step at the mean context of 2048 tokens in and 128 out."""
    if units == "none":
        changes: dict[str, Any] = {"chip.hbm.capacity": "160 GiB"}
        return decode(ATTACC_MODELS[model], "attacc_off", batch, 2112, tp=8, **changes)
    return decode(ATTACC_MODELS[model], "attacc", batch, 2112, tp=8, **{"chip.attacc.hbm.pim.commands": UNITS[units]})


def attacc() -> list[str]:
    """GPT-175B and LLaMA-65B."""
    rows = []
    for (model, batch, units), (ms, attention, joules) in ATTACC_POINTS.items():
        own, twin = attacc_point(model, batch, units), attacc_point(model, batch, "none")
        ref = ATTACC_POINTS[model, batch, "none"]
        gains = [f"{twin.ms / own.ms:.2f} x", f"{ref[0] / ms:.2f} x", f"{own.token_j:.3f}", f"{joules:.3f}"]
        times = [f"{one:.2f}" for one in (own.ms, ms, own.attention_ms, attention)]
        rows.append([model, str(batch), units, *times, *gains])
    head = ("model|batch|units in|ms a step|AttAcc simulator|attention ms|AttAcc simulator|speedup|AttAcc simulator|"
            "J a token|AttAcc simulator")  # fmt: skip
    return table(head, rows)


DUPLEX_POINTS: list[tuple[str, int, int, int, str]] = [
    ("Mixtral", 64, 256, 256, ""), ("Mixtral", 64, 256, 256, "uniform:0"), ("Mixtral", 64, 256, 256, "zipf:1:0"),
    ("GLaM", 64, 512, 512, ""), ("GLaM", 64, 512, 512, "uniform:0"),
]  # fmt: skip
"""Model, batch, tokens in and out, and how tokens are drawn to experts ("": evenly)."""
DUPLEX_PUBLISHED = {("Mixtral", 64, 256, "uniform:0"): "2.05 x"}


@functools.cache
def duplex_point(model: str, batch: int, context: int, drawn: str, arch: str) -> Point:
    """A decode step on four devices (Mixtral) or eight (GLaM)."""
    config, chips = {"Mixtral": (MIXTRAL, 4), "GLaM": (GLAM, 8)}[model]
    return decode(config, arch, batch, context, tp=chips, experts=drawn or None, **{"chip.count": chips})


def duplex() -> list[str]:
    """Mixtral and GLaM."""
    rows = []
    for model, batch, given, made, drawn in DUPLEX_POINTS:
        context = given + made // 2
        own, twin = (duplex_point(model, batch, context, drawn, name) for name in ("duplex", "duplex_off"))
        saved = f"{100 * (1 - own.token_j / twin.token_j):.0f} %"
        gain, published = f"{twin.ms / own.ms:.2f} x", DUPLEX_PUBLISHED.get((model, batch, given, drawn), "")
        rows.append([model, str(batch), f"{given} + {made}", drawn or "evenly", f"{own.ms:.2f}", f"{twin.ms:.2f}", gain,
                     published, saved])  # fmt: skip
    return table("model|batch|tokens in + out|to experts|ms a step|twin ms|speedup|published|energy saved", rows)


@functools.cache
def gpt_point(model: str, arch: str) -> Point:
    """A step in the middle of 1024 generated tokens."""
    return decode(GPTS[model], arch, 1, 512)


def pim_gpt() -> list[str]:
    """GPT-2 and GPT-3 at batch 1."""
    rows = []
    for model in GPTS:
        own, twin, gpu = (gpt_point(model, name) for name in ("pim_gpt", "pim_gpt_off", "t4"))
        rows.append([model, f"{own.ms:.3f}", f"{twin.ms / own.ms:.1f} x", f"{gpu.ms / own.ms:.1f} x",
                     f"{twin.token_j / own.token_j:.1f} x", f"{gpu.token_j / own.token_j:.1f} x",
                     f"{41 * own.ms:.1f} to {137 * own.ms:.1f}"])  # fmt: skip
    head = ("model|ms a token|speedup over its twin|over a T4 at its peaks|energy of its twin|of a T4 at its peaks|"
            "ms of a T4 that 41 and 137 x imply")  # fmt: skip
    return table(head, rows)


@functools.cache
def gddr_point(context: int, arch: str) -> Point:
    """Llama-2-7B at batch 1."""
    config = json.loads((ROOT / "traces" / "configs" / "llama2_7b" / "config.json").read_text())
    return decode(config, arch, 1, context)


def aim() -> list[str]:
    """Llama-2-7B at batch 1 on GDDR6-AiM."""
    rows = []
    for context in (512, 2048):
        own, twin = gddr_point(context, "aim_gddr6"), gddr_point(context, "aim_gddr6_off")
        rows.append([str(context), f"{own.ms:.2f}", f"{twin.ms:.2f}", f"{twin.ms / own.ms:.1f} x",
                     f"{twin.token_j / own.token_j:.1f} x"])  # fmt: skip
    return table("context|ms a token|twin ms|speedup|energy of its twin", rows)


@functools.cache
def stack_point(config: str, context: int, arch: str) -> Point:
    """A shipped model at batch 1 on HBM-PIM or its twin."""
    return decode(json.loads((ROOT / "traces" / "configs" / config / "config.json").read_text()), arch, 1, context)


def hbm_pim() -> list[str]:
    """GPT-2 and Llama-2-7B at batch 1 on HBM-PIM."""
    rows = []
    for config, name in (("gpt2", "GPT-2 small"), ("llama2_7b", "Llama-2-7B")):
        own, twin = stack_point(config, 512, "hbm_pim"), stack_point(config, 512, "hbm_pim_off")
        rows.append([name, f"{own.ms:.3f}", f"{twin.ms:.3f}", f"{twin.ms / own.ms:.2f} x",
                     f"{twin.token_j / own.token_j:.2f} x"])  # fmt: skip
    return table("model|ms a token|twin ms|speedup|energy of its twin", rows)


NEUPIMS_MODELS = {"GPT3-7B": (4096, 32), "GPT3-13B": (5120, 40), "GPT3-30B": (7168, 56)}
NEUPIMS_POINTS = [(model, batch) for model in NEUPIMS_MODELS for batch in (64, 128, 256, 384, 512)]
NEUPIMS_MODES: dict[str, dict[str, Any]] = {
    "npu": {"chip.hbm.pim.enabled": False},
    "turns": {"chip.hbm.pim.commands": "newton", "chip.hbm.pim.balance": "round_robin"},
    "dual": {},
    "interleaved": {"policy.sub_batches": 2, "policy.lookahead": 16},
}
TENSOR_PARALLEL = 4


def share_gpt(requests: int, seed: int = 0) -> tuple[int, ...]:
    """Contexts of requests somewhere in their generation: inputs of mean 80, outputs of mean 296, both exponential."""
    chance = random.Random(seed)
    return tuple(
        min(1024, 1 + round(chance.expovariate(1 / 80) + chance.random() * chance.expovariate(1 / 296)))
        for _ in range(requests)
    )


@functools.cache
def block_ms(model: str, batch: int, mode: str) -> float:
    """Milliseconds of a decoder block on one device; interleaved: of one more block after the first."""
    hidden, heads = NEUPIMS_MODELS[model]
    shape = (hidden, heads // TENSOR_PARALLEL, 128, 4 * hidden // TENSOR_PARALLEL)
    contexts = share_gpt(batch)

    def run(blocks: int) -> float:
        trace = decoder_block(model, *shape, contexts, blocks)
        return float(run_trace(trace, sim.load_architecture("neupims", NEUPIMS_MODES[mode])).elapsed_ps) / 1e9

    return run(1) if mode != "interleaved" else run(2) - run(1)


def neupims() -> list[str]:
    """Batched decode of GPT-3 models."""
    rows = []
    for model, batch in NEUPIMS_POINTS:
        npu, turns, dual, both = (block_ms(model, batch, mode) for mode in NEUPIMS_MODES)
        best = min(dual, both)
        rate = [f"{batch / one:.0f}" for one in (npu, turns, dual, both)]
        rows.append([model, str(batch), *rate, f"{npu / best:.2f} x", f"{turns / best:.2f} x", f"{dual / both:.2f} x"])
    gains = [[float(row[place].split()[0]) for row in rows] for place in (6, 7)]
    means = [f"{sum(one) / len(one):.2f} x" for one in gains]
    rows.append(["mean", "", "", "", "", "", *means, ""])
    rows.append(["published mean", "", "", "", "", "", "2.4 x", "1.6 x", "above 1 from 256 on"])
    head = ("model|batch|NPU only|NPU + PIM in turns|dual row buffers|and interleaved|best over NPU only|over NPU + PIM|"
            "interleaved over not")  # fmt: skip
    return table(head, rows)


SECTIONS = {"neupims": neupims, "attacc": attacc, "duplex": duplex, "pim_gpt": pim_gpt, "aim": aim,
            "hbm_pim": hbm_pim}  # fmt: skip


def regenerate(page: str, names: list[str]) -> str:
    """The page with the tables of these sections made anew; each stands between its two comments."""
    for name in names:
        begin, end = f"<!-- {name} -->\n", f"<!-- end {name} -->"
        before, _, rest = page.partition(begin)
        page = before + begin + "\n" + "\n".join(SECTIONS[name]()) + "\n" + end + rest.partition(end)[2]
    return page


if __name__ == "__main__":
    PAGE.write_text(regenerate(PAGE.read_text(encoding="utf-8"), sys.argv[1:] or list(SECTIONS)), encoding="utf-8")
    print(PAGE)
