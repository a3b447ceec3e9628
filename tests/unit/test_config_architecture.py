"""From a YAML file to the frozen architecture: paths, counts, clocks, links, inheritance, overrides, digest."""

from __future__ import annotations

import pickle
from fractions import Fraction

import pytest
from config_toys import toy_kinds

from sim.config.architecture import to_yaml
from sim.config.load import list_architectures, load_architecture
from sim.core.errors import InputError, Place

CHIP = """\
name: toy          # a comment
sources: [a book]
clocks: {core: 1.05 GHz}
chip:
  core:
    count: 2
    mxu: {kind: toy_array, count: 3, rows: 4, clock: core}
    vmem: {kind: toy_memory, capacity: 1 MiB, clock: 500 MHz}
    links:
      - {kind: toy_bus, connects: [mxu, chip.hbm]}
  hbm: {kind: toy_memory, capacity: 1 GiB, bandwidth: 1.2 TB/s, banks: 4}
  links:
    - {kind: toy_bus, connects: [core.vmem, hbm], name: noc, count: 2}
policy: {lookahead: 3, mapping: {"fc*": {dataflow: os}}}
energy: {table: cmos_7nm, overrides: {mac: 0.5 pJ}}
"""


@pytest.fixture(autouse=True)
def toys(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TILESIM_PATH", raising=False)
    with toy_kinds():
        yield


def load(tmp_path, text=CHIP, name="toy", overrides=None):
    (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return load_architecture(name, overrides or {})


def test_nodes_carry_paths_counts_groups_clocks_and_places(tmp_path):
    found = load(tmp_path)
    told = [(node.path, node.kind, node.counts, node.group, node.clock_hz) for node in found.components]
    assert told == [
        ("chip.core.mxu", "toy_array", (1, 2, 3), "chip.core", Fraction(1_050_000_000)),
        ("chip.core.vmem", "toy_memory", (1, 2, 1), "chip.core", Fraction(500_000_000)),
        ("chip.hbm", "toy_memory", (1, 1), "chip", None),
    ]
    assert [(link.path, link.counts, link.group, link.connects) for link in found.links] == [
        ("chip.core.links.0", (1, 2, 1), "chip.core", ("chip.core.mxu", "chip.hbm")),
        ("chip.noc", (1, 2), "chip", ("chip.core.vmem", "chip.hbm")),
    ]
    assert [(group.path, group.counts, group.total) for group in found.groups] == [
        ("chip", (1,), 1),
        ("chip.core", (1, 2), 2),
    ]
    assert found.component("chip.hbm").place == Place("toy.yaml", 11, 3)
    assert found.component("chip.hbm").spec.bandwidth == Fraction(12 * 10**11)
    assert (found.name, found.sources, found.policy.lookahead) == ("toy", ("a book",), 3)
    assert found.energy.overrides["mac"].value == Fraction(1, 2 * 10**12)


def test_instances_show_an_index_where_there_are_copies(tmp_path):
    found = load(tmp_path)
    mxu = found.instances(found.component("chip.core.mxu"))
    assert [(i.path, i.group, i.indices) for i in mxu] == [
        (f"chip.core[{core}].mxu[{unit}]", f"chip.core[{core}]", (core, unit)) for core in (0, 1) for unit in (0, 1, 2)
    ]
    assert [(i.path, i.indices) for i in found.instances(found.component("chip.hbm"))] == [("chip.hbm", ())]
    assert [i.path for i in found.instances(found.links[0])] == ["chip.core[0].links.0", "chip.core[1].links.0"]
    assert [i.path for i in found.instances(found.links[1])] == ["chip.noc[0]", "chip.noc[1]"]


def test_a_component_may_stand_at_the_top(tmp_path):
    text = "name: x\nm: {kind: toy_array, rows: 4, count: 2}\nn: {kind: toy_array, rows: 4}\n"
    text += "links: [{kind: toy_bus, connects: [m, n]}]\n"
    found = load(tmp_path, text)
    assert [(i.path, i.group) for i in found.instances(found.components[0])] == [("m[0]", ""), ("m[1]", "")]
    assert found.instances(found.links[0])[0].path == "links.0"


def test_the_digest_sees_the_content_and_nothing_else(tmp_path):
    first = load(tmp_path)
    lines = CHIP.replace("# a comment", "# another").splitlines()
    same = load(tmp_path, "\n".join([lines[1], *lines[14:], lines[0], *lines[2:14]]), name="other")
    assert first.sha256 == same.sha256
    assert first == same
    assert hash(first) == hash(same)
    assert load(tmp_path, CHIP.replace("rows: 4", "rows: 5")).sha256 != first.sha256


def test_it_pickles_and_writes_yaml_that_reads_back_the_same(tmp_path):
    found = load(tmp_path)
    again = pickle.loads(pickle.dumps(found))
    assert again == found
    assert (again.components, again.links) == (found.components, found.links)
    assert load(tmp_path, to_yaml(found), name="again").sha256 == found.sha256


def test_extends_merges_replaces_removes_and_keeps_places(tmp_path):
    load(tmp_path)
    text = "extends: toy\nname: half\nchip:\n  core: {count: 1, vmem: null}\n  hbm: {banks: 8}\n  links: null\n"
    found = load(tmp_path, text, name="half")
    assert found.name == "half"
    assert [(node.path, node.counts) for node in found.components] == [
        ("chip.core.mxu", (1, 1, 3)),
        ("chip.hbm", (1, 1)),
    ]
    assert (found.component("chip.hbm").spec.banks, found.component("chip.hbm").spec.capacity) == (8, 2**30)
    assert [link.path for link in found.links] == ["chip.core.links.0"]
    assert "extends" not in found.document
    assert found.component("chip.core.mxu").place == Place("toy.yaml", 7, 5)
    assert found.component("chip.hbm").place == Place("half.yaml", 5, 3)


def test_extends_goes_through_several_files_and_replaces_a_component_of_another_kind(tmp_path):
    load(tmp_path)
    load(tmp_path, "extends: toy\nname: mid\nchip: {hbm: {banks: 2}}\n", name="mid")
    text = "extends: mid\nname: top\nchip: {core: {vmem: {kind: toy_array, rows: 9}}}\n"
    found = load(tmp_path, text, name="top")
    assert found.component("chip.hbm").spec.banks == 2
    assert found.component("chip.core.vmem").spec.rows == 9


def test_a_base_may_lack_what_the_heir_adds_and_errors_name_the_file_of_the_value(tmp_path):
    (tmp_path / "base.yaml").write_text("m: {kind: toy_array}\nn: {kind: toy_array, rows: 0}\n")
    with pytest.raises(InputError) as caught:
        load(tmp_path, "extends: base\nname: x\nm: {rows: 4, dataflw: os}\n", name="heir")
    assert [(str(p.place), p.nearest) for p in caught.value.problems] == [
        ("base.yaml:2:22", None),
        ("heir.yaml:3:14", "dataflow"),
    ]


def test_extends_that_leads_nowhere_or_in_a_circle(tmp_path):
    load(tmp_path)
    with pytest.raises(InputError) as caught:
        load(tmp_path, "name: x\nextends: tyo\n", name="lost")
    assert str(caught.value.problems[0].place) == "lost.yaml:2:1"
    assert caught.value.problems[0].nearest == "toy"
    (tmp_path / "a.yaml").write_text("extends: b\n")
    with pytest.raises(InputError, match=r"a\.yaml:1:1.*circle; found b\.yaml -> a\.yaml -> b\.yaml"):
        load(tmp_path, "extends: a\n", name="b")
    with pytest.raises(InputError, match="expected the name or path"):
        load(tmp_path, "extends: [a]\n", name="c")


@pytest.mark.parametrize(
    ("path", "value", "read"),
    [
        ("chip.hbm.banks", "8", lambda a: a.component("chip.hbm").spec.banks == 8),
        ("chip.hbm.banks", 8, lambda a: a.component("chip.hbm").spec.banks == 8),
        ("chip.hbm.timing.activate", "14 ns", lambda a: a.component("chip.hbm").spec.timing.activate == 14_000),
        ("chip.hbm.bandwidth", "null", lambda a: a.component("chip.hbm").spec.bandwidth is None),
        ("chip.core.count", "5", lambda a: a.component("chip.core.mxu").counts == (1, 5, 3)),
        ("chip.count", "2", lambda a: a.component("chip.hbm").counts == (2, 1)),
        ("chip.core.mxu.types", "{int8: 2}", lambda a: a.component("chip.core.mxu").spec.types["int8"] == 2),
        ("chip.links.0.width", "1 KiB", lambda a: a.links[1].spec.width == 1024),
        ("clocks.core", "2 GHz", lambda a: a.component("chip.core.mxu").clock_hz == 2 * 10**9),
        ("policy.scheduler", "serial", lambda a: a.policy.scheduler == "serial"),
        ("technology", "5 nm", lambda a: a.technology == "5 nm"),
        ("chip.extra", {"kind": "toy_array", "rows": 1}, lambda a: a.component("chip.extra").spec.rows == 1),
        ("name", "other", lambda a: a.name == "other"),
    ],
)
def test_overrides(tmp_path, path, value, read):
    found = load(tmp_path, overrides={path: value})
    assert read(found)
    assert found.sha256 != load(tmp_path).sha256


def test_names_are_found_in_the_path_variable_and_the_nearest_is_told(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "far.yml").write_text(CHIP)
    with pytest.raises(InputError):
        load_architecture("far")
    monkeypatch.setenv("TILESIM_PATH", str(elsewhere))
    assert load_architecture("far").file == str(elsewhere / "far.yml")
    assert list_architectures()["far"] == elsewhere / "far.yml"
    with pytest.raises(InputError) as caught:
        load_architecture("fra")
    (problem,) = caught.value.problems
    assert problem.nearest == "far"
    assert str(elsewhere) in problem.message


@pytest.mark.parametrize("name", ["", ".", "x" * 5000, "a\x00b", "/", "no/such/file.yaml"])
def test_a_name_that_cannot_be_a_file_is_an_input_error(name):
    with pytest.raises(InputError, match="no architecture of this name"):
        load_architecture(name)
