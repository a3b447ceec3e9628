"""What a PIM command set is made of: commands, and timing rows between them.

A command touches banks (all of a channel, a bank group, one parity or one bank), may need their rows open or closed,
and may open or close them. A timing row says: a ``following`` command comes at least ``cycles`` after a ``preceding``
one when both touch a common unit of ``scope``. Delays are written with JEDEC names and resolved to integers once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sim.core.errors import Problems

LEVELS = ("channel", "rank", "bankgroup", "samebank", "bundle", "parity", "bank")
"""Units a command can touch; ``parity``: all even or all odd banks, which share processing units two by two;
``samebank``: the banks of one number in all bank groups and ranks; ``bundle``: two neighbouring banks of every bank group
of a rank."""
NEEDS = ("any", "open", "closed")
EVERY_BUFFER = -1
EFFECTS = ("none", "open", "close")
_TERM = re.compile(r"\s*([+-]?)\s*([A-Za-z_][A-Za-z0-9_]*|\d+)\s*")


@dataclass(frozen=True)
class Command:
    """One command. ``latency``: delay expression from issue to completion.

    ``needs`` open means: the row asked for is open in every bank touched; ``opener`` and ``closer`` name the commands
    that bring this about (a command that opens names its ``closer`` too). ``row_buffer``: which of a bank's row
    buffers it concerns, ``EVERY_BUFFER`` for all. ``mode``: the mode the channel must be in ("" for any), ``enters``:
    the mode this command changes to. ``action`` is what the energy table prices, once for each bank touched when
    ``per_bank``.
    """

    name: str
    touches: str
    action: str
    needs: str = "any"
    effect: str = "none"
    opener: str = ""
    closer: str = ""
    mode: str = ""
    enters: str = ""
    latency: str = "1"
    per_bank: bool = True
    row_buffer: int = 0


@dataclass(frozen=True)
class Rule:
    """A timing row. With ``window`` n it counts from the n-th last ``preceding`` command (tFAW: 4)."""

    preceding: tuple[str, ...]
    following: tuple[str, ...]
    cycles: str
    scope: str
    window: int = 1

    def __str__(self) -> str:
        text = f"{'/'.join(self.preceding)} -> {'/'.join(self.following)}: {self.cycles} ({self.scope})"
        return text if self.window == 1 else f"{text}, window {self.window}"


def rows(scope: str, *entries: tuple[str, str, str]) -> tuple[Rule, ...]:
    """Rules of one scope from (preceding names, following names, delay), names separated by blanks."""
    return tuple(Rule(tuple(first.split()), tuple(then.split()), cycles, scope) for first, then, cycles in entries)


def delay(expression: str, timing: Mapping[str, int]) -> int:
    """Cycles of a delay such as ``CWL + burst + tWTR_S``: names and whole numbers joined by plus and minus."""
    total, at = 0, 0
    while at < len(expression):
        match = _TERM.match(expression, at)
        if match is None or (match.group(1) == "") != (at == 0 and expression.lstrip()[0] not in "+-"):
            raise ValueError(f"{expression!r} is not a sum of timings")
        sign, term = match.groups()
        value = int(term) if term.isdecimal() else timing[term]
        total += -value if sign == "-" else value
        at = match.end()
    return total


def check_commands(commands: Mapping[str, Command], rules: Sequence[Rule], timing: Mapping[str, int]) -> None:
    """Raise InputError with everything that does not fit together in a command set on a device."""
    problems = Problems()
    expressions = [rule.cycles for rule in rules]
    for name, command in commands.items():
        named = [one for one in (command.opener, command.closer) if one]
        _known(problems, f"command {name}: touches", [command.touches], LEVELS)
        _known(problems, f"command {name}: needs", [command.needs], NEEDS)
        _known(problems, f"command {name}: effect", [command.effect], EFFECTS)
        _known(problems, f"command {name}: opener or closer", named, commands)
        expressions.append(command.latency)
    for rule in rules:
        _known(problems, f"rule {rule}: command", [*rule.preceding, *rule.following], commands)
        _known(problems, f"rule {rule}: scope", [rule.scope], LEVELS)
    names = {term for text in expressions for _, term in _TERM.findall(text) if not term.isdecimal()}
    _known(problems, "timing of the device", sorted(names), timing)
    problems.raise_if_any()


def _known(problems: Problems, what: str, found: Sequence[str], allowed: Sequence[str] | Mapping[str, object]) -> None:
    for name in found:
        if name not in allowed:
            problems.add(f"{what} is not known", found=name, allowed=tuple(allowed), suggest_for=name)
