"""Reading a reference table: a CSV file in named columns, every mistake told at once with file, line and column.

A record is one line; a field may be quoted (``"a,b"``, a quote doubled inside). Lines that start with ``#`` and empty
lines are skipped, so that a table can carry its origin. Columns nobody asked for are ignored.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sim.core.errors import Place, Problem, Problems, nearest
from sim.core.text_file import read_text

FIELD = re.compile(r'\s*"((?:[^"]|"")*)"\s*(?=,|$)|([^,]*)')
MAX_BYTES = 20_000_000
MAX_DIGITS = 100
"""Characters of a number."""
READ: dict[str, Callable[[str], int | float]] = {"integer": int, "number": float}


MAX_NUMBER = 2.0**53
"""No count, time or share of a reference is larger; whole numbers are exact in a double up to here."""


@dataclass(frozen=True)
class Column:
    """A column a suite reads. ``kind``: integer, number or text; ``at_least`` and ``at_most`` bound numbers, ``among``
    lists texts.

    ``optional``: the column may be missing and a cell may be empty; the row then has None there.
    """

    name: str
    kind: str = "number"
    optional: bool = False
    at_least: float | None = None
    at_most: float = MAX_NUMBER
    among: tuple[str, ...] = ()


Value = int | float | str | None


@dataclass(frozen=True)
class Row:
    """One line of a table, its cells read as the columns say."""

    file: str
    line: int
    values: dict[str, Value]
    starts: dict[str, int]

    def place(self, column: str = "") -> Place:
        """Where the row, or its cell in ``column``, stands."""
        return Place(self.file, self.line, self.starts.get(column, 1))

    def has(self, column: str) -> bool:
        """Is there anything in this cell?"""
        return self.values[column] is not None

    def integer(self, column: str) -> int:
        """The whole number in a column of that kind."""
        value = self.values[column]
        assert isinstance(value, int), f"{self.place(column)}: {column} holds {value!r}"
        return value

    def number(self, column: str) -> float:
        """The number in a column of kind number or integer."""
        value = self.values[column]
        assert isinstance(value, (int, float)), f"{self.place(column)}: {column} holds {value!r}"
        return value

    def text(self, column: str) -> str:
        """The text in a column of that kind."""
        value = self.values[column]
        assert isinstance(value, str), f"{self.place(column)}: {column} holds {value!r}"
        return value


class _Cell(NamedTuple):
    text: str
    start: int


def read_table(path: Path, columns: Sequence[Column]) -> list[Row]:
    """The rows of a CSV file; raises InputError with every problem in it."""
    problems = Problems()
    lines = [line.rstrip("\r") for line in read_text(path, problems, MAX_BYTES).split("\n")]
    problems.raise_if_any()
    records = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    if len(records) < 2:
        problems.add("a table needs a line of column names and at least one row", Place(str(path), 1, 1),
                     allowed=", ".join(column.name for column in columns))  # fmt: skip
    rows: list[Row] = []
    if records:
        names = _split(records[0][1])
        header = _header(str(path), (records[0][0], names), columns, problems)
        for number, line in records[1:]:
            if problems.full:
                break
            rows.append(_row(str(path), number, _split(line), len(names), header, columns, problems))
    problems.raise_if_any()
    return rows


def _split(line: str) -> list[_Cell]:
    cells, at = [], 0
    while True:
        match = FIELD.match(line, at)
        assert match is not None
        quoted, plain = match.groups()
        text = plain.strip() if quoted is None else quoted.replace('""', '"')
        cells.append(_Cell(text, at + 1))
        if match.end() >= len(line):
            return cells
        at = match.end() + 1


def _header(
    file: str, record: tuple[int, list[_Cell]], columns: Sequence[Column], problems: Problems
) -> dict[str, int]:
    line, cells = record
    header: dict[str, int] = {}
    for index, cell in enumerate(cells):
        if cell.text and cell.text in header:
            problems.add("a column of this name stands here twice", Place(file, line, cell.start), found=cell.text)
        header.setdefault(cell.text, index)
    for column in columns:
        if column.name not in header and not column.optional:
            there = [name for name in header if name]
            found = f"the columns {', '.join(there)}" if there else "no columns"
            problems.extend([Problem(f"the column {column.name!r} is missing", Place(file, line, 1), found,
                                     nearest=nearest(column.name, there))])  # fmt: skip
    return header


def _row(
    file: str, line: int, cells: list[_Cell], width: int, header: dict[str, int], columns: Sequence[Column],
    problems: Problems,
) -> Row:  # fmt: skip
    if len(cells) != width:
        end = cells[min(len(cells), width + 1) - 1]
        problems.add("a row has as many fields as there are columns", Place(file, line, end.start),
                     found=str(len(cells)), allowed=str(width))  # fmt: skip
        return Row(file, line, {}, {})
    values: dict[str, Value] = {}
    starts: dict[str, int] = {}
    for column in columns:
        index = header.get(column.name)
        if index is None:
            values[column.name] = None
            continue
        starts[column.name] = cells[index].start
        values[column.name] = _value(cells[index], column, Place(file, line, cells[index].start), problems)
    return Row(file, line, values, starts)


def _value(cell: _Cell, column: Column, place: Place, problems: Problems) -> Value:
    text = cell.text
    if not text:
        if not column.optional:
            problems.add(f"column {column.name!r} is empty here", place, allowed=_allowed(column))
        return None
    if column.kind == "text":
        if column.among and text not in column.among:
            problems.add(f"column {column.name!r}", place, found=text, allowed=column.among, suggest_for=text)
        return text
    try:
        value = READ[column.kind](text) if len(text) <= MAX_DIGITS else math.nan
    except ValueError:
        value = math.nan
    lowest = -column.at_most if column.at_least is None else column.at_least
    if not math.isfinite(value) or not lowest <= value <= column.at_most:
        problems.add(f"column {column.name!r}", place, found=text, allowed=_allowed(column))
        return None
    return value


def _allowed(column: Column) -> str:
    if column.kind == "text":
        return ", ".join(column.among) or "a text"
    noun = "a whole number" if column.kind == "integer" else "a number"
    lowest = "" if column.at_least is None else f", at least {column.at_least:g}"
    return f"{noun}{lowest}" if column.at_most == MAX_NUMBER else f"{noun}{lowest}, at most {column.at_most:.0f}"
