"""Reading trace files. The format is described in ``docs/trace-format.md``.

A file is read to the end whatever is wrong with it: all problems are reported at once, each with the line and column of
the offending key. The trace is then checked (:mod:`sim.trace.check`), leaving out what follows from broken lines.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Any

from sim.core.errors import InputError, Place, Problem, Problems
from sim.core.text_file import read_text
from sim.trace.builder import frozen
from sim.trace.check import find_problems
from sim.trace.fields import Fields, Path
from sim.trace.json_places import Places, find_places, load_json
from sim.trace.model import FORMAT, MAX_RANKS, PARALLEL, VERSION, Item, Operator, Repeat, Tensor, Trace, Use

MAX_LINES = 1_000_000
HEADER_KEYS = ("format", "version", "name", "description", "source", "outputs", "notes", "parallel", "micro_batches")
TENSOR_KEYS = ("tensor", "role", "dtype", "shape")
OPERATOR_KEYS = ("op", "kind", "dims", "inputs", "outputs", "attributes")
REPEAT_KEYS = ("repeat", "count", "over", "carry")
#: The key that tells what a line is -> all its keys.
LINES = {"tensor": TENSOR_KEYS, "op": OPERATOR_KEYS, "repeat": REPEAT_KEYS, "end": ("end",)}


def read_trace(path: str | FilePath) -> Trace:
    """The trace in a file, checked. Raises InputError with every problem found."""
    problems = Problems()
    text = read_text(FilePath(path), problems)
    if text.count("\n") > MAX_LINES:
        problems.add("the file has too many lines", Place(str(path)), found=text.count("\n"), allowed=str(MAX_LINES))
    problems.raise_if_any()
    return _Reader(str(path), text, problems).read()


@dataclass
class _Block:
    """A block that is open: its first line and the items read so far."""

    place: Place | None = None
    index: str = ""
    count: int = 1
    over: str = "layers"
    carry: tuple[tuple[str, str], ...] = ()
    items: list[Item] = field(default_factory=list)


class _Reader:
    def __init__(self, file: str, text: str, problems: Problems) -> None:
        self._file = file
        self._lines = text.split("\n")
        self._problems = problems
        self._blocks = [_Block()]
        self._broken: set[Place] = set()
        self._lost = False  # a line of which we do not even know the names
        self._header = Trace(name="", items=())
        self._header_line = 0

    def read(self) -> Trace:
        """The trace; raises InputError."""
        for number, line in enumerate(self._lines, start=1):
            if self._problems.full:
                break
            if line.strip():
                self._line(number, line)
        if not self._header_line:
            raise InputError([Problem("the file is empty; expected a trace", Place(self._file))])
        for block in self._blocks[1:]:
            self._problems.add(
                f'repeat block {block.index!r} is not closed; its {{"end": ...}} is missing', block.place
            )
            self._lost = True
        trace = replace(self._header, items=tuple(self._blocks[0].items))
        if not self._lost and not self._problems.full:
            find_problems(trace, self._problems, self._locate, frozenset(self._broken))
        self._problems.raise_if_any()
        return trace

    def _locate(self, place: Place | None, path: Path) -> Place:
        return self._places(place.line if place else self._header_line).at(path)

    @lru_cache(maxsize=64)  # noqa: B019 - the reader lives as long as one file is read
    def _places(self, number: int) -> Places:
        return find_places(self._lines[number - 1], self._file, number)

    def _line(self, number: int, line: str) -> None:
        value = load_json(line, self._problems, self._file, number)
        if not isinstance(value, dict):
            if value is not None:
                self._problems.add("each line must be a JSON object", Place(self._file, number, 1))
            self._lost = True
            if not self._header_line:
                self._problems.raise_if_any()
            return
        fields = Fields(value, lambda path: self._places(number).at(path), self._problems)
        if not self._header_line:
            self._header_line = number
            self._read_header(fields)
            return
        what = [key for key in LINES if key in value]
        if len(what) != 1:
            fields.add(
                "a line must have exactly one of the keys " + ", ".join(LINES), (), found=", ".join(value) or "{}"
            )
            self._lost = True
            return
        fields.only(LINES[what[0]])
        {"tensor": self._tensor, "op": self._operator, "repeat": self._repeat, "end": self._end}[what[0]](
            fields, number
        )

    def _read_header(self, fields: Fields) -> None:
        """The first line. A file of another format or version is refused at once: nothing else in it can be trusted."""
        if fields.table.get("format") != FORMAT:
            found = repr(fields.table.get("format", "no format"))
            fields.add(
                "the first line must be the header of a trace",
                ("format",),
                found=found,
                allowed=f'"format": "{FORMAT}"',
            )
            self._problems.raise_if_any()
        version = fields.table.get("version")
        if version != VERSION or isinstance(version, bool):
            fields.add("unknown version of the trace format", ("version",), found=version, allowed=str(VERSION))
            self._problems.raise_if_any()
        fields.only(HEADER_KEYS)
        self._header = Trace(
            fields.name("name"), (), fields.names("outputs"), fields.text("description", ""), fields.text("source", ""),
            fields.names("notes"), self._parallel(fields), self._micro_batches(fields),
        )  # fmt: skip

    def _micro_batches(self, fields: Fields) -> int:
        value = fields.table.get("micro_batches", 1)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_RANKS:
            fields.add("not a number of micro-batches", ("micro_batches",), found=value, allowed=f"1 to {MAX_RANKS}")
            return 1
        return value

    def _parallel(self, fields: Fields) -> tuple[tuple[str, int], ...]:
        """Degrees of parallelism, by name."""
        table = fields.table_of("parallel", {})
        for name, value in table.items():
            if name not in PARALLEL:
                fields.add("no such parallelism", ("parallel", name), found=name, allowed=PARALLEL, suggest_for=name)
            elif isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_RANKS:
                fields.add("not a number of chips", ("parallel", name), found=value, allowed=f"1 to {MAX_RANKS}")
        return tuple((name, value) for name, value in table.items() if name in PARALLEL and isinstance(value, int))

    def _append(self, item: Tensor | Operator, fields: Fields) -> None:
        if not fields.sound and item.place is not None:
            self._broken.add(item.place)
        self._blocks[-1].items.append(item)

    def _tensor(self, fields: Fields, number: int) -> None:
        shape = tuple(fields.extent(value, ("shape", i)) for i, value in enumerate(fields.list_of("shape")))
        tensor = Tensor(
            fields.name("tensor"), fields.text("role"), fields.text("dtype"), shape, Place(self._file, number, 1)
        )
        self._append(tensor, fields)

    def _operator(self, fields: Fields, number: int) -> None:
        dims = fields.table_of("dims")
        inputs = fields.table_of("inputs")
        operator = Operator(
            name=fields.name("op"),
            kind=fields.text("kind"),
            dims={name: fields.dimension(value, ("dims", name)) for name, value in dims.items()},
            inputs=tuple((port, self._uses(fields, uses, ("inputs", port))) for port, uses in inputs.items()),
            outputs=self._uses(fields, fields.list_of("outputs"), ("outputs",)),
            attributes=self._attributes(fields),
            place=Place(self._file, number, 1),
        )
        self._append(operator, fields)

    def _attributes(self, fields: Fields) -> dict[str, Any]:
        attributes = fields.table_of("attributes", {})
        for name, value in attributes.items():
            if isinstance(value, dict):
                fields.add("an attribute must be a text, a number, a truth value or a list", ("attributes", name))
        return {name: frozen(value) for name, value in attributes.items() if not isinstance(value, dict)}

    def _uses(self, fields: Fields, uses: Any, path: Path) -> tuple[Use, ...]:
        if not isinstance(uses, list):
            fields.add("a port must be a list of tensors", path)
            return ()
        return tuple(use for i, value in enumerate(uses) if (use := self._use(fields, value, (*path, i))) is not None)

    def _use(self, fields: Fields, value: Any, path: Path) -> Use | None:
        if isinstance(value, str):
            return Use(value)
        if isinstance(value, dict) and isinstance(value.get("tensor"), str) and set(value) == {"tensor", "elements"}:
            return Use(value["tensor"], fields.extent(value["elements"], (*path, "elements")))
        fields.add('a use must be a name or {"tensor": NAME, "elements": COUNT}', path)
        return None

    def _repeat(self, fields: Fields, number: int) -> None:
        carry = fields.table_of("carry", {})
        for outer, inner in carry.items():
            if not isinstance(inner, str):
                fields.add("'carry' must map names to names", ("carry", outer))
        pairs = tuple((outer, inner) for outer, inner in carry.items() if isinstance(inner, str))
        block = _Block(
            Place(self._file, number, 1),
            fields.name("repeat"),
            fields.count("count"),
            fields.text("over", "layers"),
            pairs,
        )
        self._lost = self._lost or not fields.sound
        self._blocks.append(block)

    def _end(self, fields: Fields, number: int) -> None:
        name = fields.name("end")
        if len(self._blocks) == 1:
            fields.add("the end of a block where none is open", ("end",), found=name)
            self._lost = True
            return
        block = self._blocks.pop()
        if name != block.index:
            fields.add("the end of another block than the one that is open", ("end",), found=name, allowed=block.index)
            self._lost = True
        repeat = Repeat(block.index, block.count, tuple(block.items), block.over, block.carry, block.place)
        self._blocks[-1].items.append(repeat)
