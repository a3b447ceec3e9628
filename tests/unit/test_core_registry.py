"""Registries: one name, one thing; an unknown name is told with its nearest neighbour."""

from __future__ import annotations

import pytest

from sim.core.errors import InputError, Place
from sim.core.registry import Registry


def registry(group: str = "topologies") -> Registry[type]:
    """Toys, in a group of ours whose built-ins register elsewhere."""
    one: Registry[type] = Registry(group, "toy")

    @one.register("torus")
    class Torus: ...

    @one.register("mesh")
    class Mesh: ...

    return one


def test_names_are_sorted_and_lead_to_their_class() -> None:
    one = registry()
    assert one.names() == ("mesh", "torus")
    assert one.get("mesh").__name__ == "Mesh"
    assert "mesh" in one and "ring" not in one


def test_an_unknown_name_is_told_with_place_allowed_names_and_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        registry().get("toros", Place("a.yaml", 3, 5))
    assert str(caught.value) == "a.yaml:3:5: unknown toy; found toros; allowed: mesh, torus; did you mean 'torus'?"


def test_two_classes_of_one_name_are_a_mistake() -> None:
    one = registry()
    with pytest.raises(ValueError, match="'mesh' is registered twice"):

        @one.register("mesh")
        class Other: ...


def test_importing_the_same_class_again_is_none() -> None:
    one = registry()
    mesh = one.get("mesh")
    one.register("mesh")(mesh)
    assert one.get("mesh") is mesh


def test_a_plug_in_that_cannot_be_imported_is_the_users_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    entries = [EntryPoint("mine", name, "tilesim.topologies") for name in ("sim.core", "no_such_module_at_all")]
    monkeypatch.setattr("sim.core.registry.entry_points", lambda group: entries)
    with pytest.raises(
        InputError, match=r"plug-in 'mine' \(no_such_module_at_all\).*: No module named 'no_such[a-z_]*'$"
    ):
        registry().names()


def test_an_installation_older_than_its_source_is_told_to_be_made_again() -> None:
    with pytest.raises(InputError, match=r"lists no tilesim\.no_such_group.*pip install"):
        registry("no_such_group").names()


@pytest.mark.parametrize("value", ["no_plug_in_of_ours", "sim.gone"])
def test_a_group_that_lists_only_plug_ins_or_a_module_that_has_moved_is_as_old(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    from importlib.metadata import EntryPoint

    monkeypatch.setattr("sim.core.registry.entry_points", lambda group: [EntryPoint("one", value, group)])
    with pytest.raises(InputError, match=r"tilesim\.topologies.*install it again \(pip install"):
        registry().names()
