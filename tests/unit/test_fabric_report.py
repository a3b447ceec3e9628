"""What a routed fabric reports: every link's lane covers the run exactly, latencies, and a picture coloured by load."""

from __future__ import annotations

from machines import four_cores, gemm

import sim
from sim.report.page.network import colour_of, network_views
from sim.report.page.run_data import run_data
from sim.report.pictures.draw import picture
from sim.report.result import Result


def result(link: str = "kind: fabric, topology: mesh, dims: [3, 2]") -> Result:
    return sim.simulate(gemm(96, 64, 200), four_cores(link, clock="1.3 GHz"))


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


def test_latencies_lie_between_those_of_an_idle_fabric_and_the_longest() -> None:
    sent = result().components["chip.links.0"]["messages"]
    latency = sent["latency_s"]
    assert sent["count"] > 0
    assert 0 < sent["idle_latency_s"] <= latency["mean"]
    assert latency["p50"] <= latency["p95"] <= latency["max"]
    assert 0 <= sent["waiting_share"] < 1


def test_the_topology_is_drawn_coloured_by_load_in_the_picture_and_on_the_page() -> None:
    found = result()
    (view,) = network_views(found)
    assert len(view.spots) == 6
    assert len(view.lines) == 14
    assert max(line.share for line in view.lines) == 1
    text = picture(found, "topology", "svg").decode()
    assert colour_of(1.0) in text
    assert view.title.partition(":")[0] in text
    assert run_data(found)["networks"][0]["title"] == view.title


def test_a_crossbar_has_no_such_part() -> None:
    row = result("kind: crossbar").components["chip.links.0"]
    assert "routers" not in row
    assert network_views(result("kind: crossbar")) == []
