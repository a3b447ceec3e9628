"""The SCALE-Sim frontend: its two forms, its rounding, and every problem of a file at its cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.core.errors import InputError
from sim.trace.load import lower
from sim.trace.summary import summarize

CONV_HEADER = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,"
#: The layers of AlexNet (Krizhevsky et al. 2012, one tower) with inputs already padded, as that tool takes them.
ALEXNET = f"""{CONV_HEADER}
Conv1, 227, 227, 11, 11, 3, 96, 4,
Conv2, 31, 31, 5, 5, 96, 256, 1,
Conv3, 15, 15, 3, 3, 256, 384, 1,
FC6, 6, 6, 6, 6, 256, 4096, 1,
"""


def topology(folder: Path, text: str, name: str = "net.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def problems_of(path: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        lower(path)
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


def test_convolutions(tmp_path: Path) -> None:
    trace = lower(topology(tmp_path, ALEXNET))
    sizes = {operator.name: (operator.dims["out_h"], operator.dims["out_w"]) for operator, _ in trace.operators()}
    assert sizes == {"Conv1": (55, 55), "Conv2": (27, 27), "Conv3": (13, 13), "FC6": (1, 1)}
    macs = 55 * 55 * 96 * 363 + 27 * 27 * 256 * 2400 + 13 * 13 * 384 * 2304 + 4096 * 9216
    assert summarize(trace).macs == macs


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "out"), [(8, 3, 2, 4), (7, 3, 2, 3), (224, 7, 2, 110), (5, 5, 3, 1)]
)
def test_outputs_round_up_as_that_tool_does(tmp_path: Path, size: int, kernel: int, stride: int, out: int) -> None:
    """ceil((H - R + stride) / stride); rounding down would give 3 in the first case and 109 in the third."""
    line = f"c, {size}, {size + 1}, {kernel}, {kernel}, 1, 1, {stride}, 1,"
    ((operator, _),) = lower(topology(tmp_path, f"{CONV_HEADER}\n{line}\n")).operators()
    assert (operator.dims["out_h"], operator.dims["out_w"]) == (out, size + 1 - kernel + 1)


def test_gemms_and_sparsity(tmp_path: Path) -> None:
    trace = lower(topology(tmp_path, "Layer,M,N,K,Sparsity,\r\nA,5,6,7,2:4,\r\n\r\nB,1,2,3,\r\n,,,\r\n"), dtype="int8")
    found = [(op.name, op.kind, dict(op.dims), dict(op.attributes)) for op, _ in trace.operators()]
    assert found == [
        ("A", "gemm", {"m": 5, "n": 6, "k": 7}, {"sparsity": "2:4"}),
        ("B", "gemm", {"m": 1, "n": 2, "k": 3}, {}),
    ]
    assert {tensor.dtype for tensor, _ in trace.tensors()} == {"int8"}


def test_layers_do_not_feed_each_other_and_may_share_a_name(tmp_path: Path) -> None:
    trace = lower(topology(tmp_path, "Layer,M,N,K\nA,2,3,4\nA,2,4,3\n"))
    operators = [operator for operator, _ in trace.operators()]
    assert [operator.name for operator in operators] == ["A", "A#2"]
    written = {use.tensor for operator in operators for use in operator.outputs}
    read = {use.tensor for operator in operators for _, uses in operator.inputs for use in uses}
    assert not written & read
    assert set(trace.outputs) == written
    assert "independent" in trace.notes[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["the topology has no layers"]),
        ("Layer,M,N,K\n", ["the topology has no layers"]),
        ("A,1,2,3\nB,1,2,3\n", ["1:1: the first line must be a header"]),
        (
            "Layer,M,N,K\nA,1,x,-3\nB,0,2,3\nC,1\n",
            ["2:5: n must be", "2:7: k must be", "3:3: m must be", "4:1: a layer"],
        ),
        ("Layer,M,N,K\n,1,2,3\n", ["2:1: the layer has no name"]),
        ("Layer,M,N,K\nA,1,2,3,4:2\n", ["2:9: not a sparsity"]),
        ("Layer,M,N,K\nA,1,2,3,a:b\n", ["2:9: not a sparsity"]),
        (f"{CONV_HEADER}\nA, 5, 5, 7, 3, 1, 1, 1,\n", ["2:10: the filter is larger than the input"]),
        (f"{CONV_HEADER}\nA, 5, 5, 3, 3, 1, 1, 1,\nB, 1, 2, 3\n", ["convolutions and GEMMs cannot be mixed"]),
        ("Layer,M,N,K\nA,1,2," + "9" * 30 + "\n", ["2:7: k must be"]),
    ],
)
def test_every_problem_is_told_at_its_cell(tmp_path: Path, text: str, expected: list[str]) -> None:
    found = problems_of(topology(tmp_path, text))
    assert len(found) == len(expected)
    for line, start in zip(found, expected, strict=True):
        assert line.strip().startswith(start)
