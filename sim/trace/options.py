"""How a model is to be lowered: batch, phase, lengths, data types. What a user says with ``--batch``, ``--phase`` ...

The options are one frozen record for all frontends; a frontend names those it understands, and any other option that
is not at its default is an error, never ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from sim.core.errors import Place, Problems
from sim.core.text_file import read_text
from sim.trace.dtypes import data_type
from sim.trace.model import MAX_RANKS

PHASES = ("prefill", "decode", "generate")
DEFAULT_TOKENS = 512
MAX_BATCH = 2**20
MAX_TOKENS = 2**32
MAX_COUNTS_BYTES = 10_000_000
"""Size of a file of lengths or counts."""

Lengths = int | tuple[int, ...]


@dataclass(frozen=True)
class LowerOptions:
    """Lowering options. Lengths are in tokens: one for all requests, or one per request.

    ``context`` is how many tokens a decode step attends to, its own included. ``generate`` is the number of decode
    steps after the prefill. ``dtype`` is the type of activations, and of weights and KV cache unless ``weights`` and
    ``kv`` say otherwise. ``shapes`` fixes symbolic dimensions of a graph. ``experts`` is a file with a token count per
    expert, or a random draw such as ``zipf:1.2:7``.
    ``tp``: chips that share every layer, ``ep``: chips that share the experts, ``pp``: chips that each have some
    of the layers, ``dp``: chips that each have some of the requests; they multiply and are for the trace of any frontend.
    ``micro_batches``: parts of the batch that follow each other through the stages of ``pp``.
    """

    batch: int = 1
    phase: str = "prefill"
    prompt: Lengths = DEFAULT_TOKENS
    context: Lengths | None = None
    generate: int | None = None
    dtype: str = "bf16"
    weights: str | None = None
    kv: str | None = None
    shapes: Mapping[str, int] = field(default_factory=dict)
    experts: str | None = None
    allow_unsupported: bool = False
    tp: int = 1
    ep: int = 1
    pp: int = 1
    dp: int = 1
    micro_batches: int | None = None

    @classmethod
    def of(cls, **raw: Any) -> LowerOptions:
        """Options from keyword arguments as a user gives them; raises InputError with all problems.

        A length may be a number, a sequence of numbers, or the path of a file of numbers. None means "not given".
        """
        problems = Problems()
        known = {option.name for option in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in raw.items():
            if name not in known:
                problems.add("unknown lowering option", found=name, allowed=known, suggest_for=name)
            elif value is not None:
                values[name] = _READERS[name](name, value, problems)
        problems.raise_if_any()
        return cls(**values)

    def given(self) -> tuple[str, ...]:
        """Names of the options that are not at their default."""
        default = LowerOptions()
        return tuple(
            option.name for option in fields(self) if getattr(self, option.name) != getattr(default, option.name)
        )

    @property
    def weight_dtype(self) -> str:
        return self.weights or self.dtype

    @property
    def kv_dtype(self) -> str:
        return self.kv or self.dtype


def option_name(name: str) -> str:
    """The option as written on the command line: ``allow_unsupported`` is ``--allow-unsupported``."""
    return "--" + ("shape" if name == "shapes" else name.replace("_", "-"))


def read_counts(path: str | Path, what: str, problems: Problems, smallest: int = 1) -> tuple[int, ...]:
    """Whole numbers from a text file, separated by space or commas; ``#`` starts a comment; brackets are ignored."""
    place, before = Place(str(path)), len(problems)
    text = read_text(Path(path), problems, MAX_COUNTS_BYTES, what)
    if len(problems) > before:
        return ()
    counts: list[int] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if problems.full:
            break
        for match in re.finditer(r"[^\s,\[\]]+", line.partition("#")[0]):
            word = match.group()
            if word.isascii() and word.isdigit() and len(word) < 16 and int(word) >= smallest:
                counts.append(int(word))
            else:
                here = Place(str(path), number, match.start() + 1)
                problems.add(f"{what}: not a count", here, found=word, allowed=f"whole numbers from {smallest}")
    if not counts and len(problems) == before:
        problems.add(f"{what}: the file holds no numbers", place)
    return tuple(counts)


def _count(name: str, value: Any, problems: Problems, largest: int = MAX_TOKENS) -> int:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 16:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= largest:
        problems.add(f"{option_name(name)}: not a count", found=value, allowed=f"a whole number from 1 to {largest}")
        return 1
    return value


def _batch(name: str, value: Any, problems: Problems) -> int:
    return _count(name, value, problems, MAX_BATCH)


def _lengths(name: str, value: Any, problems: Problems) -> Lengths:
    if isinstance(value, Path) or (isinstance(value, str) and not value.strip().lstrip("+-").isdigit()):
        return read_counts(value, option_name(name), problems)
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not value:
            problems.add(f"{option_name(name)}: an empty list of lengths")
        return tuple(_count(name, entry, problems) for entry in value)
    return _count(name, value, problems)


def _phase(name: str, value: Any, problems: Problems) -> str:
    if value not in PHASES:
        problems.add(f"{option_name(name)}: unknown phase", found=value, allowed=PHASES, suggest_for=str(value))
        return PHASES[0]
    return str(value)


def _dtype(name: str, value: Any, problems: Problems) -> str:
    try:
        return data_type(str(value)).name
    except ValueError as error:
        problems.add(f"{option_name(name)}: {error}")
        return "bf16"


def _shapes(name: str, value: Any, problems: Problems) -> dict[str, int]:
    if isinstance(value, Mapping):
        return {str(key): _count(name, entry, problems) for key, entry in value.items()}
    found: dict[str, int] = {}
    for text in value if isinstance(value, Sequence) and not isinstance(value, str) else [value]:
        key, equals, size = text.partition("=") if isinstance(text, str) else ("", "", "")
        if not key.strip() or not equals:
            problems.add(f"{option_name(name)}: expected NAME=N", found=text)
        elif key.strip() in found:
            problems.add(f"{option_name(name)}: {key.strip()!r} is given twice", found=text)
        else:
            found[key.strip()] = _count(name, size, problems)
    return found


def _file(name: str, value: Any, problems: Problems) -> str:
    if not isinstance(value, (str, Path)):
        problems.add(f"{option_name(name)}: expected a file", found=value)
    return str(value)


def _flag(name: str, value: Any, problems: Problems) -> bool:
    if not isinstance(value, bool):
        problems.add(f"{option_name(name)}: expected true or false", found=value)
    return bool(value)


def _ranks(name: str, value: Any, problems: Problems) -> int:
    return _count(name, value, problems, MAX_RANKS)


_READERS = {
    "batch": _batch, "phase": _phase, "prompt": _lengths, "context": _lengths, "generate": _count, "dtype": _dtype,
    "weights": _dtype, "kv": _dtype, "shapes": _shapes, "experts": _file, "allow_unsupported": _flag,
    "tp": _ranks,
    "ep": _ranks,
    "pp": _ranks,
    "dp": _ranks,
    "micro_batches": _ranks,
}  # fmt: skip
