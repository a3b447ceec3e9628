"""What cannot be done on PIM is refused with its place, before anything is simulated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim.config.load import load_architecture
from sim.core.errors import InputError
from sim.run.simulate import run_trace
from sim.trace.load import load_trace

SECTION = "chip.attacc.hbm"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({f"{SECTION}.model": "bandwidth"}, "model: bank"),
        ({f"{SECTION}.pim.commands": "attac_bank"}, "attacc_bank"),
        ({f"{SECTION}.pim.commands": "newton"}, "does not have this PIM command set"),
        ({f"{SECTION}.pim.access": "concurrent"}, "two row buffers"),
        ({f"{SECTION}.pim.command_bus": "own"}, "command_bus own needs access concurrent"),
        ({f"{SECTION}.pim.share": "token"}, "head"),
        ({f"{SECTION}.capacity": "1000000 B"}, "does not divide"),
    ],
)
def test_a_section_that_cannot_be_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        load_architecture("attacc", changes)


def test_the_place_of_a_wrong_section_is_told(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("extends: pim_gpt\nname: wrong\nchip:\n  gddr:\n    pim: {commands: attacc_bank}\n")
    with pytest.raises(InputError) as caught:
        load_architecture(file)
    assert "wrong.yaml:" in str(caught.value) or "pim_gpt.yaml:" in str(caught.value)
    assert "does not have this PIM command set" in str(caught.value)


def test_an_unknown_command_set_is_told_at_its_own_line(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("extends: pim_gpt\nname: wrong\nchip:\n  gddr:\n    pim:\n      commands: newtom\n")
    said = r"wrong.yaml:6:\d+: .*pim.commands: not one of its values; found newtom.*did you mean 'newton'"
    with pytest.raises(InputError, match=said):
        load_architecture(file)


def test_a_model_larger_than_the_tier_is_refused_with_the_bytes() -> None:
    with pytest.raises(InputError, match="does not fit pim_gpt"):
        run_trace(load_trace("llama2_7b_decode"), load_architecture("pim_gpt"))


def test_heads_that_do_not_fit_a_row_stay_with_the_host() -> None:
    from sim.trace.builder import TraceBuilder

    b = TraceBuilder("wide", dtype="fp16")
    query, cache = b.activation("q", (1, 2048)), b.tensor("k", (64, 2048), "kv_cache")
    dims = {"heads": 1, "kv_heads": 1, "head_dim": 2048, "requests": ((1, 64),)}
    b.op("score", "attention_score", dims, {"a": query, "b": cache}, b.activation("s", (1, 64)))
    record = run_trace(b.build(outputs=["s"]), load_architecture("pim_gpt"))
    assert [one.engine for one in record.operators] == ["vector"]
