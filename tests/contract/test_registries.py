"""What every registered name promises: tested over ``names()``, so a new entry needs no new test file."""

from __future__ import annotations

import ast
import importlib
import tomllib
from fractions import Fraction
from importlib.metadata import entry_points
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from machines import gemm, small
from parts import context

import sim
from sim.config.load import load_architecture
from sim.config.policy import Policy
from sim.config.spec import ComponentSpec, LinkSpec, components, links, spec_class
from sim.core.component import Activity, Component
from sim.core.registry import Registry
from sim.hardware.layout import Layout
from sim.hardware.memory.tier import tier_models
from sim.hardware.pe.dataflow import ArrayShape, TileExtents, dataflows
from sim.mapping.placement.arena import Arena
from sim.mapping.placement.policy import placements
from sim.mapping.schedulers.policy import Distance, schedulers
from sim.run.simulate import run_trace
from sim.trace.frontends import frontends
from sim.trace.kinds import operator_kinds
from sim.trace.load import load_trace

ROOT = Path(sim.__file__).parent
GHZ = Fraction(10**9)


def registries() -> list[tuple[str, str]]:
    """(module, variable) of every registry in the sources."""
    found = []
    for file in sorted(ROOT.rglob("*.py")):
        for node in ast.parse(file.read_text()).body:
            value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
            if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "Registry":
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target  # type: ignore[union-attr]
                module = ".".join(file.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
                found.append((module, target.id))  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize(("module", "name"), registries())
def test_every_registry_is_filled_from_entry_points(module: str, name: str) -> None:
    """A registry whose group the package does not declare, or declares wrongly, cannot list its own built-ins."""
    registry: Registry[Any] = getattr(importlib.import_module(module), name)
    pyproject = ROOT.parent / "pyproject.toml"
    if pyproject.exists():
        declared = tomllib.loads(pyproject.read_text())["project"]["entry-points"]
        assert registry.group in declared
        for target in declared[registry.group].values():
            importlib.import_module(target)
    assert len([one for one in entry_points(group=registry.group) if one.value.startswith("sim")]) == 1
    assert registry.names()
    for entry in registry.names():
        assert registry.get(entry) is not None


def test_all_that_registers_is_found_through_the_one_entry_of_its_group() -> None:
    """So that metadata older than the source have all built-ins of a group or none."""
    groups = {name: getattr(importlib.import_module(module), name).group for module, name in registries()}
    found = 0
    for file in sorted(ROOT.rglob("*.py")):
        parts = file.relative_to(ROOT.parent).with_suffix("").parts
        for call in (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)):
            if not (isinstance(call.func, ast.Attribute) and call.func.attr == "register"):
                continue
            if isinstance(call.func.value, ast.Name) and call.func.value.id in groups:
                (entry,) = entry_points(group=groups[call.func.value.id])
                assert f"{'.'.join(parts)}.".startswith(f"{entry.value}."), (file, entry)
                assert not any(part.startswith("_") for part in parts if part != "__init__"), file
                found += 1
    assert found > 100


@pytest.mark.parametrize("name", operator_kinds.names())
def test_an_operator_kind_names_its_dimensions_ports_and_says_what_it_is(name: str) -> None:
    kind = operator_kinds.get(name)
    assert kind.__doc__
    assert set(kind.ports).isdisjoint(kind.optional_ports)
    assert all(default is None or isinstance(default, int) for default in kind.dims.values())
    assert set(kind.lists).isdisjoint(kind.dims)


@pytest.mark.parametrize("name", components.names())
def test_a_component_kind_has_a_documented_frozen_spec(name: str) -> None:
    spec = spec_class(components, name)
    assert issubclass(spec, ComponentSpec)
    assert issubclass(components.get(name), Component)
    assert components.get(name).__doc__
    assert all(field.description for field in spec.model_fields.values())
    assert spec.model_config["frozen"] and spec.model_config["extra"] == "forbid"


@pytest.mark.parametrize("name", links.names())
def test_a_link_kind_has_a_documented_frozen_spec(name: str) -> None:
    spec = spec_class(links, name)
    assert issubclass(spec, LinkSpec)
    assert links.get(name).__doc__
    assert all(field.description for field in spec.model_fields.values())


@pytest.mark.parametrize("name", ["bus", "crossbar", "point_to_point"])
def test_a_simple_link_carries_every_byte_once_between_any_two_ends(name: str) -> None:
    spec = spec_class(links, name)(connects=["a", "b"], bandwidth="1 GB/s")
    shared = context()
    link = links.get(name)(shared, "l", 1, "l", spec, None, ("a", "b"))
    ends: list[int] = []
    for source, destination in (("a", "b"), ("b", "a")):
        link.move(source, destination, source, 6400, Activity(), lambda: ends.append(shared.engine.now))
    last = shared.engine.run()
    assert len(ends) == 2
    assert link.actions == {(-1, "bytes"): 12800}
    for lane in link.lanes:
        lane.finish(last)
    assert sum(lane.busy_ps for lane in link.lanes) >= 12800 * 1000


@pytest.mark.parametrize("name", dataflows.names())
def test_a_dataflow_covers_the_gemm_and_overlap_never_costs(name: str) -> None:
    flow = dataflows.get(name)
    assert flow.name == name and flow.__doc__
    for m, n, k in ((1, 1, 1), (5, 7, 3), (64, 16, 100)):
        tile = TileExtents(1, m, n, k, k, k, Fraction(1), None)
        serial, overlapped = (ArrayShape(8, 4, 1, overlap, None) for overlap in ("none", "double_buffered"))
        spread = flow.spread(serial, tile)
        assert flow.spread(overlapped, tile).cycles <= spread.cycles
        assert spread.cycles * 8 * 4 >= m * n * k
        assert sum(flow.shares(serial, spread)) == spread.cycles
        reads = flow.edge(serial, tile, spread)
        assert reads.a >= m * k and reads.b >= k * n and reads.c >= m * n
        assert flow.explain(serial, tile, spread)


@pytest.mark.parametrize("name", dataflows.names())
def test_a_dataflow_runs_end_to_end(name: str) -> None:
    assert run_trace(gemm(33, 17, 50), small(), dataflow=name).operators[0].macs == 33 * 17 * 50


@pytest.mark.parametrize("name", schedulers.names())
def test_a_scheduler_never_stops_the_only_region_and_bounds_how_far_ahead_others_run(name: str) -> None:
    scheduler, policy = schedulers.get(name), Policy(lookahead=5)
    assert not scheduler.holds(policy, Distance(0, 0))
    assert scheduler.holds(policy, Distance(5, 0))


@pytest.mark.parametrize("name", placements.names())
def test_a_placement_gives_every_tensor_a_home_within_capacity(name: str) -> None:
    """Addresses of tensors alive at once do not overlap, and nothing lies beyond the end of its tier."""
    from sim.trace.expand import Free, expand

    layout = Layout(load_architecture("tpu_v4"))
    trace = load_trace("resnet50")
    arenas = [Arena(tier.capacity) for tier in layout.tiers]
    placement = placements.get(name)(layout, trace, arenas)
    alive: dict[Any, tuple[int, int, int]] = {}
    for event in expand(trace):
        if isinstance(event, Free):
            dead = [event.tensor]
        else:
            dead = list(event.dying)
            read = [one.tensor for _, slices in event.inputs for one in slices]
            for tensor, produced in [(one, False) for one in read] + [(one.tensor, True) for one in event.outputs]:
                tier = placement.home(tensor, produced=produced)
                alive[tensor.key] = (tier, placement.address(tensor), tensor.size_bytes)
        for tensor in dead:
            placement.release(tensor)
            alive.pop(tensor.key, None)
        by_tier: dict[int, list[tuple[int, int]]] = {}
        for tier, address, size in alive.values():
            by_tier.setdefault(tier, []).append((address, address + size))
        for tier, blocks in by_tier.items():
            blocks.sort()
            assert all(one[1] <= other[0] for one, other in pairwise(blocks))
            assert blocks[-1][1] <= layout.tiers[tier].capacity
    placement.close()
    assert max(arena.peak for arena in arenas) > 0
    assert all(arena.used == 0 for arena in arenas)


@pytest.mark.parametrize("name", tier_models.names())
def test_a_tier_model_serves_every_transfer_at_most_at_peak(name: str) -> None:
    spec = spec_class(components, "dram")(capacity="1 GiB", device="HBM2_2400", model=name)
    model = spec.timing()
    assert 0 < model.sustained_bytes_per_s <= model.peak_bytes_per_s
    assert model.latency_ps >= 0
    engine = model.engine()
    sizes = [64, 100_000, 1, 4096]
    dram = components.get("dram")(context(), "d", 1, "d", spec, None)
    ends: list[int] = []
    for place, size in enumerate(sizes):
        dram.access(place % 2, size, 0, Activity(), lambda: ends.append(dram.engine.now))
    last = dram.engine.run()
    assert len(ends) == len(sizes)
    assert sum(sizes) * 10**12 <= model.peak_bytes_per_s * last
    assert engine.next_event_ps() is None and engine.active == 0


@pytest.mark.parametrize("name", frontends.names())
def test_a_frontend_says_what_it_reads_and_refuses_other_files(name: str, tmp_path: Path) -> None:
    frontend = frontends.get(name)
    assert frontend.reads
    other = tmp_path / "picture.png"
    other.write_bytes(b"\x89PNG")
    assert not frontend.matches(other)
