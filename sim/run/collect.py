"""From the components of a finished run to its record."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import Any

from sim.core.clock import PS_PER_S
from sim.core.component import UNATTRIBUTED, Component
from sim.hardware.copy_engine import CopyEngine
from sim.hardware.layout import natural_key
from sim.hardware.noc.fabric_link import Fabric
from sim.hardware.noc.link import Link
from sim.hardware.noc.port_use import busiest, busiest_by_owner
from sim.hardware.pe.systolic import SystolicArrays
from sim.hardware.pim.pim_units import PimUnits
from sim.hardware.roofline import Roofline
from sim.run.executor import Executor
from sim.run.machine import ENGINE_READ, ENGINE_WRITTEN, PLACED, Machine
from sim.run.parts import Core
from sim.run.record import ComponentRecord, LaneRecord, OperatorRecord


def component_records(machine: Machine) -> tuple[ComponentRecord, ...]:
    """Every component, in path order."""
    kinds = {node.path: (node.kind, node.clock_hz) for node in machine.layout.architecture.components}
    kinds |= {node.path: (node.kind, node.clock_hz) for node in machine.layout.architecture.links}
    kinds |= {link.node.path: (link.node.kind, link.node.clock_hz) for link in machine.layout.chip_links}
    kinds |= {engine.view.declared: (engine.view.kind, None) for engine in machine.engines if engine.view.memory}
    buffers = {core.scratchpad.path: core for core in machine.cores}
    found = []
    for path in sorted(machine.components, key=natural_key):
        component = machine.components[path]
        if isinstance(component, Fabric):
            counts = {f"flits {name}": n for name, n in component.link_flits().items()} | component.waiting()
            counts |= component.messages()
            component.ledger.update({(UNATTRIBUTED, name): n for name, n in counts.items()})
        kind, hz = kinds.get(component.declared, ("dma", None))
        peak, unit = _peak(component)
        found.append(ComponentRecord(
            path=path, declared=component.declared, kind=kind, clock_hz=float(hz) if hz else None,
            lanes=tuple(_lane(lane) for lane in component.lanes),
            actions=_by_owner(component.actions), ledger=_by_owner(component.ledger), peak=peak, unit=unit,
            buffers=_buffers(buffers[path]) if path in buffers else {},
            channels=component.channel_counts() if isinstance(component, PimUnits) else (),
            **_link_part(component),
        ))  # fmt: skip
    return tuple(found)


def _link_part(component: Component) -> dict[str, Any]:
    if not isinstance(component, Link):
        return {}
    carried = component.carried()
    return {
        "ports": component.port_uses(), "busiest": busiest(carried), "busiest_by": busiest_by_owner(carried),
        "network": component.network_plan() if isinstance(component, Fabric) else None,
    }  # fmt: skip


def _lane(lane: Any) -> LaneRecord:
    stalls: dict[int, dict[str, int]] = {}
    for (cause, owner), duration in sorted(lane.stall_by.items(), key=lambda item: (item[0][1], item[0][0])):
        stalls.setdefault(owner, {})[cause] = duration
    return LaneRecord(lane.name, lane.busy_ps, lane.idle_ps, lane.stall_ps, dict(sorted(lane.busy_by.items())), stalls)


def _by_owner(counts: dict[tuple[int, str], int]) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = {}
    for (owner, name), amount in sorted(counts.items()):
        if amount:
            found.setdefault(owner, {})[name] = amount
    return found


def _buffers(core: Core) -> dict[str, dict[str, int]]:
    return {
        name: {"capacity_bytes": pool.capacity, "peak_bytes": pool.peak}
        for name, pool in (("inputs", core.inputs), ("outputs", core.outputs))
    }


def _peak(component: Component) -> tuple[float | None, str | None]:
    """Peak rate of one component and its unit."""
    if isinstance(component, SystolicArrays):
        fastest = max(component.model.spec.types.values())
        spec = component.model.spec
        return float(spec.rows * spec.cols * spec.count * component.model.clock.hz * fastest), "MAC/s"
    if isinstance(component, PimUnits):
        return float(component.model.peak_macs_per_s()), "MAC/s"
    if isinstance(component, Roofline):
        return float(max(component.model.peak_macs_per_s(one) for one in component.model.spec.types)), "MAC/s"
    if isinstance(component, Link):
        return float(component.model.bytes_per_s * len(component.lanes)), "B/s"
    model = getattr(component, "model", None)
    for name, unit in (("peak_bytes_per_s", "B/s"), ("bytes_per_s", "B/s")):
        if hasattr(model, name):
            return float(getattr(model, name)), unit
    if hasattr(model, "lanes"):
        return float(model.lanes * model.clock.hz), "op/s"  # type: ignore[union-attr]
    return None, None


def operator_records(executor: Executor) -> dict[int, OperatorRecord]:
    """Every operator as written that this chip executed, by its number in the run (the order of first execution)."""
    machine = executor.machine
    demand, executed = _demand(machine), _executed(machine)
    moved = _bytes(machine)
    return {
        owner: OperatorRecord(
            name=one.name, kind=one.kind, job=one.job, count=one.count, region=one.region, fused=one.fused,
            engine=one.engine, dims=_plain(one.dims), first_start_ps=max(0, one.clock.first_ps),
            last_end_ps=one.clock.last_ps, active_ps=one.clock.active_ps, span_ps=one.span.active_ps, macs=one.macs,
            macs_executed=executed.get(owner, 0), peak_macs_per_s=float(one.peak_macs_per_s),
            mapping=tuple(choice.to_dict() for choice in one.choices),
            bytes=moved.get(owner, {}), demand_ps=dict(sorted(demand.get(owner, {}).items())),
            fusion_saved_bytes=one.saved_bytes, dispatch=one.dispatch,
        )
        for owner, one in executor.tally.own()
    }  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, tuple) else value


def _executed(machine: Machine) -> dict[int, int]:
    found: defaultdict[int, int] = defaultdict(int)
    units: list[Component] = [engine.component for engine in machine.engines]
    for core in machine.cores:
        units += [unit for unit in (core.arrays, core.vector) if unit is not None]
    for unit in units:
        for (owner, name), amount in unit.ledger.items():
            if name == "macs_executed":
                found[owner] += amount
    return found


def _bytes(machine: Machine) -> dict[int, dict[str, dict[str, int]]]:
    """Operator -> tier -> bytes read and written by transfers; of a core's scratchpad, by engines beside the core."""
    found: dict[int, dict[str, dict[str, int]]] = {}
    ways = {PLACED: "written", ENGINE_READ: "read", ENGINE_WRITTEN: "written"}
    for tier, memory in zip(machine.layout.tiers, machine.tiers, strict=True):
        for (owner, name), amount in sorted(memory.actions.items()) if tier.core is None else ():
            entry = found.setdefault(owner, {}).setdefault(tier.path, {"read": 0, "written": 0})
            if name in ("read_bytes", "write_bytes"):
                entry["read" if name == "read_bytes" else "written"] += amount
        for (owner, name), amount in sorted(memory.ledger.items()):
            if name in ways and amount:
                found.setdefault(owner, {}).setdefault(tier.path, {"read": 0, "written": 0})[ways[name]] += amount
    return found


def _demand(machine: Machine) -> dict[int, dict[str, int]]:
    """Operator -> declared component -> the most busy time of any of its lanes on that operator's behalf.

    For memories, whose lanes serve operators side by side, it is the bytes at the sustained rate; for links the bytes
    over the channel that carries most of that operator's.
    """
    found: dict[int, dict[str, int]] = {}

    def note(owner: int, declared: str, duration: int) -> None:
        entry = found.setdefault(owner, {})
        entry[declared] = max(entry.get(declared, 0), duration)

    rates = {
        tier.path: tier.bytes_per_s for tier in machine.layout.tiers if tier.core is None and tier.buffer_of is None
    }
    rates |= {cache.path: cache.bytes_per_s for cache in machine.layout.caches.values()}
    for path, component in sorted({**machine.components, **machine.chip_links}.items()):
        if isinstance(component, Link):
            for owner, (_, amount) in busiest_by_owner(component.carried()).items():
                note(owner, component.declared, int(Fraction(amount * PS_PER_S) / component.model.bytes_per_s))
        elif path in rates:
            for owner, amount in _moved(component).items():
                note(owner, component.declared, int(Fraction(amount * PS_PER_S) / rates[path]))
        elif not isinstance(component, CopyEngine) and not component.declared.endswith("dma"):
            for lane in component.lanes:
                for owner, duration in lane.busy_by.items():
                    note(owner, component.declared, duration)
    return found


def _moved(component: Component) -> dict[int, int]:
    found: defaultdict[int, int] = defaultdict(int)
    for (owner, name), amount in component.actions.items():
        if name in ("read_bytes", "write_bytes", "bytes"):
            found[owner] += amount
    return found


def traffic_records(machine: Machine) -> tuple[dict[str, Any], ...]:
    """Bytes between memories, by declared path."""
    found: defaultdict[tuple[str, str], int] = defaultdict(int)
    for core in machine.cores:
        here = core.scratchpad.declared
        for index, amount in core.loaded.items():
            found[machine.layout.tiers[index].node.path, here] += amount - core.hits.get(index, 0)
        for index, amount in core.hits.items():
            found[machine.caches[index].declared, here] += amount
        for index, amount in core.sent.items():
            found[here, machine.cores[index].scratchpad.declared] += amount
        for index, amount in core.stored.items():
            found[here, machine.layout.tiers[index].node.path] += amount
    for engine in machine.engines:
        for index, amount in engine.loaded.items():
            found[machine.layout.tiers[index].node.path, engine.view.declared] += amount
        for index, amount in engine.results.items():
            found[engine.view.declared, machine.cores[index].scratchpad.declared] += amount
        for index, amount in engine.stored.items():
            found[engine.view.declared, machine.layout.tiers[index].node.path] += amount
    for source_tier, destination_tier, _, amount in machine.copies.carried() if machine.copies is not None else ():
        tiers = machine.layout.tiers
        found[tiers[source_tier].node.path, tiers[destination_tier].node.path] += amount
    return tuple(
        {"source": source, "destination": destination, "bytes": amount}
        for (source, destination), amount in sorted(found.items())
    )


def chip_traffic(machine: Machine) -> tuple[dict[str, Any], ...]:
    """Bytes between chips, by instance path, what protocols add on the wires left out."""
    chips = machine.layout.chips
    if chips is None:
        return ()
    return tuple(
        {"source": chips.paths[source], "destination": chips.paths[destination], "bytes": amount}
        for (source, destination), amount in sorted(machine.exchanged.items())
    )
