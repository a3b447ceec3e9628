"""JSON with places: where in a text a key stands, and which keys are given twice.

Parsing is the standard library's. Places are found by a second walk over the text, made only when there is something
to report, so that reading good files costs nothing extra.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from sim.core.errors import Place, Problems

Path = tuple[str | int, ...]
MAX_DEPTH = 50
"""Levels of nesting; no format of ours needs more than ten."""
MAX_PLACES = 20_000
"""Keys and entries of one text whose places are found; what comes later is placed at what is around it."""
_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+)', re.DOTALL)


def load_json(text: str, problems: Problems, file: str, first_line: int = 1) -> Any:
    """The value of a JSON text whose first line is ``first_line`` of ``file``; None when it is not JSON.

    A key given twice is a problem (the last one is kept), and so are numbers that JSON does not have (NaN) or that no
    double holds (1e999), and nesting beyond :data:`MAX_DEPTH`.
    """
    doubled: list[str] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) != len(pairs):
            doubled.extend(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        return table

    try:
        value = json.loads(text, object_pairs_hook=unique, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        problems.add(f"not JSON: {error.msg}", Place(file, first_line + error.lineno - 1, error.colno))
        return None
    except (ValueError, RecursionError) as error:
        message = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        problems.add(f"not JSON we can read: {message}", Place(file, first_line))
        return None
    if _deeper(value, MAX_DEPTH):
        problems.add(f"nested more than {MAX_DEPTH} levels deep", Place(file, first_line))
        return None
    if doubled:
        placed = find_places(text, file, first_line).doubled
        for path, place in placed:
            problems.add(f"the key {path[-1]!r} is given twice", place)
        for name in dict.fromkeys(doubled) if not placed else ():
            problems.add(f"the key {name!r} is given twice", Place(file, first_line))
    return value


def _deeper(value: Any, levels: int) -> bool:
    """Are lists and objects nested more than ``levels`` deep?"""
    layer = [value]
    for _ in range(levels + 1):
        layer = [
            inner
            for one in layer
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, (dict, list))
        ]
        if not layer:
            return False
    return True


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:40]} is beyond what a double holds")
    return number


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


@dataclass(frozen=True)
class Places:
    """Places of the keys and list entries of a JSON text, by path from its root; and the keys given twice."""

    of: dict[Path, Place]
    doubled: tuple[tuple[Path, Place], ...]

    def at(self, path: Path) -> Place:
        """The place of ``path``, or of the nearest thing around it."""
        while path not in self.of:
            path = path[:-1]
        return self.of[path]


def find_places(text: str, file: str, first_line: int = 1) -> Places:
    """Places in a JSON text that the standard parser accepts; of the first :data:`MAX_PLACES` keys and entries."""
    places: dict[Path, Place] = {}
    doubled: list[tuple[Path, Place]] = []
    open_paths: list[Path] = []  # of the objects and arrays that are open
    current: list[str | int] = []  # the key or index we are at in each
    expects_key = False
    line, line_start, seen = first_line, 0, 0
    for match in _TOKEN.finditer(text):
        if len(places) >= MAX_PLACES:
            break
        token, start = match.group(1), match.start(1)
        line += text.count("\n", seen, start)
        line_start = max(line_start, text.rfind("\n", seen, start) + 1)
        seen = start
        here = Place(file, line, start - line_start + 1)
        places.setdefault((), here)
        if token in ("}", "]"):
            open_paths.pop()
            current.pop()
            expects_key = False
        elif token == ",":
            index = current[-1]
            expects_key = not isinstance(index, int)
            current[-1] = index + 1 if isinstance(index, int) else ""
        elif token == ":":
            expects_key = False
        elif expects_key:
            current[-1] = str(json.loads(token))
            path: Path = (*open_paths[-1], current[-1])
            if path in places:
                doubled.append((path, here))
            places.setdefault(path, here)
        else:
            path = (*open_paths[-1], current[-1]) if open_paths else ()
            places.setdefault(path, here)
            if token in ("{", "["):
                open_paths.append(path)
                current.append(0 if token == "[" else "")
                expects_key = token == "{"
    return Places(places, tuple(doubled))
