"""Writing traces: what is written reads back equal, the same trace gives the same bytes, files appear whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.core.errors import InputError
from sim.trace.affine import Extent, affine
from sim.trace.builder import TraceBuilder, part
from sim.trace.model import Operator, Trace
from sim.trace.reader import read_trace
from sim.trace.writer import trace_lines, write_trace

names = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=8)


def round_trip(trace: Trace, path: Path) -> Trace:
    write_trace(trace, path)
    return read_trace(path)


@settings(max_examples=60, deadline=None)
@given(
    layers=st.integers(1, 5),
    steps=st.integers(1, 5),
    widths=st.tuples(st.integers(1, 64), st.integers(1, 64)),
    start=st.integers(1, 1000),
    slope=st.integers(0, 7),
    name=names,
    dtype=st.sampled_from(["bf16", "int4_g128", "bits3.0625", "int8"]),
)
def test_what_is_written_reads_back_equal(
    tmp_path_factory: pytest.TempPathFactory, layers: int, steps: int, widths: tuple[int, int], start: int,
    slope: int, name: str, dtype: str,
) -> None:  # fmt: skip
    width, rows = widths
    builder = TraceBuilder(name, description='quotes " and é\n', source="s", weight_dtype=dtype)
    builder.note("a note")
    x = builder.activation("x", (rows, width))
    grown: Extent = affine(start, step=slope)
    with builder.repeat("step", steps, "steps", {x: "z"}):
        with builder.repeat("layer", layers, carry={x: "y"}):
            w = builder.weight(f"w {name}", (width, width))
            builder.activation("y", (rows, width))
            builder.op("gemm", "gemm", {"m": rows, "n": width, "k": width}, {"a": x, "b": w}, "y", {"sparsity": "2:4"})
        builder.activation("s", (grown,))
        builder.op("grow", "copy", {"elements": grown}, {"x": part(x, 1)}, "s")
        builder.activation("z", (rows, width))
        builder.op("back", "elementwise", {"elements": rows * width}, {"x": x, "y": "s"}, "z", {"function": "add"})
    trace = builder.build([x])
    path = tmp_path_factory.mktemp("traces") / "t.jsonl"
    again = round_trip(trace, path)
    assert again == trace
    first = path.read_bytes()
    assert list(trace_lines(again)) == first.decode().splitlines()


def test_the_order_in_which_dimensions_were_given_does_not_show() -> None:
    def lines(dims: dict[str, int]) -> list[str]:
        operator = Operator("p", "gemm", dims, (), (), {})
        return list(trace_lines(Trace("t", (operator,))))

    assert lines({"m": 1, "n": 2, "k": 3}) == lines({"k": 3, "n": 2, "m": 1})


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("old", encoding="utf-8")
    wrong = Operator("p", "no_such_kind", {}, (), ())
    with pytest.raises(InputError, match="unknown operator kind"):
        write_trace(Trace("t", (wrong,)), path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.jsonl"]
    assert path.read_text(encoding="utf-8") == "old"


def test_a_folder_that_is_not_there_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write"):
        write_trace(Trace("t", ()), tmp_path / "none" / "t.jsonl")


def test_permissions_are_those_of_a_plainly_written_file(tmp_path: Path) -> None:
    plain, written = tmp_path / "plain", tmp_path / "written.jsonl"
    plain.write_text("")
    write_trace(Trace("t", ()), written)
    assert plain.stat().st_mode == written.stat().st_mode
