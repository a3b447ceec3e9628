"""Conservation, checked in every run: what was planned was done, and what left one place arrived at the next.

The checks compare counts kept by different parts (the plan, the arrays, each memory, each link, the DMA's ledger), so a
tile dropped or a byte counted twice by any one of them breaks an equation. Any breach raises
:class:`~sim.core.errors.InconsistencyError` and no number is reported.
"""

from __future__ import annotations

from collections.abc import Iterable

from sim.core.clock import PS_PER_S
from sim.core.component import Component
from sim.core.errors import InconsistencyError
from sim.hardware.noc.link import Link
from sim.hardware.vector.vector_unit import FUNCTIONS
from sim.run.machine import Machine
from sim.run.region_run import RegionRun
from sim.run.tally import Tally
from sim.trace.dtypes import data_type


def check_stored(run: RegionRun) -> None:
    """Every byte of a region's results that has to leave the core has left it exactly once.

    Types of a fractional number of bytes round up per tile, so they may exceed the whole by less than a byte per tile.
    """
    tiles = sum(choice.tiles for choice in run.plan.choices) * run.plan.slots
    slack = 0 if data_type(run.region.tail.outputs[0].tensor.dtype).bits % 8 == 0 else tiles
    if not run.expected_bytes <= run.stored_bytes <= run.expected_bytes + slack:
        raise InconsistencyError("bytes", f"{run}: {run.stored_bytes} bytes stored of {run.expected_bytes}")


def check_run(machine: Machine, tally: Tally, elapsed_ps: int) -> None:
    """Check the whole run; raises InconsistencyError naming the first rule that is broken."""
    _check_macs(machine, tally)
    _check_operations(machine, tally)
    _check_bytes(machine)
    _check_rooflines(machine, tally, elapsed_ps)


def total(component: Component, action: str) -> int:
    """An action of a component over all operators."""
    return sum(amount for (_, name), amount in component.actions.items() if name == action)


def ledger(component: Component, name: str) -> int:
    """A ledger entry of a component over all operators."""
    return sum(amount for (_, entry), amount in component.ledger.items() if entry == name)


def _equal(rule: str, what: str, one: int, other: int) -> None:
    if one != other:
        raise InconsistencyError(rule, f"{what}: {one} against {other}")


def _units(machine: Machine) -> Iterable[Component]:
    for core in machine.cores:
        yield from (unit for unit in (core.arrays, core.vector) if unit is not None)


def _check_macs(machine: Machine, tally: Tally) -> None:
    executed = sum(ledger(unit, "macs") for unit in _units(machine))
    _equal("MACs", "executed against planned", executed, tally.planned_macs)
    for core in machine.cores:
        if core.arrays is not None:
            priced = sum(amount for (_, name), amount in core.arrays.actions.items() if name.startswith("mac_"))
            _equal(
                "MACs", f"{core.arrays.path}: counted against executed", priced, ledger(core.arrays, "macs_executed")
            )


def _check_operations(machine: Machine, tally: Tally) -> None:
    on_vector = sum(ledger(core.vector, "macs_executed") for core in machine.cores if core.vector is not None)
    for name in FUNCTIONS:
        done = sum(total(core.vector, f"op_{name}") for core in machine.cores if core.vector is not None)
        planned = tally.planned_operations.get(name, 0) + (on_vector if name == "mac" else 0)
        _equal("operations", f"{name} executed against planned", done, planned)


def _check_bytes(machine: Machine) -> None:
    layout = machine.layout
    for tier, memory in zip(layout.tiers, machine.tiers, strict=True):
        if tier.core is not None:
            continue
        loaded = sum(core.loaded.get(tier.index, 0) for core in machine.cores)
        stored = sum(core.stored.get(tier.index, 0) for core in machine.cores)
        _equal("bytes", f"out of {tier.path} against into the cores", total(memory, "read_bytes"), loaded)
        _equal("bytes", f"into {tier.path} against out of the cores", total(memory, "write_bytes"), stored)
    through: dict[str, int] = {path: 0 for path in machine.links}
    for core in machine.cores:
        for moved in (core.loaded, core.stored):
            for tier_index, amount in moved.items():
                for hop in layout.routes[tier_index, core.view.index]:
                    through[hop.link] += amount
        _equal(
            "bytes", f"DMA into {core.scratchpad.path}", ledger(core.scratchpad, "dma_in"), sum(core.loaded.values())
        )
        _equal(
            "bytes", f"DMA out of {core.scratchpad.path}", ledger(core.scratchpad, "dma_out"), sum(core.stored.values())
        )
    for path, amount in through.items():
        link: Link = machine.links[path]
        _equal("bytes", f"through {path} against moved over it", total(link, "bytes"), amount)


def _check_rooflines(machine: Machine, tally: Tally, elapsed_ps: int) -> None:
    """No operator beats its arrays' peak, no memory its bandwidth."""
    for owner, entry in enumerate(tally.entries):
        on_arrays = sum(core.arrays.ledger[owner, "macs_executed"] for core in machine.cores if core.arrays is not None)
        if on_arrays and on_arrays * PS_PER_S > entry.peak_macs_per_s * (entry.clock.active_ps + 1):
            raise InconsistencyError(
                "roofline", f"{entry.name}: {on_arrays} MACs in {entry.clock.active_ps} ps beat the peak"
            )
    for tier, memory in zip(machine.layout.tiers, machine.tiers, strict=True):
        moved = total(memory, "read_bytes") + total(memory, "write_bytes")
        if tier.core is None and moved * PS_PER_S > tier.bytes_per_s * (elapsed_ps + 1):
            raise InconsistencyError("roofline", f"{tier.path}: {moved} bytes in {elapsed_ps} ps beat its bandwidth")
