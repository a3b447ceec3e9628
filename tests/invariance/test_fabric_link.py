"""Cores and memory controllers on a routed fabric: runs conserve, links carry what routes say, bad input is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from machines import four_cores, gemm
from parts import context

from sim.config.architecture import Architecture
from sim.config.load import load_architecture
from sim.config.spec import links
from sim.core.component import UNATTRIBUTED, Activity
from sim.core.data_files import package_folder
from sim.core.errors import InconsistencyError, InputError
from sim.hardware.layout import Layout
from sim.hardware.noc.fabric_link import Fabric, FabricLinkSpec
from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.traffic_measure import idle_latency
from sim.report.components import component_rows
from sim.run.simulate import run_trace
from sim.trace.load import load_trace, lower

HZ = 10**9


def fabric(endpoints: tuple[str, ...], **keys: Any) -> Fabric:
    spec = FabricLinkSpec(**{"connects": list(endpoints), "width": "16 B", "clock": "c", **keys})
    made: Fabric = links.get("fabric")(context(), "noc", 1, "noc", spec, HZ, endpoints)
    return made


MESH = "kind: fabric, topology: mesh, dims: [3, 2]"


@pytest.mark.parametrize("model", ["flit", "packet"])
def test_a_message_alone_takes_its_flits_and_the_latency_of_its_way(model: str) -> None:
    one = fabric(("a", "b", "c", "d"), topology="mesh", dims=(4,), model=model)
    ends: list[int] = []
    one.move("a", "d", "s", 4096, Activity(7, 0), lambda: ends.append(one.engine.now))
    last = one.engine.run()
    head = idle_latency(model, one.routes, RouterSpec(), 0, 3, 1)
    assert ends == [(head + 255) * 1000]
    assert one.actions == {(7, "bytes"): 4096, (7, "hop_bytes"): 3 * 4096}
    assert one.link_flits() == {name: 256 * (name in ("0.0->1.1", "1.0->2.1", "2.0->3.1")) for name in one.link_flits()}
    for lane in one.lanes:
        lane.finish(last)
    assert {lane.name: lane.busy_ps for lane in one.lanes if lane.busy_ps} == {"noc.a.out": last, "noc.d.in": last}


def test_a_router_that_is_the_whole_network_counts_as_a_hop() -> None:
    one = fabric(("a", "b", "c"), topology="crossbar", terminals=3)
    one.move("a", "c", "s", 4096, Activity(7, 0), lambda: None)
    one.engine.run()
    assert one.actions == {(7, "bytes"): 4096, (7, "hop_bytes"): 4096}


def test_the_load_that_is_warned_of_is_that_of_the_time_in_use() -> None:
    one = fabric(("a", "b", "c"), topology="mesh", dims=(3,))
    for source in ("a", "b"):
        one.move(source, "c", "s", 64_000, Activity(), lambda: None)
    busy_ps = one.engine.run()
    one.engine.at(100 * busy_ps, lambda: None)
    one.engine.run()
    (warning,) = one.warnings()
    assert "port into c (1.00)" in warning


def test_messages_over_one_link_share_it_and_others_do_not() -> None:
    def ends_of(pairs: list[tuple[str, str]]) -> int:
        one = fabric(("a", "b", "c", "d"), topology="mesh", dims=(4,), model="packet", packet=256)
        for source, destination in pairs:
            one.move(source, destination, source, 64_000, Activity(), lambda: None)
        return one.engine.run()

    alone = ends_of([("a", "c")])
    assert ends_of([("a", "c"), ("b", "d")]) == pytest.approx(2 * alone, rel=0.02)  # both cross b -> c
    assert ends_of([("a", "b"), ("c", "d")]) == pytest.approx(alone, rel=0.02)


@pytest.mark.parametrize("model", ["flit", "packet"])
def test_a_run_on_a_mesh_conserves_and_a_crossbar_of_equal_ports_is_as_fast(model: str) -> None:
    trace = gemm(96, 64, 200)
    on_mesh = run_trace(trace, four_cores(f"{MESH}, model: {model}"))
    on_crossbar = run_trace(trace, four_cores("kind: crossbar"))
    assert on_crossbar.elapsed_ps <= on_mesh.elapsed_ps
    (noc,) = (one for one in on_mesh.components if one.kind == "fabric")
    carried = {name: n for name, n in noc.ledger[UNATTRIBUTED].items() if name.startswith("flits ")}
    hops = sum(counts.get("flit_hops", 0) for counts in noc.ledger.values())
    assert sum(carried.values()) == hops > 0
    assert all(lane.busy_ps + lane.idle_ps + sum(lane.stall_ps.values()) == on_mesh.elapsed_ps for lane in noc.lanes)


def test_the_report_shows_the_load_of_every_link_that_carried_something() -> None:
    architecture = four_cores(MESH)
    record = run_trace(gemm(96, 64, 200), architecture)
    row = component_rows(record, architecture, None)["chip.links.0"]
    (noc,) = (one for one in record.components if one.kind == "fabric")
    hops = sum(counts.get("flit_hops", 0) for counts in noc.ledger.values())
    assert sum(one["flits"] for one in row["links"].values()) == hops
    for one in row["links"].values():
        assert one["utilization"] == pytest.approx(one["flits"] * 1000 / record.elapsed_ps)
        assert 0 < one["utilization"] <= 1
    assert "links" not in component_rows(record, architecture, None)["chip.dram"]


def test_a_flit_that_a_link_loses_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    true_flits = Fabric.link_flits
    monkeypatch.setattr(Fabric, "link_flits", lambda self: {**true_flits(self), "0.0->1.1": 0})
    with pytest.raises(InconsistencyError, match="messages times hops"):
        run_trace(gemm(96, 64, 200), four_cores(f'{MESH}, place: {{"chip.dram": 5, "chip.core[3].pad": 0}}'))


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ("kind: fabric, topology: mesh, dims: [2, 2]", "too few terminals"),
        (f'{MESH}, place: {{"chip.core[9].pad": 0}}', "not an endpoint"),
        (f'{MESH}, place: {{"chip.dram": 6}}', "0 to 5"),
        (f'{MESH}, place: {{"chip.dram": 2, "chip.core[0].pad": 2}}', "two endpoints on terminal 2"),
        ("kind: fabric, topology: custom, routers: 5, edges: [[0, 1], [1, 2], [2, 3]], homes: [0, 1, 2, 3, 4]",
         "cannot be reached"),
        ("kind: fabric, topology: custom, routers: 5, edges: [[0, 1], [1, 2], [2, 3], [3, 4], [4, 0]], "
         "homes: [0, 1, 2, 3, 4]", "in a circle"),
    ],
)  # fmt: skip
def test_a_fabric_that_cannot_carry_its_endpoints_is_refused_with_its_place(link: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        Layout(four_cores(link))
    assert all(problem.place is not None and problem.place.line > 0 for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("link", "joins", "width", "told"),
    [
        (MESH, "[core.pad]", "16 B", "no link leads from chip.dram to chip.core"),
        (MESH, "[core.pad, dramm]", "16 B", "connects an unknown component; found dramm"),
        (MESH, "[core.pad, dram]", "-16 B", "width: a size must be at least 0; found -16 B"),
        ("kind: fabric, topology: custom, routers: 5, edges: [[0, 1], [1, 7]], homes: [0, 1, 2, 3, 4]",
         "[core.pad, dram]", "16 B", r"no such router; found \[1, 7\]; allowed: routers 0 to 4"),
    ],
)  # fmt: skip
def test_ends_and_routers_that_are_not_there_are_refused_with_their_place(
    link: str, joins: str, width: str, told: str
) -> None:
    with pytest.raises(InputError, match=told) as caught:
        Layout(four_cores(link, joins=joins, width=width))
    assert all(problem.place is not None and problem.place.line > 0 for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ("kind: fabric, topology: mseh, dims: [3, 2]", "mesh"),
        ("kind: fabric, topology: mesh", "needs the key 'dims'"),
        (f"{MESH}, arity: 2", "mesh has no key 'arity'"),
        (f"{MESH}, packet: 8 B", "at least one flit"),
        ("kind: fabric, topology: mesh, dims: [3, -2]", "at least 1"),
    ],
)
def test_wrong_keys_of_a_fabric_are_refused(link: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        four_cores(link)


def with_crossbar(tmp_path: Path, changes: dict[str, Any]) -> Architecture:
    """The mesh preset with one crossbar of ports as wide in place of the mesh."""
    text = (package_folder("arch") / "mesh_16core.yaml").read_text(encoding="utf-8")
    head, rest = text.split("    - kind: fabric\n")
    tail = rest[rest.index("policy:") :]
    link = "    - {kind: crossbar, name: noc, connects: [core.pad, hbm], width: 64 B, clock: core}\n"
    file = tmp_path / "crossbar.yaml"
    file.write_text(head + link + tail, encoding="utf-8")
    return load_architecture(file, changes)


@pytest.mark.parametrize("model", ["resnet50", pytest.param("bert", marks=pytest.mark.slow)])
def test_the_mesh_preset_runs_real_models_and_a_crossbar_is_at_least_as_fast(model: str, tmp_path: Path) -> None:
    """Memories have no banks here: which requests meet in a bank depends on the order in which the network brings them, and
    that may favour either (docs/models.md)."""
    changes = {"policy.multicast": False, "chip.hbm.model": "bandwidth"}
    trace = load_trace("resnet50") if model == "resnet50" else lower("configs/bert_base", prompt=16)
    mesh = run_trace(trace, load_architecture("mesh_16core", changes))
    crossbar = run_trace(trace, with_crossbar(tmp_path, changes))
    assert crossbar.elapsed_ps <= mesh.elapsed_ps
    busy = [one for one in mesh.components if one.kind == "dram" and one.actions]
    assert len(busy) == 4
