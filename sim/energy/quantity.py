"""Energies per operation ("0.59 pJ") and per amount of data ("3.9 pJ/b", "20 pJ/8 B"), read to exact joules."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from sim.core.units import parse_quantity

OPERATION = "operation"
BYTE = "byte"


@dataclass(frozen=True)
class UnitEnergy:
    """``joules`` (exact, at least 0) for one ``per``: :data:`OPERATION` or :data:`BYTE`."""

    joules: Fraction
    per: str


def parse_unit_energy(value: object) -> UnitEnergy:
    """Read ``"<energy>"`` (per operation) or ``"<energy>/<size>"`` (per byte); a size of ``b`` is one bit.

    Raises ValueError with a message that says what is allowed.
    """
    if not isinstance(value, str):
        raise ValueError("expected an energy with a unit, such as '0.59 pJ', '3.9 pJ/b' or '20 pJ/8 B'")
    energy_text, slash, size_text = value.partition("/")
    joules = parse_quantity(energy_text, "energy")
    if joules < 0:
        raise ValueError("an energy must be at least 0")
    if not slash:
        return UnitEnergy(joules, OPERATION)
    size_text = size_text.strip()
    if not size_text[-1:].isalpha():
        raise ValueError("the amount of data after '/' needs a unit, such as 'b', 'B' or '8 B'")
    size_bytes = parse_quantity(size_text if size_text[:1].isdigit() else f"1 {size_text}", "size")
    if size_bytes <= 0:
        raise ValueError("the amount of data after '/' must be greater than 0")
    return UnitEnergy(joules / size_bytes, BYTE)


def unit_of_action(action: str) -> str:
    """What one count of ``action`` is: a byte for ``bytes`` and ``..._bytes``, else an operation."""
    return BYTE if action == "bytes" or action.endswith("_bytes") else OPERATION
