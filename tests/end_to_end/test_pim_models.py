"""Shipped models in sub-batches and in program order on processing in memory; requests of uneven contexts over channels."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from sim.config.load import load_architecture
from sim.core.errors import InputError
from sim.mapping.pim_layout import balance
from sim.run.record import RunRecord
from sim.run.simulate import run_trace
from sim.trace.load import lower

CONFIGS = Path(__file__).resolve().parents[2] / "traces" / "configs"
CONTEXTS = (500, 37, 100, 64)
LAYERS = {"gpt2": "n_layer", "llama2_7b": "num_hidden_layers", "mixtral_8x7b": "num_hidden_layers"}


def _run(model: str, folder: Path, **changes: object) -> RunRecord:
    """One layer of a decode step of four requests."""
    config = json.loads((CONFIGS / model / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, LAYERS[model]: 1}))
    trace = lower(folder / "config.json", phase="decode", batch=4, context=CONTEXTS, dtype="fp16")
    return run_trace(trace, load_architecture("neupims", {"chip.hbm.capacity": "64 GiB", **changes}))


@pytest.mark.parametrize("model", ["gpt2", "llama2_7b"])
def test_sub_batches_do_the_same_work_in_two_streams(model: str, tmp_path: Path) -> None:
    whole, parts = _run(model, tmp_path), _run(model, tmp_path, **{"policy.sub_batches": 2, "policy.lookahead": 16})
    assert sum(one.macs for one in parts.operators) == sum(one.macs for one in whole.operators)
    scores = [one for one in parts.operators if one.kind == "attention_score"]
    assert [one.engine for one in scores] == ["pim", "pim"] and {one.name[-2:] for one in scores} == {"/0", "/1"}
    assert sorted(context for one in scores for _, context in one.dims["requests"]) == sorted(CONTEXTS)


@pytest.mark.parametrize("model", sorted(LAYERS))
def test_program_order_is_never_faster_than_dependencies(model: str, tmp_path: Path) -> None:
    found = {order: _run(model, tmp_path, **{"chip.hbm.pim.order": order}) for order in ("program", "dependencies")}
    assert found["program"].elapsed_ps >= found["dependencies"].elapsed_ps
    on_units = [one for one in found["program"].operators if one.engine == "pim"]
    assert on_units and all(one.last_end_ps <= then.first_start_ps for one, then in pairwise(on_units))


def test_experts_tokens_are_not_split_by_requests(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"sub_batches: .*cannot be split by requests"):
        _run("mixtral_8x7b", tmp_path, **{"policy.sub_batches": 2})


def test_greedy_balances_uneven_contexts_and_round_robin_does_not() -> None:
    contexts = [900, 10, 900, 10, 900, 10, 900, 10]
    load = {}
    for how in ("greedy", "round_robin"):
        channels = balance(contexts, 2, how)  # type: ignore[arg-type]
        load[how] = [
            sum(one for one, at in zip(contexts, channels, strict=True) if at == channel) for channel in (0, 1)
        ]
    assert load == {"greedy": [1820, 1820], "round_robin": [3600, 40]}
