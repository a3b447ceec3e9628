"""The trace reader: every problem at its key, all at once, and no traceback whatever the file holds."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from sim.core import text_file
from sim.core.errors import InputError, Problem
from sim.trace.reader import read_trace

HEADER = '{"format":"tilesim-trace","version":1,"name":"t"}'
GOOD = [
    HEADER,
    '{"tensor":"x","role":"activation","dtype":"bf16","shape":[4,8]}',
    '{"tensor":"w","role":"weight","dtype":"int8","shape":[8,16]}',
    '{"tensor":"y","role":"activation","dtype":"bf16","shape":[4,16]}',
    '{"op":"p","kind":"gemm","dims":{"m":4,"n":16,"k":8},"inputs":{"a":["x"],"b":["w"]},"outputs":["y"]}',
]

OPENED = [f'{{"repeat":"i{number}","count":2}}' for number in range(9)]
CLOSED = [f'{{"end":"i{number}"}}' for number in reversed(range(9))]


def problems_of(path: Path, lines: list[str] | bytes) -> list[Problem]:
    path.write_bytes(lines if isinstance(lines, bytes) else ("\n".join(lines) + "\n").encode())
    with pytest.raises(InputError) as caught:
        read_trace(path)
    return list(caught.value.problems)


def with_line(number: int, line: str) -> list[str]:
    return [*GOOD[: number - 1], line, *GOOD[number:]]


def test_a_good_file_reads(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("\ufeff" + "\r\n".join(GOOD) + "\n\n", encoding="utf-8")
    trace = read_trace(path)
    ((operator, blocks),) = trace.operators()
    assert (trace.name, operator.name, blocks) == ("t", "p", ())
    assert operator.place is not None
    assert operator.place.line == 5


@pytest.mark.parametrize(
    ("number", "line", "column_of", "message", "suggestion"),
    [
        (2, '{"tensor":"x","role":"activaton","dtype":"bf16","shape":[4,8]}', '"role"', "unknown role", "activation"),
        (2, '{"tensor":"x","role":"weight","dtype":"bf61","shape":[4,8]}', '"dtype"', "unknown data type", "bf16"),
        (2, '{"tensor":"x","role":"weight","dtype":"bf16","shap":[4,8]}', '"shap"', "unknown key", "shape"),
        (2, '{"tensor":"x","role":"weight","dtype":"bf16","shape":[4,0]}', "0]", "must be at least 1", None),
        (2, '{"tensor":"x","role":"weight","dtype":"bf16","shape":[4,2.5]}', "2.5", "not a whole number", None),
        (2, '{"tensor":"x","role":"weight","dtype":"bf16","shape":[4,true]}', "true", "not a whole number", None),
        (
            2,
            '{"tensor":"x","role":"weight","dtype":"bf16","shape":["4 + step"]}',
            '"4 +',
            "'step' is not the index",
            None,
        ),
        (2, '{"tensor":"x","role":"weight","dtype":"bf16","shape":[99999999999999]}', "9999", "absurdly large", None),
        (2, '{"tensor":"x","role":"weight","dtype":"bf16","shape":[4],"shape":[4,8]}', '"shape":[4,8]', "twice", None),
        (2, '{"tensor":7,"role":"weight","dtype":"bf16","shape":[4]}', '"tensor"', "must be a string", None),
        (2, '{"tensr":"x"}', "{", "exactly one of the keys", None),
        (5, GOOD[4].replace("gemm", "gem"), '"kind"', "unknown kind", "gemm"),
        (5, GOOD[4].replace('"m":4', '"mm":4'), '"mm"', "no such dimension", "m"),
        (5, GOOD[4].replace('"m":4', '"m":-4'), '"m"', "must be at least 1", None),
        (5, GOOD[4].replace('"m":4', '"m":[4]'), '"m"', "must be a size", None),
        (5, GOOD[4].replace('"m":4,', ""), '"dims"', "dimension missing: m", None),
        (5, GOOD[4].replace('"m":4', '"m":5'), '"a"', "hold", None),
        (5, GOOD[4].replace('"a"', '"c"'), '"c"', "no such port", None),
        (5, GOOD[4].replace('["x"]', '["xx"]'), '"xx"', "not declared before", "x"),
        (5, GOOD[4].replace('["x"]', '"x"'), '"a"', "must be a list", None),
        (5, GOOD[4].replace('["x"]', '[{"tensor":"x","elements":33}]'), '"elements"', "which has 32", None),
        (5, GOOD[4].replace('["x"]', '[{"tensor":"x"}]'), '{"tensor"', "a use must be", None),
        (5, GOOD[4][:-1] + ',"attributes":{"sparse":"2:4"}}', '"sparse"', "no such attribute", "sparsity"),
        (5, GOOD[4][:-1] + ',"attributes":{"sparsity":"5:4"}}', '"dims"', "sparsity must be N:M", None),
        (1, HEADER.replace("}", ',"outputs":["z"]}'), '"z"', "not a tensor", None),
        (1, HEADER.replace('"name"', '"nam"'), '"nam"', "unknown key", "name"),
    ],
)
def test_a_bad_key_is_told_with_its_line_and_column(
    tmp_path: Path, number: int, line: str, column_of: str, message: str, suggestion: str | None
) -> None:
    found = problems_of(tmp_path / "t.jsonl", with_line(number, line))
    matching = [problem for problem in found if message in problem.message]
    assert matching, found
    place = matching[0].place
    assert place is not None
    assert (place.line, place.column) == (number, line.index(column_of) + 1)
    assert matching[0].nearest == suggestion


def test_all_problems_come_at_once_and_nothing_follows_from_a_broken_line(tmp_path: Path) -> None:
    lines = with_line(2, '{"tensor":"x","role":"activation","dtype":"bf16","shape":[4,"8 *"]}')
    lines[2] = lines[2].replace("int8", "int9")
    lines[4] = lines[4].replace("gemm", "gem")
    found = problems_of(tmp_path / "t.jsonl", lines)
    assert [problem.place.line for problem in found if problem.place] == [2, 3, 5]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([*GOOD, '{"repeat":"layer","count":2,"over":"layers"}'], "is not closed"),
        ([*GOOD, '{"end":"layer"}'], "where none is open"),
        ([*GOOD, '{"repeat":"i","count":2}', '{"end":"j"}'], "the end of another block"),
        ([*GOOD, '{"repeat":"i","count":0}', '{"end":"i"}'], "not a count"),
        ([*GOOD, '{"repeat":"i","count":99999999999}', '{"end":"i"}'], "not a count"),
        ([*GOOD, '{"repeat":"i","count":2,"over":"layer"}', '{"end":"i"}'], "unknown meaning"),
        ([*GOOD, '{"repeat":"a b","count":2}', '{"end":"a b"}'], "must be a name"),
        ([*GOOD, *OPENED, *CLOSED], "nested more than"),
        ([*GOOD, "[1, 2]"], "must be a JSON object"),
        ([*GOOD, "{"], "not JSON"),
        ([*GOOD, '{"tensor":NaN}'], "NaN is not a JSON number"),
        ([*GOOD, "[" * 100_000], "nested too deeply"),
        ([*GOOD, '{"tensor":"q","role":"weight","dtype":"bf16","shape":[' + "9" * 5000 + "]}"], "not JSON we can read"),
        ([*GOOD, '{"tensor":"\\ud800","role":"weight","dtype":"bf16","shape":[1]}'], "half a character"),
        ([*GOOD, '{"tensor":"a\\nb","role":"weight","dtype":"bf16","shape":[1]}'], "must be a name"),
        ([*GOOD, GOOD[4]], "already defined"),
        ([*GOOD, GOOD[1]], "already declared"),
        ([HEADER], "no operators"),
        (['{"format":"other"}', *GOOD[1:]], "must be the header"),
        (GOOD[1:], "must be the header"),
        ([HEADER.replace(":1", ":2"), *GOOD[1:]], "unknown version"),
        (["M,N,K"], "not JSON"),
        ([""], "the file is empty"),
    ],
)  # fmt: skip
def test_what_else_can_be_wrong(tmp_path: Path, lines: list[str], message: str) -> None:
    found = problems_of(tmp_path / "t.jsonl", lines)
    assert any(message in problem.message for problem in found), found


def test_bytes_that_are_not_utf8_are_placed(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path / "t.jsonl", HEADER.encode() + "\n{é".encode() + b"\xff}")
    assert problem.place is not None
    assert (problem.place.line, problem.place.column, problem.found) == (2, 3, "byte 0xff")


def test_a_file_that_is_not_there_a_folder_and_one_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(InputError, match="cannot read"):
            read_trace(path)
    monkeypatch.setattr(text_file, "MAX_BYTES", 10)
    (problem,) = problems_of(tmp_path / "t.jsonl", GOOD)
    assert "too large" in problem.message


def test_damaged_files_give_input_errors_only(tmp_path: Path) -> None:
    """Ten kinds of damage, many times over, with a fixed seed: a trace or an InputError, nothing else."""
    random_ = random.Random(7)
    text = "\n".join([*GOOD, '{"repeat":"i","count":2,"carry":{"x":"x2"}}', '{"end":"i"}'])
    pieces = ['"', "{", "}", "[", "]", ",", ":", "null", "-1", "1e9", '"x"', "\\", "\x00", "9" * 30, '"4 + i"', "true"]
    path = tmp_path / "t.jsonl"
    refused = 0
    for _ in range(1500):
        damaged = text
        for _ in range(random_.randint(1, 3)):
            at = random_.randrange(len(damaged))
            damaged = damaged[:at] + random_.choice(pieces) + damaged[at + random_.randint(0, 6) :]
        path.write_text(damaged, encoding="utf-8")
        try:
            read_trace(path)
        except InputError:
            refused += 1
    assert refused > 1000


def test_replacing_any_value_by_any_other_gives_input_errors_only(tmp_path: Path) -> None:
    values = [None, True, 0, -3, 10**30, 1.5, "", "x", [], [[]], {}, {"tensor": "x"}, [{"a": [1]}], "1 + i"]
    path = tmp_path / "t.jsonl"
    refused = 0
    for number, line in enumerate(GOOD):
        for key in json.loads(line):
            for value in values:
                table = json.loads(line) | {key: value}
                path.write_text("\n".join([*GOOD[:number], json.dumps(table), *GOOD[number + 1 :]]), encoding="utf-8")
                try:
                    read_trace(path)
                except InputError:
                    refused += 1
    assert refused > 200
