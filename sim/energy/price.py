"""From counted actions to joules, after the run: per component, per operator, and the source of every number.

Everything is pure and exact: counts are integers, prices and sums are Fractions of joules, and only what is shown is
turned into a float, so the energies of operators add up to the dynamic energy of the components without rounding. What
belongs to no operator (static power, and actions such as refresh) is left over and said so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from sim.core.errors import InconsistencyError, InputError, Place, Problem
from sim.energy.rules import Gap, Parameters
from sim.energy.table import EnergyTable

PS_PER_S = 10**12


class Use(NamedTuple):
    """A component as the table sees it before a run: which ``actions`` it may count, and where it is declared."""

    path: str
    kind: str
    parameters: Parameters
    actions: tuple[str, ...]
    place: Place | None = None


class Tally(NamedTuple):
    """A component after a run: how often each action happened, and its static power in watts."""

    kind: str
    parameters: Parameters
    actions: Mapping[str, int]
    static_w: Fraction | int = 0


@dataclass(frozen=True)
class ComponentEnergy:
    """Exact joules of one component."""

    dynamic_j: Fraction
    static_j: Fraction

    def to_dict(self) -> dict[str, float]:
        """``{"dynamic": J, "static": J}`` as floats."""
        return {"dynamic": float(self.dynamic_j), "static": float(self.static_j)}


@dataclass(frozen=True)
class RunEnergy:
    """Exact joules of a run, by component in order of path."""

    components: Mapping[str, ComponentEnergy]

    @property
    def dynamic_j(self) -> Fraction:
        """Energy of all counted actions, joules."""
        return sum((energy.dynamic_j for energy in self.components.values()), Fraction(0))

    @property
    def static_j(self) -> Fraction:
        """Static power times elapsed time, joules."""
        return sum((energy.static_j for energy in self.components.values()), Fraction(0))

    @property
    def total_j(self) -> Fraction:
        """Dynamic and static energy, joules."""
        return self.dynamic_j + self.static_j


@dataclass(frozen=True)
class OperatorEnergy:
    """Exact joules per operator, and what belongs to none: ``unattributed_j`` = total - sum of the operators."""

    operators: Mapping[str, Fraction]
    unattributed_j: Fraction


@dataclass(frozen=True)
class PriceRow:
    """One line of ``tilesim arch show --energy``; ``joules_per_unit`` is per operation or per byte (``per``)."""

    path: str
    kind: str
    action: str
    joules_per_unit: float
    per: str
    entry: str
    source: str
    confidence: str
    note: str


def check_priced(table: EnergyTable, uses: Iterable[Use]) -> None:
    """Raise InputError that lists *every* (component, action) without a price, actions that lack the same together. The
    table ``none`` prices nothing."""
    if table.is_none:
        return
    problems: list[Problem] = []
    for path, kind, parameters, actions, place in sorted(uses, key=lambda use: use.path):
        gaps: dict[Gap, tuple[str, ...]] = {}
        for action in sorted(actions):
            found = table.look_up(kind, action, parameters)
            if isinstance(found, Gap):
                gaps[found] = (*gaps.get(found, ()), action)
        problems += [table.problem(f"{path} ({kind})", kind, lacking, gap, place) for gap, lacking in gaps.items()]
    if problems:
        raise InputError(problems)


def describe(table: EnergyTable, uses: Iterable[Use]) -> list[PriceRow]:
    """Every price that these components use, with its source, in order of path and action."""
    listed = [Use(*use) for use in uses]
    check_priced(table, listed)
    if table.is_none:
        return []
    rows: list[PriceRow] = []
    for use in sorted(listed, key=lambda use: use.path):
        for action in sorted(use.actions):
            price = table.price(use.kind, action, use.parameters)
            told = (price.joules_per_unit, price.per, price.entry, price.source, price.confidence, price.note)
            rows.append(PriceRow(use.path, use.kind, action, *told))
    return rows


def price_actions(table: EnergyTable, components: Mapping[str, Tally], elapsed_ps: int) -> RunEnergy | None:
    """Energy per component of a run of ``elapsed_ps``; None for the table ``none`` (reported as null)."""
    prices = _prices(table, components)
    if prices is None:
        return None
    energies: dict[str, ComponentEnergy] = {}
    for path, tally in sorted(components.items()):
        static_j = Fraction(tally[3]) * Fraction(elapsed_ps, PS_PER_S)
        energies[path] = ComponentEnergy(_dynamic_j(prices[path], tally[2]), static_j)
    return RunEnergy(energies)


def price_operators(
    table: EnergyTable,
    components: Mapping[str, Tally],
    operators: Mapping[str, Mapping[str, Mapping[str, int]]],
    elapsed_ps: int,
) -> OperatorEnergy | None:
    """Energy per operator from its own counts (operator -> component path -> action -> count).

    Actions that the components counted and no operator did go, with static energy, to ``unattributed_j``. An operator
    that claims actions its component never counted breaks the rule of conservation: InconsistencyError.
    """
    run = price_actions(table, components, elapsed_ps)
    prices = _prices(table, components)
    if run is None or prices is None:
        return None
    _check_claims(components, operators)
    energies = {
        name: sum((_dynamic_j(prices[path], actions) for path, actions in sorted(shares.items())), Fraction(0))
        for name, shares in operators.items()
    }
    return OperatorEnergy(energies, run.total_j - sum(energies.values(), Fraction(0)))


def _prices(table: EnergyTable, components: Mapping[str, Tally]) -> dict[str, dict[str, Fraction]] | None:
    """Component path -> action -> exact joules per count; None for the table ``none``."""
    if table.is_none:
        return None
    check_priced(table, (Use(path, tally[0], tally[1], tuple(tally[2])) for path, tally in components.items()))
    return {
        path: {action: table.price(tally[0], action, tally[1]).joules for action in tally[2]}
        for path, tally in components.items()
    }


def _dynamic_j(prices: Mapping[str, Fraction], actions: Mapping[str, int]) -> Fraction:
    return sum((prices[action] * count for action, count in sorted(actions.items())), Fraction(0))


def _check_claims(components: Mapping[str, Tally], operators: Mapping[str, Mapping[str, Mapping[str, int]]]) -> None:
    claimed: dict[tuple[str, str], int] = {}
    for shares in operators.values():
        for path, actions in shares.items():
            for action, count in actions.items():
                claimed[path, action] = claimed.get((path, action), 0) + count
    for (path, action), count in sorted(claimed.items()):
        counted = components[path][2].get(action, 0) if path in components else 0
        if count > counted:
            diagnosis = f"operators claim {count} {action} of {path}, which counted {counted}"
            raise InconsistencyError("energy of operators = energy of components", diagnosis)
