"""What bounds an operator at a link is its busiest channel, never the mean over its ports; and what ports say adds up."""

from __future__ import annotations

from typing import Any

import pytest
from machines import four_cores, gemm
from parts import context

import sim
from sim.config.spec import links
from sim.core.clock import PS_PER_S
from sim.core.component import Activity
from sim.energy.of_architecture import counted_actions
from sim.hardware.noc.crossbar import Crossbar, CrossbarSpec
from sim.hardware.noc.fabric_link import FabricLinkSpec
from sim.hardware.noc.link import Link
from sim.hardware.noc.port_use import PortUse
from sim.report.explain import explain_run
from sim.report.page.diagram import BAND, diagram
from sim.report.result import Result
from sim.report.text import bound_title

RATE = 4 * 10**9
RING = "kind: fabric, topology: ring, routers: 5"
CROSSBAR = "kind: crossbar"


def result(link: str) -> Result:
    return sim.simulate(gemm(128, 32, 128), four_cores(link, width="4 B"))


@pytest.mark.parametrize("link", [RING, CROSSBAR, f"{RING}, model: flit"])
def test_an_operator_is_bound_by_the_busiest_port_of_a_link(link: str, tmp_path: Any) -> None:
    found = result(link)
    (row,) = found.operators
    read = row["bytes"]["chip.dram"]["read"]
    assert read > row["bytes"]["chip.dram"]["written"] > 0
    (one,) = found.record.operators
    assert one.demand_ps["chip.links.0"] == read * PS_PER_S // RATE  # the memory's one port out, not a mean over ports
    assert (row["bound_by"], row["bound_channel"]) == ("chip.links.0", "chip.dram out")
    assert found.roofline["bound_by"] == "chip.links.0"
    assert found.roofline["links"]["chip.links.0"]["channel"] == "chip.dram out"
    assert found.roofline["achieved_macs_per_s"] <= found.roofline["attainable_macs_per_s"]
    found.save(tmp_path)
    text = "\n".join(explain_run(tmp_path, ["g"]))
    bound, formula = text[text.index("demand") :].splitlines()[1:3]
    assert "chip.links.0" in bound and bound.endswith("<- bound")
    assert f"floor({read} B * 10**12 / {RATE} B/s)" in formula and formula.endswith("chip.dram out")


def test_a_bus_is_bound_by_both_directions_together() -> None:
    found = result("kind: bus")
    moved = found.operators[0]["bytes"]["chip.dram"]
    assert found.record.operators[0].demand_ps["chip.links.0"] == sum(moved.values()) * PS_PER_S // RATE
    assert found.operators[0]["bound_channel"] == "all endpoints"


@pytest.mark.parametrize("link", [RING, CROSSBAR])
def test_bytes_into_the_ports_are_bytes_out_of_them(link: str) -> None:
    found = result(link)
    (record,) = (one for one in found.record.components if one.ports)
    moved = found.operators[0]["bytes"]["chip.dram"]
    by_name = {one.name: one for one in record.ports}
    assert by_name["chip.dram out"].bytes == moved["read"]
    assert by_name["chip.dram in"].bytes == moved["written"]
    for way, other in (("in", moved["read"]), ("out", moved["written"])):
        assert sum(by_name[f"chip.core[{core}].pad {way}"].bytes for core in range(4)) == other
    for one in record.ports:
        assert one.busy_ps * RATE >= one.bytes * PS_PER_S  # flits and quanta are whole
        assert one.busy_ps <= found.time_ps


def a_link(kind: str, **keys: Any) -> Link:
    cls = links.get(kind)
    spec = cls.Spec if kind != "fabric" else FabricLinkSpec
    made: Link = cls(context(), "noc", 1, "noc", spec(connects=["a", "b", "c"], width="16 B", clock="c", **keys), 10**9,
                     ("a", "b", "c"))  # fmt: skip
    return made


@pytest.mark.parametrize("kind", ["crossbar", "fabric"])
def test_the_wait_for_a_port_is_that_behind_others(kind: str) -> None:
    def used(*sizes: int) -> PortUse:
        one = a_link(kind, **({"topology": "crossbar", "terminals": 3, "packet": 256} if kind == "fabric" else {}))
        for size in sizes:
            one.move("a", "b", "s", size, Activity(), lambda: None)
        one.engine.run()
        return next(port for port in one.port_uses() if port.name == "a out")

    assert used(4096) == PortUse("a out", 4096, 256_000, 0)
    assert used(4096, 256, 256) == PortUse("a out", 4608, 288_000, 256_000 + 272_000)


def test_a_link_of_a_plug_in_is_drawn_as_a_link_and_priced_by_what_it_says_it_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class PairSpec(CrossbarSpec):
        counted = ("bytes", "hop_bytes")

    class Pair(Crossbar):
        Spec = PairSpec

    monkeypatch.setitem(links._known, "pair", Pair)
    found = result("kind: pair, name: wires")
    (wires,) = (box for box in diagram(found)["boxes"] if box["kind"] == "pair")
    assert (wires["name"], wires["height"]) == ("wires", BAND)
    (link,) = four_cores("kind: pair").links
    assert counted_actions("pair", link.spec) == ("bytes", "hop_bytes")


@pytest.mark.parametrize(
    ("channel", "title"),
    [("chip.hbm[3] out", "noc, hbm out"), ("link 3.1->14.0", "noc, a link"), ("all endpoints", "noc, all endpoints")],
)
def test_the_terminal_counts_copies_of_a_channel_as_one(channel: str, title: str) -> None:
    assert bound_title({"bound_by": "chip.noc", "bound_channel": channel}) == title
