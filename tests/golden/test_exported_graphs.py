"""Ten graphs as exporters write them: everything lowered, MACs and parameters those counted apart from the graph."""

from __future__ import annotations

from pathlib import Path

import pytest
from exported_models import END, MODELS, START, Exported, table

import sim
from sim.trace.check import check_trace
from sim.trace.reader import read_trace
from sim.trace.summary import summarize
from sim.trace.writer import write_trace

SMALL_SHAPES = {
    "bert": {"sequence_length": 12}, "gpt2": {"sequence_length": 9}, "lstm": {"tokens": 6}, "unet": {"H": 32, "W": 32},
    "t5": {"encoder_sequence_length": 7, "decoder_sequence_length": 5},
}  # fmt: skip


@pytest.mark.parametrize("model", MODELS, ids=[model.name for model in MODELS])
def test_macs_and_parameters(model: Exported, tmp_path: Path) -> None:
    trace = model.trace(tmp_path)
    assert not [note for note in trace.notes if note.startswith("left out: operator")]
    found = summarize(trace)
    assert found.macs == pytest.approx(model.macs, rel=1e-5)
    assert found.parameters == pytest.approx(model.parameters, rel=0.005)
    macs, source = model.published
    if macs is not None:
        assert source
        # Ultralytics prints two digits, 8.7 GFLOPs: half a unit of the last is 0.6 %.
        assert found.macs == pytest.approx(macs, rel=0.006 if model.name == "yolo" else 0.005)


@pytest.mark.parametrize("model", MODELS, ids=[model.name for model in MODELS])
def test_small_copies_run_and_survive_the_trace_file(model: Exported, tmp_path: Path) -> None:
    trace = model.trace(tmp_path, "small", **SMALL_SHAPES.get(model.name, {}))
    check_trace(trace)
    write_trace(trace, tmp_path / "trace.jsonl")
    assert read_trace(tmp_path / "trace.jsonl") == trace
    result = sim.simulate(trace, sim.load_architecture("edge_npu"))
    assert result.macs == summarize(trace).macs > 0


@pytest.mark.parametrize("tokens", [16, 40])
def test_named_dimensions_change_the_work_by_the_closed_form(tmp_path: Path, tokens: int) -> None:
    (bert,) = [model for model in MODELS if model.name == "bert"]
    found = summarize(bert.trace(tmp_path, "small", sequence_length=tokens)).macs
    width, inner = 32, 64
    assert found == 2 * tokens * (4 * width**2 + 2 * tokens * width + 2 * width * inner) + width**2


def test_the_table_in_the_documents_is_what_is_lowered(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "models-supported.md").read_text(encoding="utf-8")
    assert START in text and END in text
    assert table(tmp_path) in text, "run scripts/make_models_table.py"
