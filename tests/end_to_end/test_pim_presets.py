"""Presets with processing in memory run a decode, and differ from their twins in what their units do."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.config.load import load_architecture
from sim.run.record import RunRecord
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder
from sim.trace.load import lower

CONFIGS = Path(__file__).resolve().parents[2] / "traces" / "configs"
ATTENTION = ("attention_score", "attention_value")
LARGE, SMALL = "llama2_7b", "gpt2"
RUNS = {"aim_gddr6": (SMALL, 1, 1), "attacc": (LARGE, 8, 16), "duplex": (LARGE, 4, 16), "pim_gpt": (SMALL, 1, 1)}
"""Preset -> model, chips, batch."""


def _run(name: str, **changes: object) -> RunRecord:
    model, chips, batch = RUNS[name.removesuffix("_off")]
    trace = lower(CONFIGS / model / "config.json", phase="decode", context=1024, batch=batch, dtype="fp16", tp=chips)
    return run_trace(trace, load_architecture(name, changes))


@pytest.mark.parametrize("name", sorted(RUNS))
def test_units_do_attention_faster_than_the_twin_does(name: str) -> None:
    found, twin = _run(name), _run(f"{name}_off")
    engines = {one.engine for one in found.operators if one.kind in ATTENTION}
    assert engines == {"pim"}
    assert "pim" not in {one.engine for one in twin.operators}
    assert sum(one.macs_executed for one in found.operators) == sum(one.macs_executed for one in twin.operators)
    assert found.elapsed_ps < twin.elapsed_ps


@pytest.mark.parametrize("places", ["attacc_bg", "attacc_buffer"])
def test_units_further_from_the_cells_take_longer(places: str) -> None:
    near, far = _run("attacc"), _run("attacc", **{"chip.attacc.hbm.pim.commands": places})
    assert far.elapsed_ps > near.elapsed_ps


def test_experts_on_the_logic_die_never_beat_its_bandwidth() -> None:
    b = TraceBuilder("experts", dtype="fp16")
    x, out = b.activation("x", (32, 4096)), b.activation("y", (32, 1408))
    weights = b.weight("w", (32, 4096, 1408))
    b.op("experts", "grouped_gemm", {"n": 1408, "k": 4096, "rows": (1,) * 32}, {"a": x, "b": weights}, out)
    record = run_trace(b.build(outputs=["y"]), load_architecture("duplex", {"policy.dispatch": "by_prediction"}))
    operator = record.operators[0]
    assert operator.engine == "pim"
    assert record.elapsed_ps >= 32 * 4096 * 1408 * 2 * 10**12 / (4 * 3_352_000_000_000)
