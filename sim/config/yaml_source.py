"""YAML text -> a tree of plain values in which everything knows its place in the file.

Only data is read: no tags that build objects. Scalars follow the YAML 1.2 core schema rather than PyYAML's 1.1, so
``1e9`` is a number, ``on`` and ``no`` are words, and ``1:30``, ``010`` and dates stay text for the field to judge.
Anchors, aliases and ``<<`` work. What would exhaust memory or time (size, depth, alias bombs) is refused, and so are
duplicate keys and numbers that are not finite.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.emitter import Emitter
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.representer import SafeRepresenter
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner
from yaml.serializer import Serializer

from sim.core.errors import InputError, Place, Problem, Problems

MAX_FILE_BYTES = 2_000_000
MAX_CHARACTERS = 10_000_000
MAX_NODES = 200_000
MAX_DEPTH = 50
MAX_DIGITS = 40
_TAG = "tag:yaml.org,2002:"
_INT = re.compile(r"^[-+]?(?:0|[1-9][0-9_]*|0o[0-7]+|0x[0-9a-fA-F]+)$")
_FLOAT = re.compile(
    r"^[-+]?(?:(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.inf|\.Inf|\.INF)$"
)
_NAN = re.compile(r"^(?:\.nan|\.NaN|\.NAN)$")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SIGNS = list("-+0123456789.")


@dataclass(frozen=True)
class Located:
    """A value with its place: a scalar, a ``dict[str, Located]`` or a ``list[Located]``.

    ``place`` is where the key stands for a value in a mapping, where the value begins otherwise.
    """

    value: Any
    place: Place

    def plain(self) -> Any:
        """The value as plain dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value

    def at(self, path: Sequence[str | int]) -> Located:
        """What stands at ``path``; steps that are not in the document are passed over, so the answer is the nearest."""
        here = self
        for step in path:
            if isinstance(here.value, dict) and str(step) in here.value:
                here = here.value[str(step)]
            elif isinstance(here.value, list) and isinstance(step, int) and 0 <= step < len(here.value):
                here = here.value[step]
        return here

    def places(self, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Place]]:
        """Every (key path, place) of the tree, outermost first."""
        yield path, self.place
        steps: Iterator[tuple[str | int, Located]] = iter(())
        if isinstance(self.value, dict):
            steps = iter(self.value.items())
        elif isinstance(self.value, list):
            steps = iter(enumerate(self.value))
        for step, item in steps:
            yield from item.places((*path, step))


class _CoreResolver(BaseResolver):
    """Tags of plain scalars after the YAML 1.2 core schema."""


for _name, _pattern, _first in (
    ("bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    ("int", _INT, list("-+0123456789")),
    ("float", _FLOAT, _SIGNS),
    ("float", _NAN, ["."]),
    ("merge", re.compile(r"^<<$"), ["<"]),
    ("null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
):
    _CoreResolver.add_implicit_resolver(_TAG + _name, _pattern, _first)


class _Loader(Reader, Scanner, Parser, Composer, _CoreResolver):
    """PyYAML's reader up to the node graph, with bounds on size and depth; nothing is constructed."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        _CoreResolver.__init__(self)
        self._depth = 0
        self._composed = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._depth += 1
        self._composed += 1
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self._depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"nested more than {MAX_DEPTH} levels deep", problem_mark=mark)
        if self._composed > MAX_NODES:
            raise yaml.MarkedYAMLError(problem=f"more than {MAX_NODES} values in one file", problem_mark=mark)
        node = Composer.compose_node(self, parent, index)
        self._depth -= 1
        return node


class _Dumper(Emitter, Serializer, SafeRepresenter, _CoreResolver):
    """Writes plain data so that the reader above gives the same data back."""

    def __init__(self, stream: Any, **options: Any) -> None:
        Emitter.__init__(self, stream, width=options["width"], allow_unicode=True)
        Serializer.__init__(self)
        SafeRepresenter.__init__(self, default_flow_style=False, sort_keys=False)
        _CoreResolver.__init__(self)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def dump_yaml(data: Any) -> str:
    """``data`` (dicts, lists, scalars) as YAML that :func:`parse_yaml` reads back to the same data, keys in order."""
    return str(yaml.dump(data, Dumper=_Dumper, width=120))


def read_yaml(path: Path) -> Located:
    """Read the YAML file at ``path``; see :func:`parse_yaml`."""
    file = str(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError([Problem(f"cannot be read: {error.strerror or error}", Place(file))]) from error
    if len(content) > MAX_FILE_BYTES:
        raise InputError([Problem(f"the file is larger than {MAX_FILE_BYTES // 10**6} MB", Place(file))])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        raise InputError([Problem("the text is not UTF-8", _place_after(before, file))]) from error
    return parse_yaml(text, file)


def parse_yaml(text: str, file: str) -> Located:
    """Read YAML ``text``; ``file`` is named in places. Raises InputError with every problem found."""
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except ReaderError as error:
        message = f"the character U+{int(error.character):04X} is not allowed in YAML"
        raise InputError([Problem(message, _place_after(text[: error.position], file))]) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = " ".join(part for part in (error.context, error.problem) if part) or "not YAML"
        raise InputError([Problem(_plainly(message), _place(mark, file))]) from error
    except (ValueError, OverflowError) as error:  # PyYAML on an escape or a version beyond any character or number
        place = _place(loader.get_mark(), file) if loader else Place(file)
        raise InputError([Problem("a number or character code is out of range", place)]) from error
    if node is None:
        return Located(None, Place(file, 1, 1))
    builder = _Builder(file)
    built = builder.build(node, _place(node.start_mark, file), ())
    builder.problems.raise_if_any()
    return built


def locate(data: Any, place: Place) -> Located:
    """Plain ``data`` (from Python or an override) as a tree in which everything has the one ``place``."""
    if isinstance(data, Mapping):
        return Located({str(key): locate(item, place) for key, item in data.items()}, place)
    if isinstance(data, (list, tuple)):
        return Located([locate(item, place) for item in data], place)
    return Located(data, place)


class _Builder:
    """Node graph -> :class:`Located` tree, counting what aliases expand to."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems = Problems()
        self._built = 0
        self._characters = 0

    def build(self, node: yaml.Node, place: Place, inside: tuple[yaml.Node, ...]) -> Located:
        self._built += 1
        if self._built > MAX_NODES:
            self.problems.add(f"aliases expand to more than {MAX_NODES} values", place)
            self.problems.raise_if_any()
        if any(node is outer for outer in inside) or len(inside) > MAX_DEPTH:
            self.problems.add("an alias stands inside what it names", place)
            return Located(None, place)
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return Located(self._mapping(node, (*inside, node)), place)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            items = [self.build(item, _place(item.start_mark, self.file), (*inside, node)) for item in node.value]
            return Located(items, place)
        if isinstance(node, yaml.ScalarNode):
            return Located(self._scalar(node), place)
        self.problems.add("tags are not allowed here", _place(node.start_mark, self.file), found=node.tag)
        return Located(None, place)

    def _mapping(self, node: yaml.MappingNode, inside: tuple[yaml.Node, ...]) -> dict[str, Located]:
        own: dict[str, Located] = {}
        merged: dict[str, Located] = {}
        for key_node, value_node in node.value:
            place = _place(key_node.start_mark, self.file)
            if key_node.tag == f"{_TAG}merge":
                merged = {**self._merge(value_node, place, inside), **merged}
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.add("a key must be a single word, not a list or a mapping", place)
                continue
            key = self._text(key_node)
            if key in own:
                self.problems.add(f"the key {key!r} stands twice; first at {own[key].place}", place)
                continue
            own[key] = self.build(value_node, place, inside)
        return {**own, **{key: item for key, item in merged.items() if key not in own}}

    def _merge(self, node: yaml.Node, place: Place, inside: tuple[yaml.Node, ...]) -> dict[str, Located]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Located] = {}
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                self.problems.add("'<<' takes a mapping or a list of mappings", place)
                continue
            found = self.build(source, place, inside).value or {}
            merged = {**found, **merged}
        return merged

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        place, text = _place(node.start_mark, self.file), self._text(node)
        kind = str(node.tag).removeprefix(_TAG)
        if kind in ("str", "merge"):
            return text
        if kind == "null" and text in ("", "~", "null", "Null", "NULL"):
            return None
        if kind == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind == "int" and _INT.match(text):
            return self._integer(text, place)
        if kind == "float" and (_FLOAT.match(text) or _INT.match(text) or _NAN.match(text)):
            return self._float(text, place)
        message = f"not a valid {kind}" if kind in ("null", "bool", "int", "float") else "tags are not allowed here"
        self.problems.add(message, place, found=text if kind in ("null", "bool", "int", "float") else node.tag)
        return None

    def _text(self, node: yaml.ScalarNode) -> str:
        text = str(node.value)
        self._characters += len(text)
        if self._characters > MAX_CHARACTERS:
            self.problems.add(
                f"aliases expand to more than {MAX_CHARACTERS} characters", _place(node.start_mark, self.file)
            )
            self.problems.raise_if_any()
        if _SURROGATE.search(text):
            self.problems.add("a lone surrogate is not a character", _place(node.start_mark, self.file))
            return ""
        return text

    def _integer(self, text: str, place: Place) -> int | None:
        if len(text) > MAX_DIGITS:
            self.problems.add("the number is absurdly long", place, found=f"{len(text)} digits")
            return None
        return int(text.replace("_", ""), 0)

    def _float(self, text: str, place: Place) -> float | None:
        number = math.nan if _NAN.match(text) else float(text.lower().replace(".inf", "inf").replace("_", ""))
        if not math.isfinite(number):
            self.problems.add("the number is not finite", place, found=text)
            return None
        return number


def _place(mark: Any, file: str) -> Place:
    return Place(file) if mark is None else Place(file, mark.line + 1, mark.column + 1)


def _place_after(before: str, file: str) -> Place:
    return Place(file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


def _plainly(message: str) -> str:
    if "'\\t'" in message:
        return "a tab cannot indent or begin a word in YAML; use spaces"
    return message
