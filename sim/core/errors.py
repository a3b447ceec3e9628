"""Problems in a user's input, and inconsistencies of the simulator itself.

Two families, because they call for two different people:

* :class:`InputError` - the input is wrong; the user mends it. It carries *every* problem found, each with its place,
  what was found, what is allowed and the nearest valid name. The command line turns it into exit code 2.
* :class:`InconsistencyError` - the simulator caught itself breaking one of its own rules (conservation, a deadlock,
  negative time). It carries a diagnosis. The command line turns it into exit code 3; no number is printed.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

MAX_PROBLEMS = 1000
"""Problems of one input that are told one by one; of further ones only the number is told."""
MAX_SUGGESTIONS = 100
"""Problems of one input for which the nearest name is looked for; a file with more is another kind of file."""
MAX_MESSAGE = 2000
MAX_FOUND = 200
"""Characters shown of a message and of what was found."""
MAX_ALLOWED = 24
"""Allowed names that are told one by one."""
MAX_GUESSED = 100
"""Longest misspelt name for which the nearest is looked for, in characters."""


def cut(text: str, most: int = MAX_FOUND) -> str:
    """``text``, or its first ``most`` characters and how many it has."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)"


@dataclass(frozen=True, order=True)
class Place:
    """Where in an input something stands. ``line`` and ``column`` count from 1; 0 means unknown."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if self.line == 0:
            return self.file
        if self.column == 0:
            return f"{self.file}:{self.line}"
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Problem:
    """One thing wrong with an input, told so that the user can mend it without reading our code; cut where it is long."""

    message: str
    place: Place | None = None
    found: str | None = None
    allowed: str | None = None
    nearest: str | None = None

    def __str__(self) -> str:
        message = cut(self.message, MAX_MESSAGE)
        parts = [f"{self.place}: {message}" if self.place else message]
        if self.found is not None:
            parts.append(f"found {cut(self.found)}")
        if self.allowed is not None:
            parts.append(f"allowed: {self.allowed}")
        text = "; ".join(parts)
        return f"{text}; did you mean {self.nearest!r}?" if self.nearest else text


class TilesimError(Exception):
    """Base of every error this package raises on purpose."""

    exit_code = 3


class InputError(TilesimError):
    """A user's input cannot be used. ``problems`` holds all of them, in reading order."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class InconsistencyError(TilesimError):
    """The simulator found itself inconsistent; ``rule`` names the broken rule, the message is the diagnosis."""

    exit_code = 3

    def __init__(self, rule: str, diagnosis: str) -> None:
        self.rule = rule
        self.diagnosis = diagnosis
        super().__init__(rule, diagnosis)

    def __str__(self) -> str:
        return f"{self.rule}: {self.diagnosis}"


def nearest(name: str, allowed: Iterable[str]) -> str | None:
    """The allowed name closest to ``name``, or None when nothing is close."""
    if len(name) > MAX_GUESSED:
        return None
    choices = sorted(allowed)
    by_lower = {choice.lower(): choice for choice in choices}
    matches = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.55)
    return by_lower[matches[0]] if matches else None


class Problems:
    """Collects problems so that a reader can report all of them at once.

    ``len`` counts all; the first :data:`MAX_PROBLEMS` are kept, so that a file of another kind cannot fill the memory.
    A reader of long files stops when ``full``.
    """

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._more = 0

    @property
    def full(self) -> bool:
        """Are there as many problems as are told?"""
        return len(self._problems) >= MAX_PROBLEMS

    def add(
        self,
        message: str,
        place: Place | None = None,
        *,
        found: object = None,
        allowed: Iterable[str] | str | None = None,
        suggest_for: str | None = None,
        among: Iterable[str] | None = None,
    ) -> None:
        """Record a problem. With ``allowed`` names and ``suggest_for``, the nearest allowed name is added, or the nearest
        ``among`` some of them."""
        if self.full:
            self._more += 1
            return
        near = None
        if allowed is not None and not isinstance(allowed, str):
            names = sorted(allowed)
            if suggest_for is not None and len(self._problems) < MAX_SUGGESTIONS:
                near = nearest(suggest_for, names if among is None else among)
            shown = names if len(names) <= MAX_ALLOWED else [*names[:MAX_ALLOWED], f"... ({len(names)} in all)"]
            allowed = ", ".join(shown) or "nothing here"
        text = None if found is None else cut(found if isinstance(found, str) else repr(found))
        self._problems.append(Problem(message, place, text, allowed, near))

    def extend(self, problems: Iterable[Problem]) -> None:
        """Add problems that are made already."""
        for problem in problems:
            if self.full:
                self._more += 1
            else:
                self._problems.append(problem)

    def __bool__(self) -> bool:
        return bool(self._problems)

    def __len__(self) -> int:
        return len(self._problems) + self._more

    def raise_if_any(self) -> None:
        """Raise one :class:`InputError` with everything collected, in order of place, if there is anything."""
        if self._problems:
            unique = dict.fromkeys(self._problems)
            rest = [Problem(f"the first {MAX_PROBLEMS} problems are told; there may be more")] if self.full else []
            raise InputError([*sorted(unique, key=_reading_order), *rest])


def all_of(*attempts: Callable[[], Any]) -> list[Any]:
    """What the attempts return; when some raise InputError, one InputError with the problems of all of them."""
    results: list[Any] = []
    problems = Problems()
    for attempt in attempts:
        try:
            results.append(attempt())
        except InputError as error:
            problems.extend(error.problems)
    problems.raise_if_any()
    return results


def _reading_order(problem: Problem) -> tuple[str, int, int]:
    place = problem.place
    return (place.file, place.line, place.column) if place else ("", 0, 0)
