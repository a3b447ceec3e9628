"""Every way to get an architecture file wrong is told with its place and, where there is one, the nearest name."""

from __future__ import annotations

import pytest
from config_toys import toy_kinds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.config.build import build_architecture
from sim.config.document import apply_overrides
from sim.config.load import load_architecture
from sim.config.yaml_source import MAX_FILE_BYTES, dump_yaml, parse_yaml
from sim.core.errors import InputError

MEM = "{kind: toy_memory, capacity: 1 MiB}"
NESTED = "a: " + "[" * 60

# id, the file, and per problem: line, column, part of the message, nearest name
Expected = tuple[int, int, str, str | None]
CASES: list[tuple[str, str, list[Expected]]] = [
    # the text itself
    ("empty file", "", [(1, 1, "keys and values at its top level", None)]),
    ("a list at the top", "- a\n- b\n", [(1, 1, "keys and values at its top level", None)]),
    ("a word at the top", "tpu_v4\n", [(1, 1, "keys and values at its top level", None)]),
    ("tab", "name: x\nm:\n\tkind: toy_memory\n", [(3, 1, "a tab cannot", None)]),
    ("open bracket", "name: [x\n", [(2, 1, "while parsing a flow sequence", None)]),
    ("two documents", "name: x\n---\nname: y\n", [(2, 1, "expected a single document", None)]),
    ("duplicate key", f"name: x\nm: {MEM}\nm: {MEM}\n", [(3, 1, "stands twice; first at f.yaml:2:1", None)]),
    ("undefined alias", "name: x\nm: *nowhere\n", [(2, 4, "undefined alias 'nowhere'", None)]),
    ("alias in itself", "name: x\nm: &m [*m]\n", [(2, 4, "inside what it names", None)]),
    ("infinite number", "name: x\nm: {kind: toy_array, rows: .inf}\n", [(2, 28, "not finite", None)]),
    ("not a number", "name: x\nm: {kind: toy_array, rows: .nan}\n", [(2, 28, "not finite", None)]),
    ("overflowing number", "name: x\nm: {kind: toy_array, rows: 1e999}\n", [(2, 28, "not finite", None)]),
    ("endless number", f"name: x\nm: {{kind: toy_array, rows: {'9' * 5000}}}\n", [(2, 28, "absurdly long", None)]),
    ("object tag", "name: !!python/object/apply:os.getcwd []\n", [(1, 7, "tags are not allowed", None)]),
    ("mistyped tag", "name: x\nm: {kind: toy_array, rows: !!int four}\n", [(2, 28, "not a valid int", None)]),
    ("list as key", "name: x\n? [a, b]\n: 1\n", [(2, 3, "a key must be a single word", None)]),
    ("merging a word", "name: x\nm: {<<: word}\n", [(2, 5, "'<<' takes a mapping", None)]),
    ("control character", "name: x\ndescription: a\x07b\n", [(2, 15, "U+0007", None)]),
    ("character out of range", 'name: "\\UFFFFFFFF"\n', [(1, 10, "out of range", None)]),
    ("too deep", f"{NESTED}\n", [(1, 53, "nested more than", None)]),
    # the header
    ("no name", f"m: {MEM}\n", [(1, 1, "needs the key 'name'", None)]),
    ("blank name", f"name: ''\nm: {MEM}\n", [(1, 1, "must not be empty", None)]),
    ("name is a number", f"name: 4\nm: {MEM}\n", [(1, 1, "expected text", None)]),
    ("misspelt header key", f"name: x\ndesciption: y\nm: {MEM}\n", [(2, 1, "unknown key", "description")]),
    ("sources is a number", f"name: x\nsources: 4\nm: {MEM}\n", [(2, 1, "sources: expected text, or", None)]),
    ("clock without unit", f"name: x\nclocks: {{core: 940}}\nm: {MEM}\n", [(2, 10, "the unit is missing", None)]),
    ("clock with wrong unit", f"name: x\nclocks: {{core: 1 GB}}\nm: {MEM}\n", [(2, 10, "unknown unit 'GB'", None)]),
    ("clock of zero", f"name: x\nclocks: {{core: 0 Hz}}\nm: {MEM}\n", [(2, 10, "greater than 0", None)]),
    ("clock too fast", f"name: x\nclocks: {{core: 7 PHz}}\nm: {MEM}\n", [(2, 10, "absurdly large", None)]),
    ("name of a clock", f"name: x\nclocks: {{1st: 1 GHz}}\nm: {MEM}\n", [(2, 10, "not a name for a clock", None)]),
    ("clocks is a list", f"name: x\nclocks: [core]\nm: {MEM}\n", [(2, 1, "clocks: expected a mapping", None)]),
    ("misspelt policy key", f"name: x\npolicy: {{sheduler: a}}\nm: {MEM}\n", [(2, 10, "unknown key", "scheduler")]),
    ("unknown fusion", f"name: x\npolicy: {{fusion: elemntwise}}\nm: {MEM}\n", [(2, 10, "fusion", "elementwise")]),
    (
        "pin with a wrong dimension",
        f"name: x\npolicy:\n  mapping:\n    fc*: {{tile: {{q: 3}}}}\nm: {MEM}\n",
        [(4, 18, "tile.q: not one of its keys", None)],
    ),
    (
        "pin with a misspelt key",
        f"name: x\npolicy:\n  mapping:\n    fc*: {{dataflo: ws}}\nm: {MEM}\n",
        [(4, 11, "unknown key", "dataflow")],
    ),
    (
        "loop order twice the same",
        f"name: x\npolicy: {{mapping: {{a: {{order: bmm}}}}}}\nm: {MEM}\n",
        [(2, 24, "names each dimension once", None)],
    ),
    ("lookahead of zero", f"name: x\npolicy: {{lookahead: 0}}\nm: {MEM}\n", [(2, 10, "must be at least 1", None)]),
    ("misspelt energy key", f"name: x\nenergy: {{tabel: a}}\nm: {MEM}\n", [(2, 10, "unknown key", "table")]),
    (
        "energy without unit",
        f"name: x\nenergy: {{overrides: {{a: 0.5}}}}\nm: {MEM}\n",
        [(2, 22, "the unit is missing", None)],
    ),
    # groups and components
    ("no component", "name: x\n", [(1, 1, "declares no component", None)]),
    ("empty group", "name: x\ng: {count: 2}\n", [(2, 1, "g is an empty group", None)]),
    ("group of nothing", "name: x\ng:\n", [(2, 1, "g in the top level is empty", None)]),
    ("member of nothing", f"name: x\ng:\n  m: {MEM}\n  n:\n", [(4, 3, "n in group g is empty", None)]),
    ("misspelt kind key", "name: x\nm: {kinds: toy_memory, capacity: 1 B}\n", [(2, 1, "neither a kind", "kind")]),
    ("misspelt count", f"name: x\ng:\n  cuont: 2\n  m: {MEM}\n", [(3, 3, "unknown key in group g", "count")]),
    ("group count of zero", f"name: x\ng:\n  count: 0\n  m: {MEM}\n", [(3, 3, "count: must be at least 1", None)]),
    ("group count is half", f"name: x\ng:\n  count: 1.5\n  m: {MEM}\n", [(3, 3, "expected a whole number", None)]),
    ("count below zero", "name: x\nm: {kind: toy_array, rows: 4, count: -1}\n", [(2, 31, "must be at least 1", None)]),
    ("count is yes", "name: x\nm: {kind: toy_array, rows: 4, count: true}\n", [(2, 31, "whole number", None)]),
    (
        "absurd number of copies",
        "name: x\ng:\n  count: 9999\n  m: {kind: toy_array, rows: 4, count: 9999}\n",
        [(4, 33, "absurdly many copies", None)],
    ),
    ("bad name of a component", f"name: x\n2nd: {MEM}\n", [(2, 1, "not a name for a component", None)]),
    ("dot in a name", f"name: x\na.b: {MEM}\n", [(2, 1, "not a name for a component", None)]),
    ("unknown kind", "name: x\nm: {kind: toy_memroy}\n", [(2, 5, "m: unknown component kind", "toy_memory")]),
    ("kind is a list", "name: x\nm: {kind: [a]}\n", [(2, 5, "kind: expected a component kind", None)]),
    ("link as component", "name: x\nm: {kind: toy_bus}\n", [(2, 5, "(it is a link kind)", None)]),
    ("missing key", "name: x\nm: {kind: toy_array}\n", [(2, 1, "needs the key 'rows' (PEs per column)", None)]),
    ("misspelt key", "name: x\nm: {kind: toy_array, rows: 4, dataflw: os}\n", [(2, 31, "unknown key", "dataflow")]),
    ("wrong choice", "name: x\nm: {kind: toy_array, rows: 4, dataflow: oss}\n", [(2, 31, "dataflow: not one", "os")]),
    ("wrong rate", "name: x\nm: {kind: toy_array, rows: 4, types: {a: 1/0}}\n", [(2, 39, "types.a: expected", None)]),
    ("negative rate", "name: x\nm: {kind: toy_array, rows: 4, types: {a: -1}}\n", [(2, 39, "greater than 0", None)]),
    ("leading zero", "name: x\nm: {kind: toy_array, rows: 010}\n", [(2, 22, "expected a whole number", None)]),
    (
        "size of half a byte",
        "name: x\nm: {kind: toy_memory, capacity: 4 b}\n",
        [(2, 23, "whole number of bytes", None)],
    ),
    ("negative size", "name: x\nm: {kind: toy_memory, capacity: -4 B}\n", [(2, 23, "must be at least 0", None)]),
    ("absurd size", "name: x\nm: {kind: toy_memory, capacity: 9e9 TiB}\n", [(2, 23, "at most 1 EiB", None)]),
    (
        "absurd exponent",
        "name: x\nm: {kind: toy_memory, capacity: '1e999999999'}\n",
        [(2, 23, "absurdly large or long", None)],
    ),
    (
        "misspelt key of a nested mapping",
        f"name: x\nm: {MEM[:-1]}, timing: {{activat: 1 ns}}}}\n",
        [(2, 49, "unknown key", "activate")],
    ),
    (
        "rule across keys",
        "name: x\nm: {kind: toy_memory, capacity: 7 B, banks: 2}\n",
        [(2, 1, "the banks do not divide the capacity", None)],
    ),
    (
        "undeclared clock",
        f"name: x\nclocks: {{core: 1 GHz}}\nm: {MEM[:-1]}, clock: cores}}\n",
        [(3, 40, "neither declared", "core")],
    ),
    ("clock of a wrong unit", f"name: x\nm: {MEM[:-1]}, clock: 1 GB}}\n", [(2, 40, "unknown unit 'GB'", None)]),
    # links
    ("links is a mapping", f"name: x\nm: {MEM}\nlinks: {{a: 1}}\n", [(3, 1, "expected a list of links", None)]),
    ("link is a word", f"name: x\nm: {MEM}\nlinks: [m]\n", [(3, 9, "needs the key 'kind'", None)]),
    (
        "unknown link kind",
        f"name: x\nm: {MEM}\nn: {MEM}\nlinks:\n- {{kind: toy_buss, connects: [m, n]}}\n",
        [(5, 4, "links.0: unknown link kind", "toy_bus")],
    ),
    (
        "one end only",
        f"name: x\nm: {MEM}\nlinks:\n- {{kind: toy_bus, connects: [m]}}\n",
        [(4, 19, "at least 2 items", None)],
    ),
    (
        "no ends",
        f"name: x\nm: {MEM}\nlinks:\n- {{kind: toy_bus}}\n",
        [(4, 3, "needs the key 'connects'", None)],
    ),
    (
        "unknown end",
        f"name: x\ng:\n  hbm: {MEM}\n  m: {MEM}\n  links:\n  - {{kind: toy_bus, connects: [m, hmb]}}\n",
        [(6, 35, "connects an unknown component", "hbm")],
    ),
    (
        "a group as an end",
        f"name: x\ng:\n  m: {MEM}\nn: {MEM}\nlinks:\n- {{kind: toy_bus, connects: [g, n]}}\n",
        [(6, 30, "this is a group", None)],
    ),
    (
        "the same end twice",
        f"name: x\nm: {MEM}\nlinks:\n- {{kind: toy_bus, connects: [m, m]}}\n",
        [(4, 33, "connects a component twice", None)],
    ),
    (
        "name of a component taken",
        f"name: x\nm: {MEM}\nn: {MEM}\nlinks:\n- {{kind: toy_bus, connects: [m, n], name: m}}\n",
        [(5, 37, "is there already", None)],
    ),
    (
        "name of a link taken",
        f"name: x\nm: {MEM}\nn: {MEM}\nlinks:\n- &l {{kind: toy_bus, connects: [m, n], name: l}}\n- *l\n",
        [(5, 40, "is there already", None)],
    ),
    (
        "undeclared clock of a link",
        f"name: x\nm: {MEM}\nn: {MEM}\nlinks:\n- {{kind: toy_bus, connects: [m, n], clock: c}}\n",
        [(5, 37, "neither declared", None)],
    ),
    (
        "absurd number of links",
        f"name: x\nm: {MEM}\nn: {MEM}\nlinks:\n- {{kind: toy_bus, connects: [m, n], count: 9999999}}\n",
        [(5, 37, "absurdly many copies", None)],
    ),
    # several at once
    (
        "everything at once",
        "nam: x\nm: {kind: toy_memory}\nn: {kind: toy_arrray}\nlinks: [{kind: toy_bus, connects: [m, o]}]\n",
        [
            (1, 1, "needs the key 'name'", None),
            (1, 1, "unknown key", "name"),
            (2, 1, "needs the key 'capacity'", None),
            (3, 5, "unknown component kind", "toy_array"),
            (4, 39, "connects an unknown component", None),
        ],
    ),
]


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_bad_input_is_told_with_its_place(tmp_path, text, expected):
    file = tmp_path / "f.yaml"
    file.write_text(text, encoding="utf-8")
    with toy_kinds(), pytest.raises(InputError) as caught:
        load_architecture(str(file))
    found = caught.value.problems
    told = [(p.place.line, p.place.column, p.nearest) for p in found]
    assert told == [(line, column, near) for line, column, _, near in expected]
    assert {p.place.file for p in found} == {str(file)}
    for problem, (_, _, fragment, _) in zip(found, expected, strict=True):
        assert fragment.replace("f.yaml", str(file)) in problem.message


def test_there_are_enough_cases():
    assert len({text for _, text, _ in CASES}) >= 40


def test_an_alias_bomb_is_refused_quickly():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    with pytest.raises(InputError, match="aliases expand to more than"):
        parse_yaml("\n".join(lines), "f.yaml")


def test_an_oversized_file_is_refused(tmp_path):
    file = tmp_path / "f.yaml"
    file.write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    with pytest.raises(InputError, match="larger than 2 MB"):
        load_architecture(str(file))


def test_bytes_that_are_not_utf8_are_placed(tmp_path):
    file = tmp_path / "f.yaml"
    file.write_bytes(b"name: x\nnotes: \xff\n")
    with pytest.raises(InputError) as caught:
        load_architecture(str(file))
    place = caught.value.problems[0].place
    assert (place.line, place.column) == (2, 8)


@pytest.mark.parametrize(
    ("path", "value", "message", "nearest"),
    [
        ("g.hmb.capacity", "1 MiB", "no such path", "g.hbm.capacity"),
        ("g.hbm.capcity", "1 MiB", "unknown key in g.hbm (toy_memory)", "capacity"),
        ("g.hbm.capacity.x", "1", "no such path", "g.hbm.capacity"),
        ("g.hbm.banks", "0", "banks: must be at least 1", None),
        ("g.hbm.banks", "[", "while parsing", None),
        ("g.hbm.banks", float("nan"), "only finite numbers", None),
        ("g.hbm.banks", object, "only finite numbers", None),
        ("g.links.7.width", "1", "no such path", "g.links.0.width"),
        ("polcy.seed", "1", "no such path", "policy.seed"),
        ("", "1", "no such path", None),
        ("name", "", "needs the key 'name'", None),
    ],
)
def test_a_bad_override_is_told_as_it_was_given(path, value, message, nearest):
    text = (
        f"name: x\npolicy: {{seed: 3}}\ng:\n  hbm: {MEM}\n  sram: {MEM}\n"
        "  links: [{kind: toy_bus, connects: [hbm, sram], width: 4}]\n"
    )
    with toy_kinds(), pytest.raises(InputError) as caught:
        build_architecture(apply_overrides(parse_yaml(text, "f.yaml"), {path: value}), "f.yaml")
    (problem,) = caught.value.problems
    assert message in problem.message
    assert problem.nearest == nearest
    if path != "name":
        assert problem.place.file == f"--set {path}={value}"


WORDS = ["name", "kind", "links", "connects", "count", "clock", "clocks", "policy", "mapping", "energy", "extends"]
WORDS += ["toy_memory", "toy_array", "toy_bus", "capacity", "rows", "1 GHz", "4", "-1", "1e9", "a", "m.n", "&a", "*a"]
WORDS += [
    ": ",
    ":",
    "- ",
    "\n",
    "\n  ",
    "\n    ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "?",
    "|",
    ">",
    "'",
    '"',
    "#",
    "!!int ",
    "<<",
]
YAML_ISH = st.one_of(st.lists(st.sampled_from(WORDS), max_size=40).map("".join), st.text(max_size=60))

NAMES = st.sampled_from(["name", "kind", "links", "count", "clocks", "policy", "m", "g", "capacity", "rows", "clock"])
SCALARS = st.sampled_from(["toy_memory", "toy_array", "toy_bus", "1 MiB", "1 GHz", 3, -1, 0.5, True, None, "g.m", ""])
TREES = st.recursive(SCALARS, lambda inner: st.dictionaries(NAMES, inner) | st.lists(inner, max_size=3), max_leaves=12)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=YAML_ISH)
def test_any_text_is_an_architecture_or_an_input_error(tmp_path, text):
    file = tmp_path / "f.yaml"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    with toy_kinds():
        try:
            load_architecture(str(file))
        except InputError as error:
            assert all(problem.place is not None for problem in error.problems)


@settings(max_examples=300, deadline=None)
@given(tree=st.dictionaries(NAMES, TREES, max_size=5), path=st.sampled_from(["m.rows", "g.m.kind", "links.0.x", "m"]))
def test_any_tree_and_override_is_an_architecture_or_an_input_error(tree, path):
    with toy_kinds():
        for overrides in ({}, {path: "3"}):
            try:
                document = parse_yaml(dump_yaml(tree), "f.yaml")
                build_architecture(apply_overrides(document, overrides), "f.yaml")
            except InputError as error:
                assert error.problems
