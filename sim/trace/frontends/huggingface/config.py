"""Reading a ``config.json`` with every problem collected: missing keys, wrong types, sizes that do not fit together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from sim.core.errors import Place, Problems
from sim.trace.bounds import MAX_EXTENT
from sim.trace.json_places import find_places

#: More layers than any model has, and few enough to be listed.
MAX_LAYERS = 10_000


class ModelConfig:
    """The keys of a config. Reading a bad key adds a problem and gives a stand-in, so that reading can go on."""

    def __init__(self, path: Path, text: str, table: Mapping[str, Any], problems: Problems) -> None:
        self.path = path
        self.table = table
        self.problems = problems
        self._text = text
        self._stood_in: set[str] = set()

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

    def stood_in(self, *keys: str) -> bool:
        """Does a stand-in take the place of one of these counts? Then nothing is to be said of how they fit."""
        return not self._stood_in.isdisjoint(keys)

    def count(self, key: str, default: int | None = None, smallest: int = 1) -> int:
        """A whole number from ``smallest``; a key that is missing or null takes the default, if there is one."""
        value = self.table.get(key)
        if value is None and default is not None:
            return default
        if value is None:
            self.add(f"the key {key!r} is missing", key)
            self._stood_in.add(key)
            return 1
        if isinstance(value, bool) or not isinstance(value, int) or not smallest <= value <= MAX_EXTENT:
            what = "a positive whole number" if smallest == 1 else f"a whole number from {smallest}"
            self.add(f"{key!r} must be {what}", key, found=value)
            self._stood_in.add(key)
            return 1
        return value

    def layers(self, key: str = "num_hidden_layers") -> int:
        """A number of layers."""
        count = self.count(key)
        if count > MAX_LAYERS:
            self.add(f"{key!r} is absurdly large", key, found=count, allowed=f"at most {MAX_LAYERS}")
            return 1
        return count

    def key(self, *names: str) -> str:
        """The first of these keys that is given; the first of all when none is. For keys that changed their name."""
        return next((name for name in names if self.table.get(name) is not None), names[0])

    def window(self, key: str = "sliding_window") -> int | None:
        """A sliding window in tokens; None when the key is missing or null."""
        return None if self.table.get(key) is None else self.count(key)

    def number(self, key: str, default: float | None = None) -> float | None:
        """A positive number; None when the key is null, or missing without a default."""
        value = self.table.get(key, default)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
            self.add(f"{key!r} must be a positive number or null", key, found=value)
            return default
        return float(value)

    def share(self, key: str, default: float) -> Fraction:
        """A share from 0 to 1, exact as written in decimal."""
        value = self.table.get(key)
        if value is None:
            value = default
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            self.add(f"{key!r} must be a share from 0 to 1", key, found=value)
            return Fraction(1)
        return Fraction(str(value))

    def rotary(self, width: int, default: float = 1.0, key: str = "partial_rotary_factor") -> int:
        """Elements of each head of ``width`` that are rotated."""
        rotated = int(width * self.share(key, default))
        if rotated % 2 and not self.stood_in("hidden_size", "num_attention_heads", "head_dim"):
            self.add(f"{key!r} rotates {rotated} elements of a head, which are no pairs", key, allowed="an even number")
        return rotated

    def layer_types(self, layers: int, known: Iterable[str], default: Callable[[int], str]) -> tuple[str, ...]:
        """The type of each layer: ``layer_types`` where it is given, else ``default`` of the layer's number."""
        given = self.table.get("layer_types")
        if given is None:
            return tuple(default(layer) for layer in range(layers))
        if not isinstance(given, list) or len(given) != layers:
            found = f"{len(given)} entries" if isinstance(given, list) else given
            self.add("'layer_types' must give one type per layer", "layer_types", found=found, allowed=str(layers))
            return tuple(default(layer) for layer in range(layers))
        for name in dict.fromkeys(str(entry) for entry in given):
            if name not in known:
                message = "'layer_types' has a type we cannot lower"
                self.add(message, "layer_types", found=name, allowed=known, suggest_for=name)
        return tuple(str(entry) for entry in given)

    def at_most(self, key: str, value: int, limit: int, message: str, *limiting: str) -> None:
        """Report a count that is more than another allows, which comes of the keys ``limiting``."""
        if value > limit and not self.stood_in(key, *limiting):
            self.add(message, key, found=value, allowed=f"at most {limit}")

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
        if whole_value % part_value and not self.stood_in(part, whole):
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
