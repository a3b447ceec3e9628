"""Reading a ``config.json`` with every problem collected: missing keys, wrong types, sizes that do not fit together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sim.core.errors import Place, Problems
from sim.trace.bounds import MAX_EXTENT
from sim.trace.json_places import find_places


class ModelConfig:
    """The keys of a config. Reading a bad key adds a problem and gives a stand-in, so that reading can go on."""

    def __init__(self, path: Path, text: str, table: Mapping[str, Any], problems: Problems) -> None:
        self.path = path
        self.table = table
        self.problems = problems
        self._text = text

    @property
    def name(self) -> str:
        """The model's name: that of its folder for a ``config.json``, else that of the file."""
        return self.path.resolve().parent.name if self.path.name == "config.json" else self.path.stem

    def place(self, key: str) -> Place:
        """Where a key stands; the file when it is not there."""
        if key not in self.table:
            return Place(str(self.path))
        return find_places(self._text, str(self.path)).at((key,))

    def add(self, message: str, key: str, **details: Any) -> None:
        """Add a problem at a key."""
        self.problems.add(message, self.place(key), **details)

    def count(self, key: str, default: int | None = None) -> int:
        """A positive whole number; a key that is missing or null takes the default, if there is one."""
        value = self.table.get(key)
        if value is None and default is not None:
            return default
        if value is None:
            self.add(f"the key {key!r} is missing", key)
            return 1
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_EXTENT:
            self.add(f"{key!r} must be a positive whole number", key, found=value)
            return 1
        return value

    def flag(self, key: str, default: bool) -> bool:
        """A truth value."""
        value = self.table.get(key, default)
        if not isinstance(value, bool):
            self.add(f"{key!r} must be true or false", key, found=value)
            return default
        return value

    def choice(self, key: str, choices: Mapping[str, str], default: str) -> str:
        """The meaning of a word of a table."""
        value = self.table.get(key, default)
        if not isinstance(value, str) or value not in choices:
            self.add(f"{key!r} has a value we cannot lower", key, found=value, allowed=choices, suggest_for=str(value))
            return choices[default]
        return choices[value]

    def divides(self, part: str, whole: str, part_value: int, whole_value: int) -> None:
        """Report when ``part`` does not divide ``whole``; the values may be defaults."""
        if whole_value % part_value:
            message = f"{whole!r} ({whole_value}) is not divisible by {part!r} ({part_value})"
            self.add(message, part if part in self.table else whole)

    def unsupported(self, keys: Iterable[str]) -> None:
        """Report keys that, when set, change the graph in a way that is not modelled."""
        for key in keys:
            value = self.table.get(key)
            if value not in (None, False):
                self.add(
                    f"{key!r} changes the graph in a way that is not modelled", key, found=value, allowed="not set"
                )
