"""Groups of cores: pins are kept, scratchpads that no link joins are not read across, and the accounts say what happened."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from toy_cores import ROWS, TOY, WIDTH, chain, toy_cores

from sim import simulate
from sim.report.page.run_data import run_data
from sim.report.path_ranges import path_ranges, ranges
from sim.report.text import show

ACTIVATION = 2 * ROWS * WIDTH
LINK = re.search(r"  links:\n.*\n", TOY)[0]  # type: ignore[index]
OWN_LINKS = "    links:\n      - {kind: point_to_point, name: port, connects: [pad, chip.hbm], bandwidth: 1 TB/s}\n"
ALONE = {
    "no link at all": TOY.replace(LINK, ""),
    "a link of its own for each": TOY.replace(LINK, "").replace("  hbm:", f"{OWN_LINKS}  hbm:"),
}


@pytest.mark.parametrize("kind", ALONE)
def test_scratchpads_that_no_link_joins_hand_over_through_memory(tmp_path: Path, kind: str) -> None:
    found = simulate(chain(2), toy_cores(tmp_path, ALONE[kind], core_groups=2))
    assert {(one["source"], one["destination"]) for one in found.traffic} == {
        ("chip.core.pad", "chip.hbm"), ("chip.hbm", "chip.core.pad")
    }  # fmt: skip
    assert found.core_groups[1]["received_bytes"] == {"scratchpads": 0, "memory": 2 * ACTIVATION, "passed_on": 0}
    assert found.core_groups[1]["kept_weight_bytes"] == found.core_groups[1]["weight_bytes"]


def test_a_pinned_split_is_kept_where_weights_then_find_no_room(tmp_path: Path) -> None:
    """Cut along M both cores hold all 32 KiB, for which 24 have room; cut along N they hold 16 each, but for the pin."""
    small = TOY.replace("512 KiB", "192 KiB, resident_share: 1/8").replace("1 TB/s", "16 GB/s")
    pinned = small.replace("  lookahead: 3", "  lookahead: 3\n  mapping: {op0: {cores: {m: 2}}}")
    found = simulate(chain(2), toy_cores(tmp_path, pinned, core_groups=2))
    assert next(one for one in found.record.operators if one.name == "op0").mapping[0]["split"]["m"] == 2
    assert found.record.core_groups[0]["kept"] == {"op0": [0, 1], "op1": [1, 1], "op2": [0, 1], "op3": [0, 1]}


def test_shared_reads_count_once_off_chip(tmp_path: Path) -> None:
    """The memory's own count of the bytes that it was read, with weights and operands that two cores get by one message."""
    pinned = TOY.replace("  lookahead: 3", "  lookahead: 3\n  mapping: {'*': {cores: {n: 2}}}")
    found = simulate(chain(2), toy_cores(tmp_path, pinned, core_groups=2, multicast=True))
    assert found.off_chip["read_bytes"] == found.components["chip.hbm"]["actions"]["read_bytes"]


def test_cores_of_a_group_are_told_as_ranges(tmp_path: Path) -> None:
    assert ranges([0, 1, 2, 5]) == "0-2, 5"
    paths = ["chip.big[0]", "chip.big[1]", "chip.small[2].core[3]", "chip.one"]
    assert path_ranges(paths) == ["chip.big[0-1]", "chip.small[2].core[3]", "chip.one"]
    texts = []
    for groups in (2, 4):
        console = Console(file=StringIO(), width=100)
        show(simulate(chain(1), toy_cores(tmp_path, core_groups=groups)), console)
        texts.append(console.file.getvalue())  # type: ignore[attr-defined]
    assert "core[0-1] " in texts[0] and "core[0] " in texts[1] and "+" not in texts[1].partition("kept")[2]


def test_the_page_names_the_tensor_that_is_handed_over(tmp_path: Path) -> None:
    found = simulate(chain(1), toy_cores(tmp_path, core_groups=2))
    rows = {one["name"]: one["within"] for one in run_data(found)["operators"]}
    assert rows["send.0.y3"] == "hands over y3" and rows["recv.1.y3"] == "waits for y3"
    assert {told for name, told in rows.items() if name.startswith("op")} == {""}
