"""Bytes and energy of components by the operator that caused them: what is spread over time for bandwidth and power.

Energy is counted in whole attojoules, so that parts of it add up exactly; each amount is rounded to the nearest one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from sim.report.result import Result
from sim.run.record import ComponentRecord

MOVED = ("bytes", "read_bytes", "write_bytes")
ATTO_PER_ONE = 10**18


def bytes_by_owner(instances: Iterable[ComponentRecord]) -> dict[int, int]:
    """Operator number -> bytes that these components moved for it."""
    found: Counter[int] = Counter()
    for one in instances:
        for owner, counts in one.actions.items():
            found[owner] += sum(counts.get(name, 0) for name in MOVED)
    return dict(found)


def joules_of(result: Result) -> dict[tuple[str, str], float]:
    """(declared component, action) -> joules of one."""
    return {(row["component"], row["action"]): row["joules"] for row in result.prices}


def attojoules_by_owner(instances: Iterable[ComponentRecord], result: Result) -> dict[int, int]:
    """Operator number (-1: none) -> dynamic energy of these components on its behalf."""
    prices = joules_of(result)
    found: dict[int, float] = {}
    for one in instances:
        for owner, counts in one.actions.items():
            joules = sum(amount * prices.get((one.declared, action), 0.0) for action, amount in counts.items())
            found[owner] = found.get(owner, 0.0) + joules
    return {owner: round(joules * ATTO_PER_ONE) for owner, joules in found.items()}


def static_attojoules(result: Result) -> dict[str, int]:
    """Declared component -> static energy of all its instances over the run."""
    return {
        path: round((one["energy_j"]["static"] or 0.0) * ATTO_PER_ONE) for path, one in result.components.items()
    }  # fmt: skip
