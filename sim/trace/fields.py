"""Reading the fields of one JSON object with problems collected: the right type, or a problem and a stand-in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from sim.core.errors import Place, Problems
from sim.trace.affine import Extent, parse_extent

Path = tuple[str | int, ...]
T = TypeVar("T")
MAX_NAME = 1000
_REQUIRED = object()


class Fields:
    """The fields of one object; ``place`` gives the place of a path in it. ``sound`` turns False at a problem."""

    def __init__(self, table: dict[str, Any], place: Callable[[Path], Place], problems: Problems) -> None:
        self.table = table
        self.place = place
        self.problems = problems
        self.sound = True

    def add(self, message: str, path: Path, **details: Any) -> None:
        """Add a problem at a path of the object."""
        self.sound = False
        self.problems.add(message, self.place(path), **details)

    def only(self, allowed: Iterable[str]) -> None:
        """Report the keys that are none of ``allowed``."""
        names = tuple(allowed)
        for key in self.table:
            if key not in names:
                self.add("unknown key", (key,), found=key, allowed=names, suggest_for=key)

    def _get(self, key: str, default: Any, wanted: type, what: str) -> Any:
        if key not in self.table:
            if default is _REQUIRED:
                self.add(f"the key {key!r} is missing", ())
                return wanted()
            return default
        value = self.table[key]
        if not isinstance(value, wanted) or isinstance(value, bool):
            self.add(f"{key!r} must be {what}", (key,), found=_shown(value))
            return wanted()
        return value

    def text(self, key: str, default: Any = _REQUIRED) -> str:
        """A string."""
        value = str(self._get(key, default, str, "a string"))
        if any("\ud800" <= character <= "\udfff" for character in value):
            self.add(f"{key!r} holds half a character (a lone surrogate)", (key,))
            return ""
        return value

    def name(self, key: str) -> str:
        """A name: a string that is not empty, on one line, and not absurdly long."""
        value = self.text(key)
        if self.sound and not is_name(value):
            self.add(f"{key!r} must be a name of 1 to {MAX_NAME} printable characters", (key,), found=_shown(value))
        return value

    def count(self, key: str) -> int:
        """A whole number."""
        return int(self._get(key, _REQUIRED, int, "a whole number"))

    def table_of(self, key: str, default: Any = _REQUIRED) -> dict[str, Any]:
        """An object."""
        return dict(self._get(key, default, dict, "an object"))

    def list_of(self, key: str, default: Any = _REQUIRED) -> list[Any]:
        """A list."""
        return list(self._get(key, default, list, "a list"))

    def names(self, key: str) -> tuple[str, ...]:
        """A list of strings; empty when the key is not there."""
        values = self.list_of(key, [])
        for number, value in enumerate(values):
            if not isinstance(value, str):
                self.add(f"{key!r} must be a list of strings", (key, number), found=_shown(value))
        return tuple(value for value in values if isinstance(value, str))

    def extent(self, value: Any, path: Path) -> Extent:
        """An extent: a whole number or a sum with loop indices."""
        try:
            return parse_extent(value)
        except ValueError:
            self.add("not a whole number or a sum such as '512 + step'", path, found=_shown(value))
            return 1

    def dimension(self, value: Any, path: Path) -> Any:
        """An extent, or nested lists of extents as tuples."""
        if isinstance(value, list):
            return tuple(self.dimension(entry, (*path, number)) for number, entry in enumerate(value))
        return self.extent(value, path)


def is_name(value: str) -> bool:
    """Is the string usable as a name of a tensor or operator?"""
    return 0 < len(value) <= MAX_NAME and value.isprintable()


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
