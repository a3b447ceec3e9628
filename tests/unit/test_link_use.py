"""Links that nothing can take are told, and copies of a link with the same ends refused, with their place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from toy_chips import TOY

from sim import load_architecture
from sim.core.errors import InputError
from sim.hardware.layout import Layout
from sim.hardware.link_use import untaken

INSIDE = "    - {kind: crossbar, connects: [core.pad, hbm, comm], bandwidth: 1 TB/s}\n"
BETWEEN = (
    "  - {kind: crossbar, name: switch, connects: [chip.comm], bandwidth: 80 GB/s, sustained: 0.5, latency: 500 ns}\n"
)
CUSTOM = (
    "  - {{kind: fabric, name: net, topology: custom, routers: 4, homes: [0, 1, 2, 3], width: 16 B, clock: core,\n"
    "     connects: [chip.comm], edges: {}}}\n"
)


@pytest.fixture
def layout_with(tmp_path: Path) -> Callable[[str, str], Layout]:
    def made(old: str, new: str) -> Layout:
        assert old in TOY
        file = tmp_path / "toy.yaml"
        file.write_text(TOY.replace(old, new))
        return Layout(load_architecture(file))

    return made


def test_links_of_which_each_is_the_best_for_some_are_not_told(layout_with: Callable[[str, str], Layout]) -> None:
    pairs = "  - {kind: crossbar, name: pair, count: 2, joins: 2, connects: [chip.comm], bandwidth: 300 GB/s}\n"
    own = "    - {kind: bus, name: own, connects: [hbm, comm], bandwidth: 1 GB/s}\n"
    assert list(untaken(layout_with(BETWEEN, BETWEEN + pairs))) == []
    assert list(untaken(layout_with(INSIDE, INSIDE.replace(", comm]", "]") + own))) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [(INSIDE, INSIDE + "    - {kind: bus, name: slow, connects: [core.pad, hbm], bandwidth: 1 GB/s}\n",
      "toy.yaml:14:7: chip.slow carries nothing: every route has fewer links, or links declared before it"),
     (BETWEEN, BETWEEN + "  - {kind: bus, name: slow, connects: [chip.comm], bandwidth: 1 GB/s}\n",
      "toy.yaml:16:5: slow carries nothing: two chips take the fastest link that joins them, here switch")],
    ids=["inside", "between chips"],
)  # fmt: skip
def test_a_link_that_nothing_can_take_is_told(
    layout_with: Callable[[str, str], Layout], tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert list(untaken(layout_with(old, new))) == [f"{tmp_path}/{told}"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [(INSIDE, INSIDE.replace("r,", "r, name: xbar, count: 2,"),
      "toy.yaml:13:36: copies of a link join the same ends, and a route takes one of them: chip[0].xbar[0], "
      "chip[0].xbar[1]; found count: 2; allowed: count: 1"),
     (BETWEEN, BETWEEN.replace("switch", "switch, count: 3"), "toy.yaml:15:36: copies of a link join the same ends"),
     (BETWEEN, CUSTOM.format("[[0, 1], [1, 2], [2, 3], [1, 0, 4]]"),
      "no second one is used; found [1, 0, 4]")],
    ids=["inside", "between chips", "edges"],
)  # fmt: skip
def test_copies_that_nothing_can_take_are_refused(
    layout_with: Callable[[str, str], Layout], old: str, new: str, told: str
) -> None:
    with pytest.raises(InputError) as caught:
        layout_with(old, new)
    assert told in str(caught.value)
