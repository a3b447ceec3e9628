"""Integer arithmetic that works alike on Python integers and numpy integer arrays.

Timing formulas are written once with these and serve both the event that occupies a component (one integer) and the
mapper's search (an array of candidates).
"""

from __future__ import annotations

from typing import Any


def ceil_div(numerator: Any, denominator: Any) -> Any:
    """Ceiling of the quotient of two non-negative integers (or arrays)."""
    return -(-numerator // denominator)


def larger(one: Any, other: Any) -> Any:
    """Element-wise maximum of two integers (or arrays)."""
    return one + (other - one) * (other > one)


def smaller(one: Any, other: Any) -> Any:
    """Element-wise minimum of two integers (or arrays)."""
    return one + (other - one) * (other < one)
