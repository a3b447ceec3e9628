"""Energy tables: what one count of an action costs, with the source and standing of every number.

A table is chosen by technology (``energy: {table: cmos_7nm}``) or given as a file. It prices *component actions*, which
the hardware models count exactly: ``mac_<type>`` of a systolic array, ``op_<function>`` of a vector unit, bytes read
and written of memories, bytes over links, transfers of a DMA engine, launches of a host. Nothing falls back: an action
without a price is an error that names it. The table ``none`` says that no energy is asked for.

Parameters that prices ask of a component (numbers in bytes):

=================  ==============================  =============================================================
component kind     parameter                       meaning
=================  ==============================  =============================================================
systolic_array     ``accumulator_bank_bytes``      accumulator size / number of columns (one bank per column)
scratchpad, cache  ``bank_bytes``                  capacity / banks
dram               ``device``                      family or device: ``HBM2``, ``HBM2_2400``, ``LPDDR4`` ...
dram               ``counted``                     ``bytes``, ``commands`` or ``bytes_and_rows`` (see memory_devices)
links              ``reach``                       ``on_chip`` (the tables' default), ``interposer``, ``off_package``
=================  ==============================  =============================================================

Left out by all shipped tables: clock tree, control, registers inside PEs, the wires between the banks of a large
memory, refresh and standby where a device has no currents; static power is 0 W unless a component states ``static_power``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path

from sim.core.data_files import find_data, list_data
from sim.core.errors import InputError, Place, Problem, nearest
from sim.energy.quantity import UnitEnergy, unit_of_action
from sim.energy.read_table import FOLDER, SUFFIXES, TableData, read_table
from sim.energy.rules import CONFIDENCES, Figure, Gap, Parameters, Price, Rule, Sum

NONE = "none"
_TECHNOLOGY = re.compile(r"^cmos_\d+nm$")


class EnergyTable:
    """A table of prices; see the module. ``name``, ``technology``, ``description``, ``path`` tell which."""

    def __init__(self, data: TableData, static_w: Mapping[str, Fraction] | None = None) -> None:
        self.name, self.technology, self.description = data.name, data.technology, data.description
        self.path = data.path
        self.static_w: dict[str, Fraction] = dict(static_w or {})
        self._data = data
        self._rules: dict[tuple[str, str], Rule] = data.rules

    def with_overrides(
        self, prices: Mapping[tuple[str, str], Fraction], static_w: Mapping[str, Fraction], source: str
    ) -> EnergyTable:
        """This table with some prices (joules per operation or byte) replaced, and static watts per kind."""
        rules = dict(self._rules)
        for (kind, action), joules in prices.items():
            energy = UnitEnergy(joules, unit_of_action(action))
            rules[kind, action] = Sum(
                ((Figure("override", energy, source, CONFIDENCES[-1], "not checked"), Fraction(1)),)
            )
        return EnergyTable(replace(self._data, rules=rules), static_w)

    @property
    def is_none(self) -> bool:
        """True for the table ``none``: energy is not reported."""
        return self.name == NONE and not self.path

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """Component kinds that have at least one price, sorted."""
        return tuple(sorted({kind for kind, _ in self._rules}))

    def actions(self, kind: str) -> tuple[str, ...]:
        """Actions of ``kind`` that have a price, sorted."""
        return tuple(sorted(action for priced, action in self._rules if priced == kind))

    def look_up(self, kind: str, action: str, parameters: Parameters) -> Price | Gap:
        """The price of one count of ``action`` of a component, or why there is none."""
        rule = self._rules.get((kind, action))
        if rule is not None:
            return rule.resolve(parameters)
        if kind not in self.kinds:
            return Gap("has no price: the table does not know this component kind", kind, self.kinds)
        return Gap("has no price in the table", action, self.actions(kind))

    def price(self, kind: str, action: str, parameters: Parameters) -> Price:
        """Like :meth:`look_up`; raises InputError when there is no price."""
        found = self.look_up(kind, action, parameters)
        if isinstance(found, Gap):
            raise InputError([self.problem(kind, kind, (action,), found)])
        return found

    def problem(
        self, subject: str, kind: str, actions: tuple[str, ...], gap: Gap, place: Place | None = None
    ) -> Problem:
        """``gap`` of some ``actions`` of a ``kind``, told for ``subject`` (a component's path) at its ``place``."""
        message = f"{subject}: energy table {self.name!r}: {', '.join(actions)}: {gap.reason}"
        close = nearest(gap.found, gap.allowed) if gap.found and gap.allowed else None
        names = ", ".join(gap.allowed)
        ways = [f"a `{gap.key}:` of {names}" if gap.key else names] if names else []
        if kind in self.kinds:
            ways.append(f"a price of your own, `energy: {{overrides: {{{kind}.{actions[0]}: 1 pJ}}}}`")
        ways.append("no energy, `energy: {table: none}`")
        return Problem(message, place, gap.found, "; ".join(ways), close)


def table_names() -> tuple[str, ...]:
    """Names of the technology tables that ship with the package or stand in $TILESIM_PATH, sorted; and ``none``."""
    return tuple(sorted({name for name in list_data(FOLDER, SUFFIXES) if _TECHNOLOGY.match(name)} | {NONE}))


def load_table(name_or_path: str | Path, *, beside: Path | None = None, place: Place | None = None) -> EnergyTable:
    """The table of this name, or in this file. ``beside`` is the folder of the file that names it, ``place`` where.

    Raises :class:`~sim.core.errors.InputError` with every problem found, each with its place.
    """
    name = str(name_or_path)
    if name == NONE:
        return EnergyTable(TableData(name=NONE, technology="none", description="energy is not reported"))
    return EnergyTable(read_table(find_data(FOLDER, name, SUFFIXES, what="energy table", beside=beside, place=place)))
