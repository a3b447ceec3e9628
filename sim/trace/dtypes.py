"""Data types: an open table of name -> bits per element, and the compute type an element is multiplied as.

Group-quantised types carry the overhead of their scales: ``int4_g128`` is 4 bits plus one 16-bit scale per 128 elements
= 4.125 bits. Any ``<integer type>_g<group>`` is understood, and ``bits<decimal>`` (``bits3.0625``) for published
formats that state only an average width.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

SCALE_BITS = 16
_PLAIN: dict[str, tuple[int, str]] = {
    "fp64": (64, "fp64"),
    "fp32": (32, "fp32"),
    "tf32": (32, "tf32"),
    "bf16": (16, "bf16"),
    "fp16": (16, "fp16"),
    "fp8": (8, "fp8"),
    "fp8_e4m3": (8, "fp8"),
    "fp8_e5m2": (8, "fp8"),
    "fp6": (6, "fp6"),
    "fp4": (4, "fp4"),
    "int64": (64, "int64"),
    "int32": (32, "int32"),
    "int16": (16, "int16"),
    "int8": (8, "int8"),
    "uint8": (8, "int8"),
    "int6": (6, "int6"),
    "int4": (4, "int4"),
    "int3": (3, "int3"),
    "int2": (2, "int2"),
    "bool": (8, "int8"),
}
_GROUPED = re.compile(r"^((?:int|fp)\d+)_g(\d+)$")
_AVERAGE = re.compile(r"^bits(\d+(?:\.\d+)?)$")


@dataclass(frozen=True)
class DataType:
    """``bits`` per stored element (with group overhead, exact), ``compute`` the plain type it is multiplied as."""

    name: str
    bits: Fraction
    compute: str

    def size_bytes(self, elements: int) -> int:
        """Bytes that ``elements`` elements occupy, rounded up to whole bytes."""
        return -(-elements * self.bits.numerator // (8 * self.bits.denominator))


_CACHE: dict[str, DataType] = {}


def data_type(name: str) -> DataType:
    """The data type called ``name``; raises ValueError with the known names."""
    if name not in _CACHE:
        _CACHE[name] = _parse(name)
    return _CACHE[name]


def _parse(name: str) -> DataType:
    if name in _PLAIN:
        bits, compute = _PLAIN[name]
        return DataType(name, Fraction(bits), compute)
    if (match := _GROUPED.match(name)) and match.group(1) in _PLAIN and int(match.group(2)) > 0:
        bits, compute = _PLAIN[match.group(1)]
        return DataType(name, bits + Fraction(SCALE_BITS, int(match.group(2))), compute)
    if match := _AVERAGE.match(name):
        average = Fraction(match.group(1))
        if 0 < average <= 128:
            return DataType(name, average, "bf16")
    raise ValueError(f"unknown data type {name!r}; one of {', '.join(_PLAIN)}, or int4_g128, bits3.0625")


def compute_names() -> tuple[str, ...]:
    """Names of the types that elements are multiplied as, sorted."""
    return tuple(sorted({compute for _, compute in _PLAIN.values()}))


def plain_names() -> tuple[str, ...]:
    """Names of the plain types, for messages and completion."""
    return tuple(_PLAIN)
