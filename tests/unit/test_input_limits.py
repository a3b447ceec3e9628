"""The bounds of the readers: how many problems are told, how long texts may be, what is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.core.atomic import check_writable, write_files
from sim.core.errors import MAX_PROBLEMS, InputError, Place, Problems
from sim.core.text_file import read_text
from sim.trace import json_places
from sim.trace.json_places import find_places, load_json


def test_problems_beyond_the_bound_are_counted_not_kept() -> None:
    problems = Problems()
    for number in range(MAX_PROBLEMS + 7):
        problems.add("wrong", Place("f", number + 1))
    assert (len(problems), problems.full) == (MAX_PROBLEMS + 7, True)
    with pytest.raises(InputError) as caught:
        problems.raise_if_any()
    assert len(caught.value.problems) == MAX_PROBLEMS + 1
    assert caught.value.problems[-1].message == "the first 1000 problems are told; there may be more"


def test_long_findings_are_cut_and_long_names_not_guessed() -> None:
    problems = Problems()
    problems.add("unknown", found="x" * 1000, allowed=["x" * 999], suggest_for="x" * 1000)
    with pytest.raises(InputError) as caught:
        problems.raise_if_any()
    (problem,) = caught.value.problems
    assert problem.nearest is None and problem.found == "x" * 200 + "... (1000 characters)"


def test_json_depth_is_bounded_and_shallow_json_is_not_touched() -> None:
    for depth, good in ((json_places.MAX_DEPTH, True), (json_places.MAX_DEPTH + 2, False)):
        problems = Problems()
        value = load_json("[" * depth + "]" * depth, problems, "f")
        assert (value is not None, bool(problems)) == (good, not good)


def test_places_are_found_up_to_a_bound_and_then_around(monkeypatch: pytest.MonkeyPatch) -> None:
    text = '{"a": 1,\n "b": [1, 2,\n 3], "c": 4}'
    assert find_places(text, "f").at(("b", 2)) == Place("f", 3, 2)
    assert find_places(text, "f").at(("c",)) == Place("f", 3, 6)
    monkeypatch.setattr(json_places, "MAX_PLACES", 4)
    assert find_places(text, "f").at(("b", 2)) == Place("f", 2, 2)
    assert find_places(text, "f").at(("c",)) == Place("f", 1, 1)


def test_a_key_given_twice_beyond_the_bound_is_still_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_places, "MAX_PLACES", 2)
    problems = Problems()
    load_json('{"a": 1, "b": 2, "c": 3, "c": 4}', problems, "f", 7)
    with pytest.raises(InputError, match=r"f:7: the key 'c' is given twice"):
        problems.raise_if_any()


def test_a_text_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"12345")
    problems = Problems()
    assert read_text(path, problems, 5) == "12345" and not problems
    assert read_text(path, problems, 4, "--prompt") == ""
    with pytest.raises(InputError, match="--prompt: the file is too large"):
        problems.raise_if_any()


def test_all_that_cannot_be_written_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    bad = [tmp_path / "file" / "x", tmp_path / "folder"]
    with pytest.raises(InputError) as caught:
        check_writable([*bad, tmp_path / "new" / "x", tmp_path / "file"])
    assert [problem.place for problem in caught.value.problems] == [Place(str(path)) for path in bad]
    with pytest.raises(InputError):
        write_files({tmp_path / "first": ["1"], tmp_path / "folder": ["2"]})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
