"""What a routed fabric reports: every link's lane covers the run exactly, latencies, and a picture coloured by load."""

from __future__ import annotations

import io
from html import unescape
from math import hypot

import pytest
from machines import four_cores, gemm, machine
from rich.console import Console

import sim
from sim.hardware.noc.fabric_account import FabricAccount
from sim.report.page.network import Line, colour_of, network_views, router_labels
from sim.report.page.run_data import run_data
from sim.report.pictures.draw import picture
from sim.report.result import Result
from sim.report.text import show

MANY = machine("""
    name: many
    clocks: {core: 1 GHz}
    chip:
      core:
        count: 17
        array: {kind: systolic_array, rows: 8, cols: 8, types: {int8: 1}, clock: core}
        pad: {kind: scratchpad, capacity: 32 KiB, banks: 4, width: 64 B, clock: core}
      dram: {kind: dram, bandwidth: 64 GB/s, capacity: 1 GiB}
      links: [{kind: fabric, topology: mesh, dims: [6, 3], connects: [core.pad, dram], width: 16 B, clock: core}]
""")


def result(link: str = "kind: fabric, topology: mesh, dims: [3, 2]", width: str = "16 B") -> Result:
    return sim.simulate(gemm(96, 64, 200), four_cores(link, clock="1.3 GHz", width=width))


def test_the_lane_of_every_link_covers_the_run_exactly() -> None:
    found = result()
    row = found.components["chip.links.0"]
    assert row["links"]
    for one in row["links"].values():
        assert one["busy_ps"] + one["stall_ps"] + one["idle_ps"] == found.time_ps
        assert min(one["busy_ps"], one["stall_ps"], one["idle_ps"]) >= 0
    loads = [row["links"][name]["utilization"] for name in row["hottest_links"]]
    assert loads == sorted(loads, reverse=True)
    assert loads[0] == max(one["utilization"] for one in row["links"].values())


def test_routers_say_who_hangs_on_them_and_how_loaded_their_links_are() -> None:
    row = result().components["chip.links.0"]
    hung = [name for one in row["routers"].values() for name in one["endpoints"]]
    assert sorted(hung) == ["chip.core[0].pad", "chip.core[1].pad", "chip.core[2].pad", "chip.core[3].pad", "chip.dram"]
    assert {(one["x"], one["y"]) for one in row["routers"].values()} == {(x, y) for x in range(3) for y in range(2)}
    for one in row["routers"].values():
        loads = [row["links"].get(name, {"utilization": 0})["utilization"] for name in one["to"]]
        assert one["utilization"] == sum(loads) / len(loads)


def test_percentiles_are_of_what_was_measured_and_never_too_short(monkeypatch: pytest.MonkeyPatch) -> None:
    latencies: list[int] = []
    count = FabricAccount.arrived

    def arrived(self: FabricAccount, latency_ps: int) -> None:
        latencies.append(latency_ps)
        count(self, latency_ps)

    monkeypatch.setattr(FabricAccount, "arrived", arrived)
    told = result().components["chip.links.0"]["messages"]["latency_s"]
    assert told["max"] == max(latencies) / 1e12
    for percent in (50, 95):
        exact = sorted(latencies)[-(-len(latencies) * percent // 100) - 1] / 1e12
        assert exact <= told[f"p{percent}"] <= exact * 17 / 16


def test_the_busiest_ports_and_links_are_named_by_endpoint_in_table_and_warning() -> None:
    found = result(width="2 B")
    row = found.components["chip.links.0"]
    hottest = row["hottest_ports"][0]
    assert row["ports"][hottest]["utilization"] == max(one["utilization"] for one in row["ports"].values())
    console = Console(width=100, record=True, file=io.StringIO())
    show(found, console)
    text = console.export_text()
    assert f"port {hottest.removeprefix('chip.')}" in text
    assert "of 10 ports and 14 links" in text
    (warning,) = (one for one in found.warnings if "model: packet" in one)
    assert "port into chip." in warning


def test_latencies_lie_between_those_of_an_idle_fabric_and_the_longest() -> None:
    sent = result().components["chip.links.0"]["messages"]
    latency = sent["latency_s"]
    assert sent["count"] > 0
    assert 0 < sent["idle_latency_s"] <= latency["mean"]
    assert latency["p50"] <= latency["p95"] <= latency["max"]
    assert 0 <= sent["waiting_share"] < 1


def test_the_topology_is_drawn_on_one_scale_of_load_in_the_picture_and_on_the_page() -> None:
    found = result()
    (view,) = network_views(found)
    assert len(view.spots) == 6
    assert len(view.lines) == 14
    loads = found.components["chip.links.0"]["links"]
    hottest = view.lines[-1]
    assert 0 < hottest.utilization == max(one["utilization"] for one in loads.values()) < 0.7
    assert hottest.colour == colour_of(hottest.utilization) != colour_of(1.0)
    assert [(step.text, step.colour) for step in view.legend][:: len(view.legend) - 1] == [
        ("0 %", colour_of(0.0)), ("100 %", colour_of(1.0)),
    ]  # fmt: skip
    text = unescape(picture(found, "topology", "svg").decode())
    for step in view.legend:
        assert f"{step.text}</text>" in text and step.colour in text
    assert hottest.colour in text
    assert all(line in text for line in view.title)
    assert "dram</text>" in text and "core[3].pad</text>" in text
    assert run_data(found)["networks"][0]["title"] == view.title
    assert f"{100 * hottest.utilization:.1f} %" in view.title[1] and hottest.name in view.title[1]


def bends(line: Line) -> bool:
    return abs(line.bend_x - (line.x1 + line.x2) / 2) + abs(line.bend_y - (line.y1 + line.y2) / 2) > 1


def test_a_ring_is_a_circle_and_ways_around_a_torus_lead_beside_the_routers() -> None:
    (ring,) = network_views(result("kind: fabric, topology: ring, routers: 6"))
    lengths = {round(hypot(one.x2 - one.x1, one.y2 - one.y1), 6) for one in ring.lines}
    assert len(lengths) == 1 and not any(bends(one) for one in ring.lines)
    (torus,) = network_views(result("kind: fabric, topology: torus, dims: [4, 3]"))
    arcs = [one for one in torus.lines if bends(one)]
    assert len(torus.lines) == 48 and len(arcs) == 2 * (3 + 4)
    for arc in arcs:
        for part in range(1, 20):
            share = part / 20
            x, y = (
                (1 - share) ** 2 * start + 2 * share * (1 - share) * bend + share**2 * end
                for start, bend, end in ((arc.x1, arc.bend_x, arc.x2), (arc.y1, arc.bend_y, arc.y2))
            )
            inside = [one for one in torus.spots if max(abs(one.x - x), abs(one.y - y)) < torus.side / 2 - 1]
            assert not inside


def test_many_routers_are_numbers_and_the_memory_is_still_found() -> None:
    (view,) = network_views(result("kind: fabric, topology: mesh, dims: [8, 8]"))
    assert {one.label for one in view.spots} == {"", "dram", *(f"core[{core}].pad" for core in range(4))}
    (copies,) = (one for one in network_views(sim.simulate(gemm(96, 64, 200), MANY)))
    assert {one.label for one in copies.spots} == {"", "dram"}


def test_a_crossbar_has_no_such_part() -> None:
    row = result("kind: crossbar").components["chip.links.0"]
    assert "routers" not in row
    assert network_views(result("kind: crossbar")) == []


def test_a_memory_is_found_in_the_picture_beside_the_cores() -> None:
    ends = {"0": ["chip.core[0].pad", "chip.hbm"], "1": ["chip.core[1].pad"], "2": ["chip.core[2].pad"]}
    assert router_labels({name: {"endpoints": one} for name, one in ends.items()}) == {
        "0": "hbm +1", "1": "core[1].pad", "2": "core[2].pad"
    }  # fmt: skip
