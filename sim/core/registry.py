"""Name -> class registries; built-ins and plug-ins take the same path.

``@registry.register("name")`` on a class makes it known when its module is imported. Which modules to import is said by
entry points: every distribution (ours included, see ``pyproject.toml``) lists modules or packages in the group
``tilesim.<registry>``; a package stands for all modules in it, so adding a built-in is adding one file. Modules are
imported at the first look-up, not before; compiled kernels live in modules whose name starts with an underscore, which
are left to whoever needs them. Metadata of an editable installation may be older than its source, and going on would leave
built-ins out and change results without a word. Ours is therefore one package a group (a test holds it to that), so that
all of a group is there or none, which is refused.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from sim.core.errors import InputError, Place, Problem, Problems

T = TypeVar("T")
AGAIN = "install it again (pip install -e . in a checkout)"


class Registry(Generic[T]):
    """A named table of classes (or other objects). ``what`` is the noun used in messages, ``group`` the entry points'."""

    def __init__(self, group: str, what: str) -> None:
        self.group = f"tilesim.{group}"
        self.what = what
        self._known: dict[str, T] = {}
        self._loaded = False

    def register(self, name: str) -> Callable[[T], T]:
        """Class decorator: make the class known as ``name``. A second, different class of that name is a mistake."""

        def decorate(thing: T) -> T:
            present = self._known.get(name)
            if present is not None and _identity(present) != _identity(thing):
                raise ValueError(f"{self.what} {name!r} is registered twice: {present!r} and {thing!r}")
            self._known[name] = thing
            return thing

        return decorate

    def names(self) -> tuple[str, ...]:
        """All known names, sorted."""
        self._load()
        return tuple(sorted(self._known))

    def __contains__(self, name: str) -> bool:
        if name not in self._known:
            self._load()
        return name in self._known

    def get(self, name: str, place: Place | None = None) -> T:
        """The thing called ``name``; raises :class:`InputError` naming the nearest valid name."""
        if name not in self:
            problems = Problems()
            problems.add(f"unknown {self.what}", place, found=name, allowed=self.names(), suggest_for=name)
            problems.raise_if_any()
        return self._known[name]

    def _load(self) -> None:
        if self._loaded:
            return
        entries = sorted(entry_points(group=self.group))
        if not any(_is_ours(entry) for entry in entries):
            raise InputError(
                [Problem(f"the installed tilesim lists no {self.group}: it is older than its source; {AGAIN}")]
            )
        self._loaded = True
        for entry in entries:
            try:
                _import_all(entry.value)
            except ImportError as error:
                message = f"plug-in {entry.name!r} ({entry.value}) for {self.group} cannot be imported: {error}"
                raise InputError([Problem(f"{message}; {AGAIN}" if _is_ours(entry) else message)]) from error


def _import_all(name: str) -> None:
    module = importlib.import_module(name)
    for info in pkgutil.walk_packages(getattr(module, "__path__", []), f"{name}."):
        if not info.name.rpartition(".")[2].startswith("_"):
            importlib.import_module(info.name)


def _is_ours(entry: EntryPoint) -> bool:
    """Is it one of this package's own, not a plug-in's?"""
    return entry.value.partition(".")[0] == __name__.partition(".")[0]


def _identity(thing: object) -> tuple[str, str]:
    return (getattr(thing, "__module__", ""), getattr(thing, "__qualname__", repr(thing)))
