"""What is wrong with a fabric is told at its own place, all of it in one round, whatever else in the file is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.config.load import load_architecture
from sim.core.errors import InputError
from sim.hardware.layout import Layout

HEAD = """name: x
clocks: {core: 1 GHz}
chip:
  core:
    count: 4
    vector: {kind: vector_unit, lanes: 8, clock: core}
    pad: {kind: scratchpad, capacity: 64 KiB, banks: 8, width: 16 B, clock: core}
  hbm: {kind: dram, bandwidth: 64 GB/s, capacity: 1 GiB}
  links:
    - kind: fabric
"""
FIRST = HEAD.count("\n") + 1
"""Line of the first key that a case adds."""
REST = ("connects: [core.pad, hbm]", "width: 16 B", "packet: 64 B", "clock: core")
RING5 = "[[0, 1], [1, 2], [2, 3], [3, 4], [4, 0]]"

# id, the keys of the fabric one per line, and per problem: line of its key (0 the link's own), column, part of the text
Expected = tuple[int, int, str]
CASES: list[tuple[str, tuple[str, ...], list[Expected]]] = [
    (
        "everything at once",
        ("topology: torus", "dims: [2, -2]", "connects: [core.pad, hbn]",
         'place: {"chip.core[9].pad": 0, "chip.core[0].pad": 1, "chip.core[1].pad": 1}', "width: -16 B", "packet: 64 B",
         "train: 32 B", "router: {virtual_channels: 1}", "clock: cor"),
        [(2, 17, "dims.1: must be at least 1"), (3, 28, "unknown component; found hbn"),
         (4, 15, "not an endpoint of this link; found chip.core[9].pad"), (4, 61, "two endpoints on terminal 1"),
         (5, 7, "width: a size must be at least 0"), (7, 7, "`train` must be 0 or at least one packet"),
         (8, 16, "torus needs 2 virtual channels"), (9, 7, "clock: neither declared")],
    ),
    (
        "sizes that do not fit each other",
        ("topology: mesh", "dims: [9]", "connects: [core.pad, hbm]", "width: 128 B", "packet: 64 B", "train: 32 B"),
        [(0, 7, "`width` needs a `clock`"), (5, 7, "at least one flit"), (6, 7, "at least one packet")],
    ),
    (
        "places",
        ("topology: mesh", "dims: [2, 2]", "concentration: 2", "place:", "  chip.core[9].pad: 0", "  chip.core[0].pad: 99",
         "  chip.core[1].pad: 3", "  chip.hbm: 3", "  chip.core[2].pad: -1", *REST),
        [(5, 9, "not an endpoint"), (6, 9, "not there; found 99; allowed: 0 to 7"), (8, 9, "two endpoints on terminal 3"),
         (9, 9, "must be at least 0")],
    ),
    (
        "edges and homes",
        ("topology: custom", "routers: 5", "edges: [[0, 1], [1, 9], [3, 3], [2, 1, 0], [1]]",
         "homes: [0, 1, 2, 3, -4]", *REST),
        [(3, 23, "no such router; found [1, 9]; allowed: routers 0 to 4"), (3, 31, "two different routers; found [3, 3]"),
         (3, 39, "latency of an edge; found [2, 1, 0]"), (3, 50, "not an edge; found [1]"),
         (4, 27, "no such router; found terminal 4 on router -4")],
    ),
    (
        "edges of an unknown number of routers",
        ("topology: custom", "routers: 0", "edges: [[0, 1], [3, 3]]", "homes: [0, -4]", *REST),
        [(2, 7, "routers: must be at least 1"), (3, 23, "two different routers"), (4, 18, "allowed: routers from 0")],
    ),
    (
        "a tree of nothing",
        ("topology: fat_tree", "arity: 1", "levels: 0", *REST),
        [(2, 7, "single terminal"), (3, 7, "levels: must be at least 1")],
    ),
    (
        "a key of no topology",
        ("topology: ring", "nodes: 5", *REST),
        [(0, 7, "ring needs the key 'routers' (routers around the ring)"),
         (2, 7, "found nodes; allowed: clock, concentration, connects, count, joins, link_latency, model, name, notes, "
          "packet, place, reach, router, routers, source, static_power, topology, train, width$")],
    ),
    (
        "a key of another topology",
        ("topology: mesh", "arity: 3", *REST),
        [(0, 7, "mesh needs the key 'dims'"), (2, 7, "no key 'arity'; allowed: concentration, dims, link_latency (")],
    ),
    ("a circle", ("topology: custom", "routers: 5", f"edges: {RING5}", "homes: [0, 1, 2, 3, 4]", *REST),
     [(3, 7, "allowed: `routing: up_down`")]),
    ("a router apart", ("topology: custom", "routers: 2", "edges: []", "homes: [0, 0, 0, 1, 0]", *REST),
     [(3, 7, "cannot be reached")] * 8),
    (
        "too few terminals, and a place of nothing",
        ("topology: mesh", "dims: [2, 2]", "place: {chip.hbn: 1}", *REST),
        [(1, 7, "found 4 terminals, 5 endpoints"), (3, 15, "did you mean 'chip.hbm'?")],
    ),
    ("one end", ("topology: mesh", "dims: [2]", "connects: [hbm]", *REST[1:]),
     [(3, 7, "connects: at least 2 items, or one with copies; found ['hbm']")]),
    ("an absurd one", ("topology: mesh", "dims: [9999, 9999]", *REST), [(1, 7, "absurdly large")]),
]  # fmt: skip


MESH = ("topology: mesh", "dims: [3, 3]", *REST)
ODD = """  odd:
    vector: {kind: vector_unit, lanes: 8, clock: core}
    pad: {kind: scratchpad, capacity: 64 KiB, banks: 8, width: 16 B, clock: core}
"""
# id, what stands in no link's `connects`, line below the links and column of what is told, the text
APART: list[tuple[str, str, tuple[int, int], str]] = [
    ("a core", ODD, (3, 5), "no link leads from chip.hbm to chip.odd.pad; found chip.odd.pad on no link"),
    ("a shared memory", "  m: {kind: scratchpad, capacity: 1 MiB, banks: 8, width: 16 B, clock: core}\n", (1, 3),
     "to chip.core[0].pad, chip.core[1].pad, chip.core[2].pad, chip.core[3].pad; found chip.m on no link"),
    ("a second memory", "  m: {kind: dram, bandwidth: 1 GB/s, capacity: 1 GiB}\n", (1, 3), "found chip.m on no link"),
    ("an engine", "  e: {kind: roofline, types: {bf16: 1 TFLOP/s}, vector: 1 TFLOP/s}\n", (1, 3),
     "no link leads from a memory to chip.e"),
    ("the way to other chips", "  e: {kind: collectives}\n", (1, 3), "no link leads from chip.hbm to chip.e, which sends"),
]  # fmt: skip


def told(tmp_path: Path, text: str) -> list[tuple[int, int, str]]:
    file = tmp_path / "f.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        Layout(load_architecture(str(file)))
    found = [(one.place, str(one)) for one in caught.value.problems]
    return [
        (place.line, place.column, f"{text}$") for place, text in found if place is not None and place.file == str(file)
    ]


@pytest.mark.parametrize(("keys", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_problem_of_a_fabric_has_its_place(
    tmp_path: Path, keys: tuple[str, ...], expected: list[Expected]
) -> None:
    found = told(tmp_path, HEAD + "".join(f"      {key}\n" for key in keys))
    assert [(line, column) for line, column, _ in found] == [(FIRST + at - 1, column) for at, column, _ in expected]
    assert [part for (_, _, text), (_, _, part) in zip(found, expected, strict=True) if part not in text] == []


@pytest.mark.parametrize("wrong", ["count: x", "    capacity: x"])
def test_what_is_wrong_itself_accuses_no_place(tmp_path: Path, wrong: str) -> None:
    """Neither copies nor ends are known where a group or a component is wrong: one problem, not six."""
    text = HEAD + "      topology: mesh\n      dims: [2]\n      place: {'chip.core[3].pad': 1, chip.hbm: 0}\n"
    text += "".join(f"      {key}\n" for key in REST)
    old = "count: 4" if wrong.startswith("count") else "capacity: 1 GiB"
    assert len(told(tmp_path, text.replace(old, wrong.strip(), 1))) == 1


@pytest.mark.parametrize(("member", "at", "part"), [case[1:] for case in APART], ids=[case[0] for case in APART])
def test_what_no_link_reaches_is_told_once_where_it_stands(
    tmp_path: Path, member: str, at: tuple[int, int], part: str
) -> None:
    ((line, column, text),) = told(tmp_path, HEAD + "".join(f"      {key}\n" for key in MESH) + member)
    assert (line, column) == (FIRST + len(MESH) + at[0] - 1, at[1]) and part in text


def test_links_hide_nothing_about_ways(tmp_path: Path) -> None:
    keys = ("topology: mesh", "dims: [2, 2]", "place: {chip.hbn: 1}", *REST)
    found = told(tmp_path, HEAD + "".join(f"      {key}\n" for key in keys) + ODD)
    assert [line for line, _, _ in found] == [FIRST, FIRST + 2, FIRST + len(keys) + 2]


def test_the_ends_of_absurdly_many_copies_are_not_listed(tmp_path: Path) -> None:
    path = tmp_path / "many.yaml"
    keys = "".join(f"      {line}\n" for line in ("topology: mesh", "dims: [4]", *REST))
    path.write_text(HEAD.replace("hbm: {kind: dram,", "hbm: {kind: dram, count: 1000000000,") + keys)
    with pytest.raises(InputError, match="absurdly many copies") as caught:
        load_architecture(path)
    assert len(caught.value.problems) == 1
