"""Bad architectures, energy tables, traces and tables: (name, command line, files, what must be said).

``said``: substrings of the message on stderr, among them the place and the nearest valid name where there is one.
"""

from __future__ import annotations

from typing import NamedTuple


class Bad(NamedTuple):
    """One bad input. Files are texts, bytes, or None for a folder; ``@x`` makes a symbolic link to x."""

    name: str
    line: str
    files: dict[str, str | bytes | None]
    said: tuple[str, ...]


PAD = "{kind: scratchpad, capacity: 1 MiB, banks: 4, width: 16 B, clock: c}"
ARRAY = "{kind: systolic_array, rows: 4, cols: 4, types: {int8: 1}, clock: c}"
MACHINE = (
    f"name: x\nclocks: {{c: 1 GHz}}\na: {ARRAY}\np: {PAD}\nd: {{kind: dram, bandwidth: 1 GB/s, capacity: 1 GiB}}\n"
)
VECTOR = "v: {kind: vector_unit, lanes: 4, clock: c}\n"


def machine(old: str, new: str) -> str:
    """The good machine with one thing in it replaced."""
    assert old in MACHINE
    return MACHINE.replace(old, new, 1)


def _architecture(name: str, text: str | bytes, *said: str, **others: str | bytes | None) -> Bad:
    files = {"f.yaml": text, **{key.replace("__", "."): value for key, value in others.items()}}
    return Bad(f"architecture: {name}", "arch check f.yaml", files, said)


def _layers(depth: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    return "\n".join(lines + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, depth)])


ARCHITECTURES = [
    _architecture("empty file", "", "f.yaml:1:1", "found nothing"),
    _architecture("comments only", "# nothing\n", "f.yaml"),
    _architecture("a list", "- 1\n", "f.yaml:1:1", "found list"),
    _architecture("a word", "hello\n", "f.yaml:1:1", "found str"),
    _architecture("binary", b"\x00\x01\x02\xff" * 20, "f.yaml:1"),
    _architecture("a control character", "name: \x01\n", "f.yaml:1:7", "U+0001"),
    _architecture("Latin-1", "name: caf\xe9\n".encode("latin-1"), "f.yaml:1:10", "UTF-8"),
    _architecture("UTF-16", "name: x\n".encode("utf-16"), "f.yaml:1", "UTF-8"),
    _architecture("an open bracket", "name: [x\n", "f.yaml:2:1"),
    _architecture("a tab", "name: x\na:\n\tkind: dram\n", "f.yaml:3:1", "tab"),
    _architecture("two documents", "name: x\n---\nname: y\n", "f.yaml:2:1"),
    _architecture("a duplicate key", MACHINE + "name: y\n", "f.yaml:6:1", "stands twice"),
    _architecture("a duplicate component", MACHINE + f"a: {ARRAY}\n", "f.yaml:6:1", "stands twice"),
    _architecture("an unknown key at the top", MACHINE + "polcy: 3\n", "f.yaml:6:1", "did you mean 'policy'"),
    _architecture("an unknown key in a component", machine("banks: 4", "bnks: 4"), "f.yaml:4", "did you mean 'banks'"),
    _architecture("an unknown kind", machine("kind: dram", "kind: drum"), "f.yaml:5:5", "did you mean 'dram'"),
    _architecture("a number as kind", machine("kind: dram", "kind: 5"), "f.yaml:5:5"),
    _architecture("a key that is a list", "name: x\n? [a, b]\n: 1\n", "f.yaml:2", "single word"),
    _architecture("a unit of another dimension", machine("1 GB/s", "1 GHz"), "f.yaml:5:17", "unknown unit 'GHz'"),
    _architecture("a unit nobody knows", machine("1 MiB", "1 MeB"), "f.yaml:4", "unknown unit 'MeB'"),
    _architecture("a unit left out", machine("1 GB/s", "5"), "f.yaml:5:17", "the unit is missing"),
    _architecture("a clock in bytes", machine("1 GHz", "1 GB"), "f.yaml:2", "unknown unit 'GB'"),
    _architecture("an undeclared clock", machine("clock: c}", "clock: cc}"), "f.yaml:3", "did you mean 'c'"),
    _architecture("a rate of zero", machine("1 GB/s", "0 GB/s"), "f.yaml:5:17"),
    _architecture("a negative clock", machine("1 GHz", "-1 GHz"), "f.yaml:2"),
    _architecture("a size that is not finite", machine("1 MiB", ".inf"), "f.yaml:4:33", "not finite"),
    _architecture("not a number", machine("rows: 4", "rows: .nan"), "f.yaml:3", "not finite"),
    _architecture("a number beyond a double", machine("rows: 4", "rows: 1.0e999"), "f.yaml:3", "not finite"),
    _architecture("zero rows", machine("rows: 4", "rows: 0"), "f.yaml:3", "rows"),
    _architecture("negative rows", machine("rows: 4", "rows: -4"), "f.yaml:3", "rows"),
    _architecture("half a row", machine("rows: 4", "rows: 0.5"), "f.yaml:3", "rows"),
    _architecture("a truth value for rows", machine("rows: 4", "rows: true"), "f.yaml:3", "rows"),
    _architecture("an absurd number of rows", machine("rows: 4", "rows: 99999999999"), "f.yaml:3", "rows"),
    _architecture("a number of 50 digits", machine("rows: 4", f"rows: {'9' * 50}"), "f.yaml:3", "absurdly long"),
    _architecture("an absurd capacity", machine("1 MiB", "9e9 TiB"), "f.yaml:4", "capacity"),
    _architecture("an absurd exponent", machine("1 MiB", "'1e999999999 B'"), "f.yaml:4", "absurdly large"),
    _architecture("absurdly many copies", machine("rows: 4", "count: 9999999, rows: 4"), "f.yaml:3:27", "absurdly many"),
    _architecture("copies of copies", "name: x\ng: {count: 9999, h: {count: 9999, d: {kind: dram, bandwidth: 1 GB/s, "
                  "capacity: 1 GiB}}}\n", "f.yaml:2", "absurdly many copies"),
    _architecture("an unknown data type", machine("int8: 1", "imt8: 1"), "f.yaml:3:53", "did you mean 'int8'"),
    _architecture("an unknown dataflow", machine("rows: 4", "dataflow: wss, rows: 4"), "f.yaml:3", "did you mean 'ws'"),
    _architecture("an unknown device", machine("bandwidth: 1 GB/s", "device: HBM22"), "f.yaml:5"),
    _architecture("channels of no device", machine("1 GB/s", "1 GB/s, channels: 4"), "f.yaml:5", "without a `device`"),
    _architecture("no component", "name: x\n", "f.yaml:1:1", "no component"),
    _architecture("no name", MACHINE.replace("name: x\n", ""), "needs the key 'name'"),
    _architecture("an empty group", MACHINE + "g: {}\n", "f.yaml:6:1", "empty group"),
    _architecture("a name that is none", MACHINE + "a b: {kind: dram, bandwidth: 1 GB/s, capacity: 1 GiB}\n", "f.yaml:6:1"),
    _architecture("a link to nothing", MACHINE + "links: [{kind: bus, connects: [p, dd], width: 4 B, clock: c}]\n",
                  "f.yaml:6:35", "did you mean 'd'"),
    _architecture("links that are a word", MACHINE + "links: bus\n", "f.yaml:6:1"),
    _architecture("a Python object", "name: !!python/object/apply:os.system ['touch owned']\n", "f.yaml:1:7", "tags"),
    _architecture("a Python name", "name: !!python/name:os.system\n", "f.yaml:1:7", "tags"),
    _architecture("a tag of its own", "name: !mine x\n", "f.yaml:1:7", "tags"),
    _architecture("an alias of nothing", "name: *x\n", "f.yaml:1:7", "undefined alias"),
    _architecture("an alias inside itself", "name: x\na: &a {b: *a}\n", "f.yaml:2", "inside what it names"),
    _architecture("an alias bomb", _layers(12), "aliases expand to more than"),
    _architecture("an alias bomb of text", f"a: &a {'y' * 100000}\nb: [{'*a,' * 5000}]\n", "aliases expand to more than"),
    _architecture("a merge of a word", "name: x\n<<: y\n", "f.yaml:2:1", "'<<'"),
    _architecture("deep brackets", "a: " + "[" * 5000, "f.yaml:1:", "levels deep"),
    _architecture("deep lists", "- " * 5000, "f.yaml:1:", "levels deep"),
    _architecture("deep indentation", "".join(" " * i + f"k{i}:\n" for i in range(80)), "levels deep"),
    _architecture("60000 unknown keys", MACHINE + "".join(f"k{i}: 1\n" for i in range(60000)), "the first 1000 problems"),
    _architecture("a line of a megabyte", "name: " + "x" * 1_000_000 + "\n", "f.yaml:1"),
    _architecture("too large", b"#" * 2_000_001, "larger than 2 MB"),
    _architecture("extends itself", "extends: f.yaml\nname: x\n", "f.yaml:1:1", "circle"),
    _architecture("extends in a circle", "extends: g.yaml\n", "circle", g__yaml="extends: f.yaml\n"),
    _architecture("extends what is not there", "extends: tpu_v44\n", "f.yaml:1:1", "did you mean 'tpu_v4'"),
    _architecture("extends a number", "extends: 4\n", "f.yaml:1:1", "extends"),
    _architecture("extends a folder", "extends: g.yaml\n", "f.yaml:1:1", g__yaml=None),
    _architecture("extends outside", "extends: ../../../../../../no/such\n", "f.yaml:1:1"),
    _architecture("extends an absolute path", "extends: /etc/passwd\n", "f.yaml:1:1", "absolute path"),
    _architecture("extends what is no YAML", "extends: g.txt\n", "f.yaml:1:1", g__txt="name: g\n"),
    _architecture("an unknown policy", MACHINE + "policy: {fusion: evrything}\n", "f.yaml:6"),
    _architecture("a policy that is a list", MACHINE + "policy: [1]\n", "f.yaml:6:1", "expected a mapping"),
    _architecture("unknown strategies", MACHINE + "policy: {scheduler: overlp, placement: spred}\n", "f.yaml:6:10",
                  "did you mean 'overlap'", "f.yaml:6:29", "did you mean 'spread'"),
    _architecture("a collective that nobody runs", MACHINE + "policy: {collectives: {all_reduc: ring, all_gather: rng}}\n",
                  "f.yaml:6:24", "did you mean 'all_reduce'", "f.yaml:6:41", "did you mean 'ring'"),
    _architecture("a pin to no engine", MACHINE + "policy: {mapping: {g: {engine: aray, dataflow: wz}}}\n", "f.yaml:6:24",
                  "did you mean 'array'", "f.yaml:6:38", "found wz"),
    _architecture("unknown prices", MACHINE + "energy: {table: cmos_7nm, overrides: {drm.reads: 1 pJ, dram.reed: 1 pJ}}\n",
                  "f.yaml:6:39", "did you mean 'dram'", "f.yaml:6:56", "dram counts no such action"),
    _architecture("nothing that computes", MACHINE.replace(f"a: {ARRAY}\n", ""), "f.yaml:1:1", "no compute unit"),
    _architecture("a negative price", MACHINE + "energy: {overrides: {array.mac: -1 pJ}}\n", "f.yaml:6:22", "an energy"),
    _architecture("a technology without energy table", MACHINE + "technology: 9 nm\n", "did you mean 'cmos_7nm'"),
    _architecture("no memory, and no energy table", f"name: x\nclocks: {{c: 1 GHz}}\ntechnology: 9 nm\na: {ARRAY}\n",
                  "no energy table", "needs exactly one scratchpad"),
    _architecture("absurdly many buffers", machine("banks: 4", "banks: 4, buffers: 99999999"), "f.yaml:4", "at most 1024"),
    Bad("architecture: a folder", "arch check f.yaml", {"f.yaml": None}, ("f.yaml",)),
    Bad("architecture: a link to itself", "arch check f.yaml", {"f.yaml": "@f.yaml"}, ("f.yaml",)),
    Bad("architecture: not there", "arch check tpu_v5", {}, ("did you mean 'tpu_v4'",)),
    Bad("architecture: everything at once", "arch check f.yaml",
        {"f.yaml": "nam: x\na: {kind: systolic_aray}\nd: {kind: dram, bandwidth: 1 GHz}\n"},
        ("f.yaml:1:1", "did you mean 'name'", "f.yaml:2:5", "did you mean 'systolic_array'", "f.yaml:3:17", "unknown unit")),
]  # fmt: skip


GOOD_ENERGY = (
    "schema: 1\nname: e\nsources: {s: a book}\nfigures:\n"
    "  m: {value: 1 pJ, source: s, confidence: estimate}\nprices: {systolic_array: {mac_int8: m}}\n"
)


def _energy(name: str, text: str | bytes, *said: str) -> Bad:
    files = {"f.yaml": MACHINE + VECTOR + "energy: {table: e.yaml}\n", "e.yaml": text}
    return Bad(f"energy: {name}", "arch check f.yaml", files, said)


ENERGY = [
    _energy("empty", "", "e.yaml:1:1"),
    _energy("a list", "[1]", "e.yaml:1:1"),
    _energy("binary", b"\xff\xfe\x00", "e.yaml"),
    _energy("another schema", GOOD_ENERGY.replace("schema: 1", "schema: 2"), "e.yaml:1:1", "schema"),
    _energy("an unknown key", GOOD_ENERGY + "prces: {}\n", "e.yaml:7:1", "did you mean 'prices'"),
    _energy("a unit of another dimension", GOOD_ENERGY.replace("1 pJ", "1 GB"), "e.yaml:5", "GB"),
    _energy("a negative energy", GOOD_ENERGY.replace("1 pJ", "-1 pJ"), "e.yaml:5"),
    _energy("not finite", GOOD_ENERGY.replace("1 pJ", ".inf"), "e.yaml:5", "not finite"),
    _energy("a source nobody names", GOOD_ENERGY.replace("source: s", "source: ss"), "e.yaml:5", "did you mean 's'"),
    _energy("an unknown confidence", GOOD_ENERGY.replace("estimate", "sure"), "e.yaml:5", "confidence"),
    _energy("a price of no figure", GOOD_ENERGY.replace("mac_int8: m", "mac_int8: mm"), "e.yaml:6"),
    _energy("a duplicate figure", GOOD_ENERGY.replace("prices:", "figures: {}\nprices:"), "e.yaml:6:1", "twice"),
    _energy("includes itself", GOOD_ENERGY + "include: [e.yaml]\n", "itself"),
    _energy("includes what is not there", GOOD_ENERGY + "include: [cmos_8nm]\n", "e.yaml:7:11", "did you mean 'cmos_"),
    _energy("includes an absolute path", GOOD_ENERGY + "include: [/etc/passwd]\n", "e.yaml:7:11", "absolute path"),
    _energy("includes what is no YAML", GOOD_ENERGY + "include: [../../etc/passwd]\n", "e.yaml:7:11"),
    _energy("includes a number", GOOD_ENERGY + "include: [7]\n", "e.yaml:7:11"),
    _energy("a ratio over zero", GOOD_ENERGY + "scale: {table: cmos_7nm, factor: 1/0, source: s}\n", "e.yaml:7:26"),
    _energy("a Python object", GOOD_ENERGY + "description: !!python/object:os.x {}\n", "e.yaml:7:14", "tags"),
    Bad("energy: a table that is not there", "arch check f.yaml",
        {"f.yaml": MACHINE + VECTOR + "energy: {table: cmos_6nm}\n"}, ("f.yaml", "energy table", "did you mean 'cmos_")),
    Bad("energy: a memory without a device", "arch check f.yaml", {"f.yaml": MACHINE + VECTOR + "technology: 7 nm\n"},
        ("f.yaml:5:1: d (dram): ", "read_bytes, write_bytes: needs device", "a `device:` of HBM2", "{dram.read_bytes: 1 pJ}",
         "{table: none}")),
    Bad("energy: a price for no kind", "arch check f.yaml",
        {"f.yaml": MACHINE + VECTOR + "energy: {table: cmos_7nm, overrides: {drum.read_bytes: 1 pJ}}\n"},
        ("f.yaml", "did you mean 'dram'")),
]  # fmt: skip
