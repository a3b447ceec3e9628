"""The order in which a name is looked up, and what is told when it is nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.core import data_files
from sim.core.data_files import find_data, list_data
from sim.core.errors import InputError

SUFFIXES = (".yaml", ".yml")


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Four folders searched, each with an `only_<folder>` and a `both` file: beside, current, variable, package."""
    found = {}
    for name in ("beside", "current", "variable", "package/arch"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        found[name.partition("/")[0]] = folder
        (folder / f"only_{folder.parent.name if folder.name == 'arch' else folder.name}.yaml").touch()
    monkeypatch.chdir(found["current"])
    monkeypatch.setenv("TILESIM_PATH", str(found["variable"]))
    monkeypatch.setattr(data_files, "_PACKAGE", tmp_path / "package" / "sim")
    return found


def test_each_place_is_searched_and_the_earlier_wins(folders):
    order = ["beside", "current", "variable", "package"]
    for name in order:
        (folders[name] / "both.yaml").touch()
    for name in order:
        found = find_data("arch", "both", SUFFIXES, beside=folders["beside"])
        assert found.resolve() == folders[name] / "both.yaml"
        only = find_data("arch", f"only_{name}", SUFFIXES, beside=folders["beside"])
        assert only.resolve() == folders[name] / f"only_{name}.yaml"
        (folders[name] / "both.yaml").unlink()


def test_a_path_wins_over_a_name_and_suffixes_are_tried_in_order(folders, tmp_path):
    target = tmp_path / "some.yml"
    target.touch()
    assert find_data("arch", str(target), SUFFIXES) == target
    assert find_data("arch", str(tmp_path / "some"), SUFFIXES) == target
    (tmp_path / "some.yaml").touch()
    assert find_data("arch", str(tmp_path / "some"), SUFFIXES) == tmp_path / "some.yaml"


def test_a_wheel_holds_its_data_inside_the_package(folders, tmp_path):
    shipped = tmp_path / "package" / "sim" / "_data" / "arch"
    shipped.mkdir(parents=True)
    (shipped / "inside.yaml").touch()
    assert find_data("arch", "inside", SUFFIXES) == shipped / "inside.yaml"
    assert list(list_data("arch", SUFFIXES)) == ["inside", "only_variable"]


def test_nothing_found_tells_every_place_and_the_nearest_name(folders):
    with pytest.raises(InputError) as caught:
        find_data("arch", "only_curent", SUFFIXES, what="architecture")
    (problem,) = caught.value.problems
    assert problem.nearest == "only_current"
    assert problem.message.startswith("no architecture of this name")
    for folder in (Path(folders["variable"]), Path(folders["package"])):
        assert str(folder) in problem.message
