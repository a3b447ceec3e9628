"""Field types of the specs: what a YAML value must be, and the exact number it becomes.

Every type takes the plain YAML value (or, from Python, a number already in the base unit given as a Fraction) and
refuses what is not finite, negative or beyond any machine, with one clear sentence; the loader adds the place. The
bounds are there to catch a slipped unit, not to describe what can be built.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from sim.core.units import EXAMPLES, UNITS, parse_quantity

MAX_FREQUENCY_HZ = 10**12
MAX_SIZE_BYTES = 2**60
MAX_DURATION_S = 86_400
MAX_BANDWIDTH_BYTES_PER_S = 10**18
MAX_ENERGY_J = 10**3
MAX_POWER_W = 10**9
MAX_COUNT = 2**40
MAX_RATE = 10**12
MAX_COMPUTE_PER_S = 10**21
_RATIO = re.compile(r"^\s*(\d{1,20})\s*/\s*(\d{1,20})\s*$")
_DECIMAL_NUMBER = re.compile(r"^\s*(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(?:[eE][+-]?\d{1,2})?\s*$")


def _refuse_non_finite(value: object) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("the number is not finite")


def _quantity(
    dimension: str, low: Fraction | int, high: int, shown_high: str, *, above: bool = False
) -> Callable[[object], Fraction]:
    """A reader of ``dimension`` between ``low`` (excluded when ``above``) and ``high``."""

    def read(value: object) -> Fraction:
        _refuse_non_finite(value)
        number = value if isinstance(value, Fraction) else parse_quantity(value, dimension)
        article = "an" if dimension[0] in "aeiou" else "a"
        if number < low or (above and number == low):
            raise ValueError(f"{article} {dimension} must be {'greater than' if above else 'at least'} {low}")
        if number > high:
            raise ValueError(f"absurdly large for {article} {dimension}; at most {shown_high}")
        return number

    return read


def _schema(dimension: str) -> WithJsonSchema:
    """JSON Schema of a quantity: a string that ends in one of the dimension's units; a size may also be bytes."""
    units = "|".join(re.escape(unit) for unit in sorted(UNITS[dimension], key=lambda unit: (-len(unit), unit)))
    pattern = rf"^\s*\+?([0-9][0-9_]*\.?[0-9_]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*({units})\s*$"
    text: dict[str, Any] = {"type": "string", "pattern": pattern, "examples": [EXAMPLES[dimension]]}
    if dimension == "size":
        return WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, text], "examples": [EXAMPLES["size"]]})
    if dimension == "duration":
        return WithJsonSchema({"anyOf": [{"const": 0}, text], "examples": [EXAMPLES["duration"]]})
    return WithJsonSchema(text)


_read_size = _quantity("size", 0, MAX_SIZE_BYTES, "1 EiB")
_read_duration = _quantity("duration", 0, MAX_DURATION_S, "one day")
read_frequency = _quantity("frequency", 0, MAX_FREQUENCY_HZ, "1 THz", above=True)
read_energy = _quantity("energy", 0, MAX_ENERGY_J, f"{MAX_ENERGY_J} J")
read_power = _quantity("power", 0, MAX_POWER_W, "1 GW")


def _size_bytes(value: object) -> int:
    number = _read_size(value)
    if number.denominator != 1:
        raise ValueError("a size must be a whole number of bytes")
    return int(number)


def _duration_ps(value: object) -> int:
    if type(value) in (int, float) and value == 0:
        return 0
    number = _read_duration(value)
    return round(number * 10**12)


def _whole(low: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        _refuse_non_finite(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("expected a whole number")
        if value < low:
            raise ValueError(f"must be at least {low}")
        if value > MAX_COUNT:
            raise ValueError(f"absurdly large; at most {MAX_COUNT}")
        return value

    return read


def at_most(most: int) -> Callable[[int], int]:
    """An ``AfterValidator`` for whole numbers that have a bound of their own."""

    def check(value: int) -> int:
        if value > most:
            raise ValueError(f"absurdly large; at most {most}")
        return value

    return check


def among(names: Callable[[], Iterable[str]]) -> Callable[[str], str]:
    """An ``AfterValidator`` for names of an open table; a wrong one is told with the nearest."""

    def check(value: str) -> str:
        known = tuple(names())
        if value not in known:
            expected = ", ".join(f"'{name}'" for name in known)
            raise PydanticCustomError("literal_error", "expected {expected}", {"expected": expected})
        return value

    return check


def _rate(value: object) -> Fraction:
    _refuse_non_finite(value)
    expected = "expected a positive number, or a ratio such as '1/2'"
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Fraction)):
        raise ValueError(expected)
    if isinstance(value, str):
        ratio = _RATIO.match(value)
        if not (ratio and int(ratio.group(2))) and not _DECIMAL_NUMBER.match(value):
            raise ValueError(expected)
        number = Fraction(int(ratio.group(1)), int(ratio.group(2))) if ratio else Fraction(value.strip())
    else:
        number = Fraction(str(value)) if isinstance(value, float) else Fraction(value)
    if number <= 0:
        raise ValueError("must be greater than 0")
    if number > MAX_RATE:
        raise ValueError(f"absurdly large; at most {MAX_RATE}")
    return number


_AS_TEXT = PlainSerializer(str, return_type=str, when_used="json")

Frequency = Annotated[
    Fraction,
    PlainValidator(read_frequency),
    _schema("frequency"),
    _AS_TEXT,
]
"""A frequency such as "1.05 GHz", as exact hertz (Fraction), greater than 0."""

SizeBytes = Annotated[int, PlainValidator(_size_bytes), _schema("size")]
"""A size such as "16 MiB" (or plain bytes), as whole bytes (int), at least 0."""

DurationPs = Annotated[int, PlainValidator(_duration_ps), _schema("duration")]
"""A duration such as "20 ns" (or 0), as picoseconds (int, rounded to the nearest)."""

Bandwidth = Annotated[
    Fraction,
    PlainValidator(_quantity("bandwidth", 0, MAX_BANDWIDTH_BYTES_PER_S, "1 EB/s", above=True)),
    _schema("bandwidth"),
    _AS_TEXT,
]
"""A bandwidth such as "1.2 TB/s", as exact bytes per second (Fraction), greater than 0."""

Energy = Annotated[Fraction, PlainValidator(read_energy), _schema("energy"), _AS_TEXT]
"""An energy such as "0.59 pJ", as exact joules (Fraction), at least 0."""

Power = Annotated[Fraction, PlainValidator(read_power), _schema("power"), _AS_TEXT]
"""A power such as "3 W", as exact watts (Fraction), at least 0."""

ComputeRate = Annotated[
    Fraction,
    PlainValidator(_quantity("compute rate", 0, MAX_COMPUTE_PER_S, "10^21 operations per second", above=True)),
    _schema("compute rate"),
    _AS_TEXT,
]
"""A peak such as "312 TFLOP/s", as exact operations per second (Fraction), greater than 0; a multiply-add is two."""

PositiveInt = Annotated[
    int, PlainValidator(_whole(1)), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_COUNT})
]
"""A whole number, at least 1."""

NonNegativeInt = Annotated[
    int, PlainValidator(_whole(0)), WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MAX_COUNT})
]
"""A whole number, at least 0."""

Rate = Annotated[
    Fraction,
    PlainValidator(_rate),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_RATE},
                {"type": "string", "pattern": r"^\s*[0-9]+\s*/\s*[1-9][0-9]*\s*$"},
            ],
            "examples": [1, 0.5, "1/2"],
        }
    ),
    _AS_TEXT,
]
"""A positive rate (per cycle, per PE, ...) given as a number or a ratio "1/2", as an exact Fraction."""
