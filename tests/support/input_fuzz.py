"""Damaged inputs for fuzzing, each made from a seed so that a failure can be repeated, and what they are read with.

A damaged input is a good one with a few changes: to bytes, to lines, or (JSON) to values. A reader may accept it or
raise InputError; anything else, a hang, or more than a gigabyte of memory is a bug.
"""

from __future__ import annotations

import json
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from sim.core.data_files import package_folder
from sim.core.errors import InputError

SECONDS_PER_INPUT = 20
"""Far more than any of these inputs needs, for a machine under load."""
EXTRA_BYTES = 1_000_000_000

NASTY_TEXT = (
    "", "0", "-1", "1e999", ".nan", "1e9", "9" * 30, "9" * 5000, "0x" + "f" * 39, "1 GiB", "1 GHz", "null", "~", "true",
    "[]", "{}", "[[[[", "*a", "&a", "!!python/object/apply:os.system [id]", "<<", "é", "\u2028", "\x00", "\ud800", "'",
    '"', "%", "${HOME}", "../x", "/etc/passwd", "1:2", "5:4", "²", "١", "1_0", "- - - -", "? ? ?", ": : :", "\t", "x" * 3000,
)  # fmt: skip
NASTY_VALUES = (
    None, True, False, 0, -1, 1, 3, 2**31, 2**40, 2**63, 10**30, 10**400, 0.5, -0.0, 1e308, float("inf"), float("nan"), "",
    "0", "5 + step", "1 + 1", "9" * 5000, "x" * 3000, "layer", "weight", "²", "\ud800", "gpt2", [], {}, [[]], [0], [1, 2],
    [None], {"a": 1}, [{}], {"": ""}, {"tensor": "x", "elements": -1}, "silu", "5:4", [[1, 1]], [[10**9, 10**9]],
)  # fmt: skip


class TooLong(BaseException):
    """A reader took longer than :data:`SECONDS_PER_INPUT`; no Exception, so that no reader can catch it."""


@contextmanager
def bounded() -> Iterator[None]:
    """Raise in the body when it takes too long or needs more than a gigabyte beyond what is in use."""

    def stop(number: int, frame: object) -> None:
        raise TooLong(f"more than {SECONDS_PER_INPUT} s")

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGALRM, stop)
    resource.setrlimit(resource.RLIMIT_AS, (pages * os.sysconf("SC_PAGE_SIZE") + EXTRA_BYTES, before[1]))
    signal.alarm(SECONDS_PER_INPUT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, before)


def accepts(read: Callable[[], object]) -> bool:
    """Is the input accepted? Any exception but InputError leaves; one without a problem, or an absurd text, too."""
    with bounded():
        try:
            read()
        except InputError as error:
            assert error.problems
            assert len(str(error)) < 2_000_000, "a message nobody can read"
            return False
    return True


def damaged_bytes(data: bytes, random: Random) -> bytes:
    """Up to eight bytes changed, inserted or removed, or the end cut off."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 8)):
        at = random.randrange(len(changed) + 1)
        what = random.randrange(5)
        if what == 0:
            changed[at : at + 1] = bytes([random.randrange(256)])
        elif what == 1:
            changed[at:at] = bytes(random.choices(range(256), k=random.randint(1, 4)))
        elif what == 2:
            del changed[at : at + random.randint(1, 20)]
        elif what == 3 and at < len(changed):
            changed[at] ^= 1 << random.randrange(8)
        elif what == 4 and random.random() < 0.1:
            del changed[at:]
    return bytes(changed)


def damaged_text(text: str, random: Random) -> str:
    """Words replaced by nasty ones; lines doubled, dropped, swapped, indented; the end cut off."""
    lines = text.split("\n")
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(lines))
        what = random.randrange(7)
        if what <= 2:
            lines[at] = _with_nasty_word(lines[at], random)
        elif what == 3:
            lines.insert(random.randrange(len(lines)), lines[at])
        elif what == 4 and len(lines) > 1:
            del lines[at]
        elif what == 5:
            lines[at] = random.choice(["  ", "\t", "- ", " "]) + lines[at]
        elif what == 6 and random.random() < 0.3:
            lines[at:] = [lines[at][: random.randrange(len(lines[at]) + 1)]]
    return "\n".join(lines)


def _with_nasty_word(line: str, random: Random) -> str:
    cuts = [0, *(i for i, c in enumerate(line) if c in " ,:{}[]\"'"), len(line)]
    start = random.choice(cuts)
    end = random.choice([cut for cut in cuts if cut >= start][:3])
    return line[:start] + random.choice([" ", "", ": "]) + random.choice(NASTY_TEXT) + line[end:]


def damaged_value(value: Any, random: Random) -> Any:
    """A JSON value with some entries replaced, renamed, dropped or moved."""
    value = json.loads(json.dumps(value))
    for _ in range(random.randint(1, 4)):
        holders = [one for one in _holders(value) if one]
        if not holders:
            return random.choice(NASTY_VALUES)
        holder = random.choice(holders)
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key, what = random.choice(keys), random.randrange(6)
        if what <= 2:
            holder[key] = deepcopy(random.choice(NASTY_VALUES))
        elif what == 3:
            del holder[key]
        elif what == 4 and isinstance(holder, dict):
            holder[random.choice(["x", "", "elements", "sliding_window", "rope_scaling", str(key)])] = holder.pop(key)
        else:
            holder[key] = json.loads(json.dumps(random.choice(holders)))
    return value


def _holders(value: Any) -> Iterator[Any]:
    if isinstance(value, (dict, list)):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _holders(inner)


def json_text(value: Any) -> str:
    """The value as JSON, surrogates and non-finite numbers included."""
    return json.dumps(value)


@lru_cache
def sources(folder: str, pattern: str) -> tuple[tuple[str, str], ...]:
    """(name, text) of the good files that are damaged."""
    root = Path(__file__).parents[2] / folder if folder.startswith("sim") else package_folder(folder)
    return tuple((path.name, path.read_text(encoding="utf-8")) for path in sorted(root.glob(pattern)))


def encoded(text: str) -> bytes:
    """UTF-8, with what is no character left in so that readers see it."""
    return text.encode("utf-8", "surrogatepass")
