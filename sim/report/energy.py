"""Energy of a run: which prices its components use, checked before the run, and what it cost, after.

Sums are exact (Fractions of joules): total = sum over components = sum over operators + unattributed, where the
last is static power times time plus the actions that no operator caused. A breach raises InconsistencyError.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sim.config.architecture import Architecture, Node
from sim.core.component import UNATTRIBUTED
from sim.core.errors import InconsistencyError
from sim.energy.of_architecture import price_parameters, static_power_of, table_for, uses_of
from sim.energy.price import Tally, check_priced, price_actions, price_operators
from sim.energy.table import EnergyTable
from sim.hardware.dma import DmaSpec
from sim.run.record import ComponentRecord, RunRecord


@dataclass(frozen=True)
class RunPrices:
    """Exact joules of a run: per component instance (dynamic, static), per operator number, and in all.

    ``prices``: every price used, with source and confidence, one row per declared component and action.
    """

    table: str
    dynamic_j: Mapping[str, Fraction]
    static_j: Mapping[str, Fraction]
    operators_j: tuple[Fraction, ...]
    total_j: Fraction
    unattributed_j: Fraction
    prices: tuple[dict[str, Any], ...]


def energy_table(architecture: Architecture) -> EnergyTable:
    """The architecture's table; raises InputError with every price it lacks. To be called before a run."""
    table = table_for(architecture)
    check_priced(table, uses_of(architecture))
    return table


def price_run(record: RunRecord, architecture: Architecture, table: EnergyTable) -> RunPrices | None:
    """Price the counts of a run; None when the table is ``none``."""
    tallies = _tallies(record, architecture, table)
    run = price_actions(table, tallies, record.elapsed_ps)
    shares = {str(owner): _shares(record, owner) for owner in range(len(record.operators))}
    operators = price_operators(table, tallies, shares, record.elapsed_ps)
    if run is None or operators is None:
        return None
    of_none = price_operators(table, tallies, {"none": _shares(record, UNATTRIBUTED)}, record.elapsed_ps)
    assert of_none is not None
    if operators.unattributed_j != run.static_j + of_none.operators["none"]:
        raise InconsistencyError(
            "energy", f"operators leave {float(operators.unattributed_j)} J, static and refresh are something else"
        )
    return RunPrices(
        table=table.name,
        dynamic_j={path: one.dynamic_j for path, one in run.components.items()},
        static_j={path: one.static_j for path, one in run.components.items()},
        operators_j=tuple(operators.operators[str(owner)] for owner in range(len(record.operators))),
        total_j=run.total_j,
        unattributed_j=operators.unattributed_j,
        prices=tuple(_price_rows(record, tallies, table)),
    )


def _tallies(record: RunRecord, architecture: Architecture, table: EnergyTable) -> dict[str, Tally]:
    """Component instance -> counts over all operators and static watts of all that stands under this path."""
    everything: list[Node] = [*architecture.components, *architecture.links]
    nodes = {node.path: node for node in everything}
    static_w = static_power_of(architecture, table)
    copies = Counter(one.declared for one in record.components)
    found = {}
    for one in record.components:
        node = nodes.get(one.declared) or nodes.get(one.declared.removesuffix(".pim"))
        parameters = price_parameters(node.spec if node is not None else DmaSpec())
        watts = static_w.get(one.declared) or Fraction(0)
        shared = Fraction(node.total, copies[one.declared]) if node is not None else Fraction(1)
        found[one.path] = Tally(one.kind, parameters, total_actions(one), watts * shared)
    return found


def total_actions(component: ComponentRecord) -> dict[str, int]:
    """Counts of one component over all operators, by action."""
    total: Counter[str] = Counter()
    for counts in component.actions.values():
        total.update(counts)
    return dict(sorted(total.items()))


def _shares(record: RunRecord, owner: int) -> dict[str, dict[str, int]]:
    return {one.path: one.actions[owner] for one in record.components if owner in one.actions}


def _price_rows(record: RunRecord, tallies: Mapping[str, Tally], table: EnergyTable) -> list[dict[str, Any]]:
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for one in record.components:
        tally = tallies[one.path]
        for action in tally.actions:
            if (one.declared, action) not in rows:
                price = table.price(tally.kind, action, tally.parameters)
                rows[one.declared, action] = {
                    "component": one.declared, "kind": one.kind, "action": action, "joules": float(price.joules),
                    "per": price.per, "entry": price.entry, "source": price.source, "confidence": price.confidence,
                    "note": price.note,
                }  # fmt: skip
    return [rows[key] for key in sorted(rows)]
