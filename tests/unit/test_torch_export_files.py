"""PyTorch exported programs: counts of PyTorch's own counter, symbols, both forms of a program, and damaged files.

``tests/data/pt2`` was made by ``tests/support/export_programs.py`` with torch 2.14.1: only the JSON graphs are kept.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.core.errors import InputError
from sim.trace.check import check_trace
from sim.trace.frontends.torch_export.program import evaluated
from sim.trace.model import Repeat
from sim.trace.reader import read_trace
from sim.trace.summary import summarize
from sim.trace.writer import write_trace

DATA = Path(__file__).parents[1] / "data" / "pt2"
# torch.utils.flop_counter / 2. It skips what runs as one CPU kernel: the LSTM of "mixed" (2 directions x 4 steps x 2
# sequences x 16 gates x (8 + 4)) and the attention of "decoder" (2 layers x 2 sequences x 4 heads x 6 x 6 x 4, twice).
MIXED = 30_288 + 2 * 4 * 2 * 16 * 12
DECODER = 101_760 + 2 * 2 * 2 * 4 * 6 * 6 * 4


@pytest.mark.parametrize(
    ("name", "macs", "parameters"),
    [
        ("resnet50", 4_089_184_256, 25_557_032),
        ("vit_b_16_core", 17_563_828_224, 86_567_656),
        ("mobilenet_v3_small", 56_510_400, 2_542_856),
        ("decoder", DECODER, 8560),
        ("decoder_core", DECODER, 8560),
    ],
)
def test_counts_are_those_of_the_module(tmp_path: Path, name: str, macs: int, parameters: int) -> None:
    trace = sim.lower(DATA / f"{name}.pt2")
    found = summarize(trace)
    assert found.macs == macs
    assert found.parameters == pytest.approx(parameters, rel=0.005)
    check_trace(trace)
    write_trace(trace, tmp_path / "trace.jsonl")
    assert read_trace(tmp_path / "trace.jsonl") == trace


def test_one_call_of_an_lstm_is_a_block_of_steps() -> None:
    trace = sim.lower(DATA / "mixed.pt2")
    assert summarize(trace).macs == MIXED
    assert [item.count for item in trace.items if isinstance(item, Repeat)] == [4, 4]
    # Decomposed it is unrolled; the first product of each direction is with a state of zeros, and folded.
    assert summarize(sim.lower(DATA / "mixed_core.pt2")).macs == MIXED - 2 * 2 * 16 * 4


def test_dynamic_dimensions_take_the_sizes_asked_for() -> None:
    one = summarize(sim.lower(DATA / "decoder.pt2", shapes={"ids[1]": 6}, batch=4))
    assert one.macs == 2 * DECODER
    tokens = 24
    width, inner, vocabulary = 16, 64, 50
    each = 2 * width**2 + 2 * width * width // 2 + 3 * width * inner + 2 * tokens * width
    assert summarize(sim.lower(DATA / "decoder.pt2", shapes={"ids[1]": tokens})).macs == 2 * tokens * (
        2 * each + width * vocabulary
    )


def test_a_fixed_batch_cannot_be_changed_and_unknown_dimensions_are_named() -> None:
    with pytest.raises(InputError, match="exported for a fixed batch"):
        sim.lower(DATA / "resnet50.pt2", batch=8)
    with pytest.raises(InputError, match=r"ids\[1\]"):
        sim.lower(DATA / "decoder.pt2", shapes={"ids[2]": 8})


def test_it_runs() -> None:
    result = sim.simulate(sim.lower(DATA / "decoder.pt2"), sim.load_architecture("edge_npu"))
    assert result.macs_executed == DECODER


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2*s0 + 1", 11), ("Max(1, s0)", 5), ("(s0//2)", 2),
        ("Add(Integer(3), Mul(Integer(2), Symbol('s0', integer=True)))", 13),
        ("FloorDiv(s0, 2)", 2), ("Mod(s0, 3)", 2),
    ],
)  # fmt: skip
def test_expressions_of_symbols(text: str, value: int) -> None:
    assert evaluated(text, {"s0": 5}) == value


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('id')",
        "s1",
        "s0.real",
        "(lambda: 1)()",
        "s0**s0**s0",
        "1/0",
        "s0 if 1 else 2",
        "(" * 300,
    ],
)
def test_nothing_in_an_expression_is_executed(text: str) -> None:
    with pytest.raises(ValueError, match=r"evaluated|long"):
        evaluated(text, {"s0": 5})


def _graph(name: str = "decoder") -> dict[str, Any]:
    with zipfile.ZipFile(DATA / f"{name}.pt2") as archive:
        (member,) = [one for one in archive.namelist() if one.endswith(".json")]
        loaded: dict[str, Any] = json.loads(archive.read(member))
    return loaded


def _saved(folder: Path, graph: object, member: str = "m/models/model.json") -> Path:
    with zipfile.ZipFile(folder / "bad.pt2", "w") as archive:
        archive.writestr(member, json.dumps(graph))
    return folder / "bad.pt2"


def test_operators_without_a_translation_are_told_with_counts(tmp_path: Path) -> None:
    graph = _graph()
    for node in graph["graph_module"]["graph"]["nodes"]:
        node["target"] = node["target"].replace("aten.linear", "aten.linaer").replace("aten.cat", "mine.cat")
    with pytest.raises(InputError) as caught:
        sim.lower(_saved(tmp_path, graph))
    assert "aten.linaer.default (15 times" in str(caught.value) and "mine.cat.default" in str(caught.value)
    assert "aten.linear" in str(caught.value), "the nearest name"


def test_the_older_member_name_is_read_and_versions_are_checked(tmp_path: Path) -> None:
    graph = _graph()
    assert summarize(sim.lower(_saved(tmp_path, graph, "serialized_exported_program.json"))).macs == DECODER
    graph["schema_version"]["major"] = 99
    with pytest.raises(InputError, match="version of the format"):
        sim.lower(_saved(tmp_path, graph))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x02cos\nsystem\n(S'id'\ntR."])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.pt2").write_bytes(content)
    with pytest.raises(InputError, match="not an archive"):
        sim.lower(tmp_path / "bad.pt2")


def test_pickles_beside_the_graph_are_not_touched(tmp_path: Path) -> None:
    path = _saved(tmp_path, _graph())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("m/data/sample_inputs/model.pt", b"\x80\x02cbuiltins\nexit\n(tR.")
        archive.writestr("m/data/weights/weight_0", b"\x80\x02cbuiltins\nexit\n(tR.")
    assert summarize(sim.lower(path)).macs == DECODER


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.trace.frontends.torch_export import archive

    monkeypatch.setattr(archive, "MAX_BYTES", 1000)
    with pytest.raises(InputError, match="too large"):
        sim.lower(DATA / "decoder.pt2")


@pytest.mark.parametrize("size", [10**30, -1, True, "x"])
def test_absurd_sizes_are_refused(tmp_path: Path, size: object) -> None:
    """Found by fuzzing: a size beyond 64 bits."""
    graph = _graph()
    for meta in graph["graph_module"]["graph"]["tensor_values"].values():
        meta["sizes"][-1] = {"as_int": size}
    with pytest.raises(InputError, match="not an exported program"):
        sim.lower(_saved(tmp_path, graph))
