"""Bytes and energy of components by the operator that caused them: what is spread over time for bandwidth and power.

Energy is counted in whole attojoules, so that parts of it add up exactly; each amount is rounded to the nearest one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from sim.observe.counters import Amounts
from sim.report.result_data import ResultData
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


def joules_of(result: ResultData) -> dict[tuple[str, str], float]:
    """(declared component, action) -> joules of one."""
    return {(row["component"], row["action"]): row["joules"] for row in result.prices}


def attojoules_by_owner(instances: Iterable[ComponentRecord], result: ResultData) -> dict[int, int]:
    """Operator number (-1: none) -> dynamic energy of these components on its behalf."""
    prices = joules_of(result)
    found: dict[int, float] = {}
    for one in instances:
        for owner, counts in one.actions.items():
            joules = sum(amount * prices.get((one.declared, action), 0.0) for action, amount in counts.items())
            found[owner] = found.get(owner, 0.0) + joules
    return {owner: round(joules * ATTO_PER_ONE) for owner, joules in found.items()}


def static_attojoules(result: ResultData) -> dict[str, int]:
    """Declared component -> static energy of all its instances over the run."""
    return {
        path: round((one["energy_j"]["static"] or 0.0) * ATTO_PER_ONE) for path, one in result.components.items()
    }  # fmt: skip


def amounts(result: ResultData) -> dict[str, Amounts]:
    """Component instance -> what is spread over its time; static energy is shared evenly by the instances."""
    static = static_attojoules(result)
    instances = Counter(one.declared for one in result.record.components)
    taken: Counter[str] = Counter()
    found = {}
    for one in result.record.components:
        whole, count, place = static.get(one.declared, 0), instances[one.declared], taken[one.declared]
        taken[one.declared] += 1
        own = whole * (place + 1) // count - whole * place // count
        found[one.path] = Amounts(bytes_by_owner([one]), attojoules_by_owner([one], result), own)
    return found


def joules_by_component(result: ResultData) -> dict[int, dict[str, float]]:
    """Operator number -> declared component -> dynamic joules; what no operator caused is left out."""
    prices = joules_of(result)
    found: dict[int, dict[str, float]] = {}
    for component in result.record.components:
        for owner, counts in component.actions.items():
            joules = sum(amount * prices.get((component.declared, name), 0.0) for name, amount in counts.items())
            if joules and owner >= 0:
                row = found.setdefault(owner, {})
                row[component.declared] = row.get(component.declared, 0.0) + joules
    return found
