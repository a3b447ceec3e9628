"""Conservation, checked in every run: what was planned was done, and what left one place arrived at the next.

The checks compare counts kept by different parts (the plan, the arrays, each memory, each link, the DMA's ledger), so a
tile dropped or a byte counted twice by any one of them breaks an equation. Any breach raises
:class:`~sim.core.errors.InconsistencyError` and no number is reported.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from sim.core.clock import PS_PER_S
from sim.core.component import UNATTRIBUTED, Component
from sim.core.errors import InconsistencyError
from sim.hardware.memory.cache import Cache
from sim.hardware.memory.dram import Dram
from sim.hardware.memory.scratchpad import Scratchpad
from sim.hardware.memory.stage_buffer import StageBuffer
from sim.hardware.noc.fabric_link import Fabric
from sim.hardware.noc.link import Link
from sim.hardware.vector.vector_unit import FUNCTIONS
from sim.mapping.regions import Region
from sim.run.machine import PLACED, Machine
from sim.run.parts import BoundEngine, Core
from sim.run.region_run import RegionRun
from sim.run.tally import Tally
from sim.trace.dtypes import data_type
from sim.trace.work import MatrixWork


def check_moved(run: RegionRun) -> None:
    """Results that have to leave the core have left it exactly once, and every operand has come in at least once.

    Types of a fractional number of bytes, and results of which a part stays in the core, round up per tile, so they may
    exceed the whole by less than a byte per tile.
    An operand may come in several times; a convolution may skip input that no output reads, and sparse weights their
    zeros, so those two have no floor.
    """
    tiles = sum(choice.tiles for choice in run.plan.choices) * run.plan.slots
    outputs = run.region.outputs
    if run.plan.parts:
        _check_parts(run)
    in_part = 0 < run.expected_bytes < sum(one.size_bytes for one in outputs)
    slack = tiles if in_part or any(data_type(one.tensor.dtype).bits % 8 for one in outputs[:1]) else 0
    plan = run.plan
    expected = run.expected_bytes + plan.spilled_bytes + plan.delivered_bytes - plan.kept_bytes
    if not expected <= run.stored_bytes - run.staged_bytes <= expected + slack:
        raise InconsistencyError("bytes", f"{run}: {run.stored_bytes} bytes stored of {expected}")
    _equal(
        "bytes", f"{run}: partial sums sent between cores against planned", run.reduced_bytes, run.plan.reduced_bytes
    )
    free = _without_floor(run.region) | set(run.plan.in_place)
    for position, size in enumerate(run.expected_loads):
        found = run.loaded_bytes.get(position, 0)
        if position not in free and found < size:
            raise InconsistencyError("bytes", f"{run}: {found} bytes of operand {position} loaded, it has {size}")


def _check_parts(run: RegionRun) -> None:
    """The parts of a divided plan are the whole of it, none of it twice."""
    parts = run.plan.parts
    loads = tuple(sum(part.loads_bytes[place] for part in parts) for place in range(len(run.expected_loads)))
    stores = sum(part.stores_bytes for part in parts)
    if (loads, stores) != (run.expected_loads, run.expected_bytes):
        raise InconsistencyError("bytes", f"{run}: its parts move {loads} and {stores} of {run.expected_loads} and "
                                 f"{run.expected_bytes}")  # fmt: skip


def _without_floor(region: Region) -> set[int]:
    """Positions of the operands that need not come in whole."""
    found: set[int] = set()
    position = 0
    for part in region.parts or (region,):
        work = part.head.work
        for place, operand in enumerate(part.operands):
            if region.parts and region.is_inner(operand):
                continue
            if isinstance(work, MatrixWork):
                skips = place == 0 and any(segment.conv for segment in work.segments)
                found |= {position} if skips or (place == 1 and work.sparsity) else set()
            position += 1
    return found


def check_run(machine: Machine, tally: Tally, elapsed_ps: int) -> None:
    """Check the whole run; raises InconsistencyError naming the first rule that is broken."""
    _check_trace(tally)
    _check_macs(machine, tally)
    _check_operations(machine, tally)
    _check_bytes(machine)
    _check_caches(machine)
    _check_fabrics(machine)
    _check_scratchpads(machine, tally)
    _check_rooflines(machine, tally, elapsed_ps)


def total(component: Component | StageBuffer, action: str) -> int:
    """An action of a component over all operators."""
    return sum(amount for (_, name), amount in component.actions.items() if name == action)


def ledger(component: Component | StageBuffer, name: str) -> int:
    """A ledger entry of a component over all operators."""
    return sum(amount for (_, entry), amount in component.ledger.items() if entry == name)


def _equal(rule: str, what: str, one: int, other: int) -> None:
    if one != other:
        raise InconsistencyError(rule, f"{what}: {one} against {other}")


def _units(machine: Machine) -> Iterable[Component]:
    for core in machine.cores:
        yield from (unit for unit in (core.arrays, core.vector) if unit is not None)
    yield from (engine.component for engine in machine.engines)


def _movers(machine: Machine) -> Iterable[BoundEngine | Core]:
    yield from machine.cores
    yield from machine.engines


def _check_trace(tally: Tally) -> None:
    _equal("trace", "operators executed against in the trace", tally.executed_operators, tally.expected_operators)
    _equal("trace", "MACs planned against in the trace", tally.planned_macs, tally.expected_macs)


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
        done = sum(total(unit, f"op_{name}") for unit in _units(machine))
        planned = tally.planned_operations.get(name, 0) + (on_vector if name == "mac" else 0)
        _equal("operations", f"{name} executed against planned", done, planned)


def _check_bytes(machine: Machine) -> None:
    layout = machine.layout
    copied = list(machine.copies.carried()) if machine.copies is not None else []
    for tier, memory in zip(layout.tiers, machine.tiers, strict=True):
        if tier.core is not None:
            continue
        loaded = sum(one.loaded.get(tier.index, 0) for one in _movers(machine))
        stored = sum(one.stored.get(tier.index, 0) for one in _movers(machine))
        loaded += sum(size for source, _, _, size in copied if source == tier.index)
        stored += sum(size for _, destination, _, size in copied if destination == tier.index)
        loaded -= machine.multicasts.not_read.get(tier.index, 0)
        hits = sum(core.hits.get(tier.index, 0) for core in machine.cores)
        _equal("bytes", f"out of {tier.path} against into cores and tiers", total(memory, "read_bytes") + hits, loaded)
        _equal("bytes", f"into {tier.path} against out of cores and tiers", total(memory, "write_bytes")
               + ledger(memory, PLACED), stored)  # fmt: skip
    through: dict[str, int] = dict.fromkeys(machine.links, 0)
    for _, _, hops, size in copied:
        for hop in hops:
            through[hop.link] += size
    for core in machine.cores:
        for moved, found in ((core.loaded, core.hits), (core.stored, {})):
            for tier_index, amount in moved.items():
                behind = layout.behind_cache(tier_index, core.view.index)
                for place, hop in enumerate(layout.routes[tier_index, core.view.index]):
                    through[hop.link] += amount - (found.get(tier_index, 0) if place < behind else 0)
        handed = sum(engine.results.get(core.view.index, 0) for engine in machine.engines)
        handed += sum(other.sent.get(core.view.index, 0) for other in machine.cores)
        _equal("bytes", f"into {core.scratchpad.path} by DMA, from other cores and from engines in memory",
               ledger(core.scratchpad, "dma_in"), sum(core.loaded.values()) + handed)  # fmt: skip
        sent = sum(core.sent.values())
        _equal("bytes", f"DMA out of {core.scratchpad.path}", ledger(core.scratchpad, "dma_out"),
               sum(core.stored.values()) + sent)  # fmt: skip
        if layout.link_between_cores is not None:
            through[layout.link_between_cores.path] += sent
    for engine in machine.engines:
        for moved in (engine.loaded, engine.stored):
            for tier_index, amount in moved.items():
                for hop in layout.engine_routes[tier_index, engine.view.path]:
                    through[hop.link] += amount
        for core_index, amount in engine.results.items():
            for hop in layout.routes[machine.tier_of(engine), core_index]:
                through[hop.link] += amount
    for path, amount in machine.on_wires.items():
        _equal("bytes", f"through {path} against sent by chips", total(machine.chip_links[path], "bytes"), amount)
    for path, amount in through.items():
        link: Link = machine.links[path]
        amount -= machine.multicasts.not_moved.get(path, 0)
        _equal("bytes", f"through {path} against moved over it", total(link, "bytes"), amount)


def _check_caches(machine: Machine) -> None:
    """Hits and misses are what the cores loaded through a cache, and it moved those and what they stored."""
    for path in sorted({cache.path for cache in machine.caches.values()}):
        cache = machine.components[path]
        tiers = [tier for tier, one in machine.caches.items() if one is cache]
        loaded, stored, hits = (
            sum(getattr(core, name).get(tier, 0) for core in machine.cores for tier in tiers)
            for name in ("loaded", "stored", "hits")
        )
        found, missed = ledger(cache, "hit_bytes"), ledger(cache, "miss_bytes")
        _equal("bytes", f"{path}: hits against found by cores", found, hits)
        _equal("bytes", f"{path}: hits and misses against loaded through it", found + missed, loaded)
        _equal("bytes", f"through {path} against moved by cores", total(cache, "read_bytes")
               + total(cache, "write_bytes"), loaded + stored)  # fmt: skip


def _check_fabrics(machine: Machine) -> None:
    """What the links of a fabric carried is every message times the links on its way; nothing is left inside."""
    for link in (*machine.links.values(), *machine.chip_links.values()):
        if isinstance(link, Fabric):
            _equal("flits", f"over the links of {link.path} against messages times hops",
                   sum(link.link_flits().values()), ledger(link, "flit_hops"))  # fmt: skip


def _check_scratchpads(machine: Machine, tally: Tally) -> None:
    """What went through a scratchpad's banks is what its arrays, vector unit and DMA moved; tiles and DMA agree."""
    loaded = sum(sum(one.loaded.values()) for one in _movers(machine))
    stored = sum(sum(one.stored.values()) for one in _movers(machine))
    _equal("bytes", "loaded for tiles against into the cores", tally.loaded_bytes, loaded)
    _equal("bytes", "stored by tiles against out of the cores", tally.stored_bytes, stored)
    handed: dict[str, int] = {}
    for one in machine.tiers:
        if isinstance(one, StageBuffer):
            handed[one.path] = total(one, "read_bytes") + total(one, "write_bytes")
    engines = _moved_by_engines(machine)
    for core in machine.cores:
        pad = core.scratchpad
        units = [unit for unit in (core.arrays, core.vector) if unit is not None]
        wanted = (
            (sum(ledger(unit, "scratchpad_bytes") for unit in units) + ledger(pad, "dma_in") + ledger(pad, "dma_out"))
            + handed.get(pad.path, 0)
            + engines.get(core.view.index, 0)
        )
        _equal("bytes", f"through {pad.path} against moved by its users", total(pad, "read_bytes")
               + total(pad, "write_bytes"), wanted)  # fmt: skip


def _moved_by_engines(machine: Machine) -> dict[int, int]:
    """Core -> bytes that engines took out of its scratchpad and put there."""
    found: dict[int, int] = {}
    for tier in machine.layout.tiers:
        if tier.core is not None:
            moved = sum(one.loaded.get(tier.index, 0) + one.stored.get(tier.index, 0) for one in machine.engines)
            found[tier.core] = found.get(tier.core, 0) + moved
    return found


def _check_rooflines(machine: Machine, tally: Tally, elapsed_ps: int) -> None:
    """No operator beats its arrays' peak, no memory or link its bandwidth, over the run and while it was busy."""
    units: list[Component] = [core.arrays for core in machine.cores if core.arrays is not None]
    units += [engine.component for engine in machine.engines]
    for owners, heads in tally.groups():
        executed = sum(unit.ledger[owner, "macs_executed"] for unit in units for owner in owners)
        most = sum((one.peak_macs_per_s * (one.clock.active_ps + 1) for one in heads), Fraction(0))
        if executed and executed * PS_PER_S > most:
            active_ps = sum(one.clock.active_ps for one in heads)
            raise InconsistencyError("roofline", f"{heads[0].name}: {executed} MACs in {active_ps} ps beat the peak")
    _check_operator_bytes(machine, tally)
    for tier, memory in zip(machine.layout.tiers, machine.tiers, strict=True):
        moved = total(memory, "read_bytes") + total(memory, "write_bytes")
        if tier.core is None and moved * PS_PER_S > tier.limit_bytes_per_s * (elapsed_ps + 1):
            raise InconsistencyError("roofline", f"{tier.path}: {moved} bytes in {elapsed_ps} ps beat its bandwidth")
    for component in machine.components.values():
        if isinstance(component, Dram):
            bursts = total(component, "reads") + total(component, "writes")
            _check_busy(component, component.model.peak_bytes_per_s, bursts)
        elif isinstance(component, Scratchpad | Cache):
            _check_busy(component, component.model.bytes_per_s)
        elif isinstance(component, Link):
            _check_busy(component, component.model.bytes_per_s * len(component.lanes))


def _check_busy(component: Component, bytes_per_s: Fraction, rounded: int = 0) -> None:
    """What moved fits the time in which the lanes were busy, each with an equal part of the component's peak.

    ``rounded``: clock edges that busy time was cut at, each rounded to a whole picosecond.
    """
    moved = sum(total(component, action) for action in ("read_bytes", "write_bytes", "bytes"))
    busy_ps = sum(lane.busy_ps for lane in component.lanes)
    if moved * PS_PER_S * len(component.lanes) > bytes_per_s * (busy_ps + 1 + rounded):
        raise InconsistencyError(
            "roofline", f"{component.path}: {moved} bytes in {busy_ps} ps of busy lanes beat its peak"
        )


def _check_operator_bytes(machine: Machine, tally: Tally) -> None:
    """No operator moves its bytes faster than a memory can, from its first transfer to its end."""
    for tier, memory in zip(machine.layout.tiers, machine.tiers, strict=True):
        moved: dict[int, int] = {}
        for (owner, name), amount in memory.actions.items():
            if tier.core is None and owner != UNATTRIBUTED and name in ("read_bytes", "write_bytes"):
                moved[owner] = moved.get(owner, 0) + amount
        for owners, heads in tally.groups():
            amount = sum(moved.get(owner, 0) for owner in owners)
            span_ps = sum(one.span.active_ps for one in heads)
            if amount * PS_PER_S > tier.limit_bytes_per_s * (span_ps + 1):
                found = f"{heads[0].name}: {amount} bytes of {tier.path} in {span_ps} ps beat its bandwidth"
                raise InconsistencyError("roofline", found)
