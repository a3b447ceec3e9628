"""Quantities with units: reading ("16 MiB", "1.05 GHz", "1.2 TB/s") and showing.

A quantity is read to its base unit as an exact :class:`~fractions.Fraction` (hertz, bytes, seconds, bytes per second,
joules, watts, operations per second), so that nothing is lost before a model decides how to round. Decimal prefixes
are powers of 1000, the IEC ones (KiB, MiB, ...) powers of 1024. A bit is an eighth of a byte; ``b`` is a bit and ``B``
a byte.
"""

from __future__ import annotations

import re
from fractions import Fraction

_DECIMAL = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}
_SMALL = {"": 0, "m": 1, "u": 2, "µ": 2, "n": 3, "p": 4, "f": 5}
_NUMBER = re.compile(r"^\s*([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(\S.*?)?\s*$")


def _table() -> dict[str, dict[str, Fraction]]:
    size = {f"{prefix}B": Fraction(1000**power) for prefix, power in _DECIMAL.items()}
    size |= {f"{prefix}iB": Fraction(1024**power) for prefix, power in _DECIMAL.items() if prefix}
    size |= {f"{prefix}b": Fraction(1000**power, 8) for prefix, power in _DECIMAL.items()}
    size |= {f"{prefix}ib": Fraction(1024**power, 8) for prefix, power in _DECIMAL.items() if prefix}
    small = {prefix: Fraction(1, 1000**power) for prefix, power in _SMALL.items()}
    return {
        "frequency": {f"{prefix}Hz": Fraction(1000**power) for prefix, power in _DECIMAL.items()},
        "size": size,
        "bandwidth": {f"{name}/s": factor for name, factor in size.items()},
        "duration": {f"{prefix}s": factor for prefix, factor in small.items()},
        "energy": {f"{prefix}J": factor for prefix, factor in small.items()},
        "compute rate": {
            f"{prefix}{unit}/s": Fraction(1000**power) for prefix, power in _DECIMAL.items() for unit in ("FLOP", "OP")
        },
        "power": {f"{prefix}W": factor for prefix, factor in small.items()} | {"kW": Fraction(1000)},
    }


UNITS = _table()
EXAMPLES = {
    "frequency": "1.05 GHz",
    "size": "16 MiB",
    "bandwidth": "1.2 TB/s",
    "duration": "20 ns",
    "energy": "0.59 pJ",
    "power": "3 W",
    "compute rate": "312 TFLOP/s",
}


def parse_quantity(value: object, dimension: str) -> Fraction:
    """Read ``value`` as a quantity of ``dimension`` (a key of :data:`UNITS`), in base units.

    A plain number is accepted only for sizes (bytes), where no unit is a unit. Raises ValueError with a message that
    says what is allowed.
    """
    units = UNITS[dimension]
    hint = f"a number with a unit, such as {EXAMPLES[dimension]!r}"
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Fraction)):
        raise ValueError(f"expected {hint}")
    if not isinstance(value, str):
        if dimension == "size" and value == int(value):
            return Fraction(value)
        raise ValueError(f"the unit is missing; expected {hint}")
    match = _NUMBER.match(value)
    if match is None:
        raise ValueError(f"not a quantity; expected {hint}")
    number, unit = match.group(1).replace("_", ""), match.group(2)
    if len(number) > 40 or abs(int(re.sub(r".*[eE]", "", number) if re.search("[eE]", number) else "0")) > 30:
        raise ValueError("the number is absurdly large or long")
    if unit is None:
        if dimension == "size":
            return Fraction(number)
        raise ValueError(f"the unit is missing; expected {hint}")
    factor = units.get(unit)
    if factor is None:
        raise ValueError(f"unknown unit {unit!r} for a {dimension}; one of {', '.join(units)}")
    return Fraction(number) * factor


def format_si(value: float, unit: str, digits: int = 3) -> str:
    """``value`` with a decimal prefix: format_si(1.2e12, "B/s") == "1.2 TB/s"."""
    if value == 0:
        return f"0 {unit}"
    for prefix, scale in (
        ("P", 1e15),
        ("T", 1e12),
        ("G", 1e9),
        ("M", 1e6),
        ("k", 1e3),
        ("", 1.0),
        ("m", 1e-3),
        ("u", 1e-6),
        ("n", 1e-9),
        ("p", 1e-12),
    ):
        if abs(value) >= scale * 0.9995:
            return f"{value / scale:.{digits}g} {prefix}{unit}"
    return f"{value / 1e-15:.{digits}g} f{unit}"


def format_bytes(value: int) -> str:
    """``value`` bytes with an IEC prefix: format_bytes(16777216) == "16 MiB"."""
    size = float(value)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(size) < 1024 or unit == "TiB":
            return f"{size:.4g} {unit}"
        size /= 1024
    raise AssertionError("unreachable")
