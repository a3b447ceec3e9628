"""What an architecture asks of the energy table: which table, which prices, which static power.

The table is the one it names (``energy: {table: ...}``), else the one of its ``technology``; with neither, no energy is
reported. ``energy: {overrides: {kind.action: 0.5 pJ}}`` replaces the price of one count (one operation or one byte),
``kind.static_power: 3 W`` gives every copy of a kind a static power where the component itself states none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

from sim.config.architecture import Architecture, ComponentNode, LinkNode
from sim.config.spec import FrozenSpec, LinkSpec
from sim.core.errors import Place, Problems
from sim.energy.price import Use
from sim.energy.table import NONE, EnergyTable, load_table, table_names
from sim.hardware.memory.bank_energy import NEEDS, currents_missing
from sim.hardware.memory.devices import DEVICES
from sim.hardware.memory.dram import DramSpec

STATIC = "static_power"
_NODE = re.compile(r"^\s*(\d+)\s*nm\s*$")


def table_for(architecture: Architecture) -> EnergyTable:
    """The architecture's energy table with its overrides. Raises InputError when it names none that exists."""
    choice = architecture.energy
    technology = architecture.technology, architecture.place_of("technology")
    name = choice.table if choice.table is not None else _by_technology(*technology)
    table = load_table(name, beside=Path(architecture.file).parent, place=architecture.place_of("energy.table"))
    problems = Problems()
    prices: dict[tuple[str, str], Fraction] = {}
    static_w: dict[str, Fraction] = {}
    for entry, quantity in choice.overrides.items():
        kind, _, action = entry.rpartition(".")
        place = architecture.place_of(f"energy.overrides.{entry}")
        if kind not in table.kinds:
            kinds = table.kinds
            problems.add(
                "energy.overrides: unknown component kind", place, found=entry, allowed=kinds, suggest_for=kind
            )
        elif (action == STATIC) != (quantity.dimension == "power"):
            wanted = "a power, such as 3 W" if action == STATIC else "an energy, such as 0.59 pJ"
            problems.add(f"energy.overrides: {entry} is {wanted}", place, found=quantity.dimension)
        elif action == STATIC:
            static_w[kind] = quantity.value
        elif action not in (known := _actions(architecture, table, kind)):
            problems.add(f"energy.overrides: {kind} counts no such action", place, found=entry,
                         allowed=known, suggest_for=action)  # fmt: skip
        else:
            prices[kind, action] = quantity.value
    problems.raise_if_any()
    return (
        table.with_overrides(prices, static_w, f"energy.overrides in {architecture.file}")
        if choice.overrides
        else table
    )


def _actions(architecture: Architecture, table: EnergyTable, kind: str) -> set[str]:
    """What a component of this kind may count: what has a price, and what those of the architecture do."""
    return {*table.actions(kind), *(one for use in uses_of(architecture) if use.kind == kind for one in use.actions)}


def _by_technology(technology: str | None, place: Place) -> str:
    if technology is None:
        return NONE
    match = _NODE.match(technology)
    name = f"cmos_{match.group(1)}nm" if match else technology
    if name not in table_names():
        problems = Problems()
        message = f"no energy table for technology {technology!r}; name one, or `energy: {{table: none}}`"
        problems.add(message, place, found=technology, allowed=table_names(), suggest_for=name)
        problems.raise_if_any()
    return name


def uses_of(architecture: Architecture) -> list[Use]:
    """Every component and link with the actions it may count, for checking and describing prices before a run."""
    nodes = _nodes(architecture)
    found = [
        Use(node.path, node.kind, price_parameters(node.spec), counted_actions(node.kind, node.spec), node.place)
        for node in nodes
    ]
    return found + [_pim_use(node) for node in nodes if _has_pim(node)]


def _has_pim(node: ComponentNode | LinkNode) -> bool:
    return isinstance(node.spec, DramSpec) and node.spec.pim is not None


def _pim_use(node: ComponentNode | LinkNode) -> Use:
    """The processing units of a memory, which count the commands of their set."""
    spec = node.spec
    assert isinstance(spec, DramSpec) and spec.pim is not None and spec.device is not None
    commands, _ = spec.pim.parts(spec.device)
    actions = tuple(sorted({one.action for one in commands.commands.values()}))
    return Use(f"{node.path}.pim", "pim", price_parameters(spec), actions, node.place)


def _nodes(architecture: Architecture) -> list[ComponentNode | LinkNode]:
    return [*architecture.components, *architecture.links]


def static_power_of(architecture: Architecture, table: EnergyTable) -> dict[str, Fraction | None]:
    """Path -> static watts of one copy; None where neither component nor table states it (not modelled, 0 W)."""
    units = {f"{node.path}.pim": table.static_w.get("pim") for node in _nodes(architecture) if _has_pim(node)}
    return units | {
        node.path: node.spec.static_power if node.spec.static_power is not None else table.static_w.get(node.kind)
        for node in _nodes(architecture)
    }


def price_parameters(spec: FrozenSpec) -> dict[str, object]:
    """The spec's own keys, and the bank sizes that prices depend on (bytes)."""
    parameters: dict[str, object] = {name: getattr(spec, name) for name in type(spec).model_fields}
    if isinstance(spec, DramSpec):
        parameters["counted"] = _counted(spec)
    _add_quotient(parameters, "bank_bytes", "capacity", "banks")
    _add_quotient(parameters, "accumulator_bank_bytes", "accumulator", "cols")
    return parameters


def _counted(spec: DramSpec) -> str:
    """What a memory's energy is counted by: bytes alone, or commands, priced from currents where its row has them."""
    if spec.model != "bank" or spec.device is None:
        return "bytes"
    device = DEVICES[spec.device]
    return "bytes_and_rows" if any(currents_missing(device, part) for part in NEEDS) else "commands"


def _add_quotient(parameters: dict[str, object], name: str, size: str, parts: str) -> None:
    whole, count = parameters.get(size), parameters.get(parts)
    if isinstance(whole, int) and isinstance(count, int) and count > 0:
        parameters[name] = whole // count


def counted_actions(kind: str, spec: FrozenSpec) -> tuple[str, ...]:
    """Actions that a link, or a built-in component of this kind, may count; () for other kinds, which are checked after the
    run."""
    if isinstance(spec, LinkSpec):
        return spec.counted
    actions = _ACTIONS.get(kind)
    return actions(price_parameters(spec)) if actions else ()


def _systolic(parameters: Mapping[str, object]) -> tuple[str, ...]:
    types = parameters.get("types")
    macs = tuple(f"mac_{name}" for name in types) if isinstance(types, Mapping) else ()
    held = ("accumulator_read_bytes", "accumulator_write_bytes") if parameters.get("accumulator") else ()
    return (*macs, *held)


def _roofline(parameters: Mapping[str, object]) -> tuple[str, ...]:
    types = parameters.get("types")
    macs = tuple(f"mac_{name}" for name in types) if isinstance(types, Mapping) else ()
    return (*macs, *(f"op_{name}" for name in _FUNCTIONS))


def _dram(parameters: Mapping[str, object]) -> tuple[str, ...]:
    commands = ("activates", "reads", "writes", "refreshes", "active_rank_cycles", "idle_rank_cycles")
    return ("read_bytes", "write_bytes", *(commands if parameters.get("model") == "bank" else ()))


def _nand(parameters: Mapping[str, object]) -> tuple[str, ...]:
    return ("read_bytes", "write_bytes", "sensing_ns", "programming_ns")


def _cache(parameters: Mapping[str, object]) -> tuple[str, ...]:
    return ("read_bytes", "write_bytes") if parameters.get("capacity") else ()  # of capacity 0: there is none


def _always(*actions: str) -> Callable[[Mapping[str, object]], tuple[str, ...]]:
    return lambda parameters: actions


_FUNCTIONS = ("add", "copy", "div", "exp", "log", "mac", "max", "mul", "rsqrt", "sin")
_ACTIONS: dict[str, Callable[[Mapping[str, object]], tuple[str, ...]]] = {
    "systolic_array": _systolic,
    "roofline": _roofline,
    "vector_unit": _always(*(f"op_{name}" for name in _FUNCTIONS)),
    "scratchpad": _always("read_bytes", "write_bytes"),
    "cache": _cache,
    "dram": _dram,
    "nand": _nand,
    "cxl": _always("read_bytes", "write_bytes"),
    "collectives": _always("collectives"),
    "dma": _always("transfers"),
    "host": _always("launches"),
}
