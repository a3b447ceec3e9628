"""``tilesim network``: curves of fabrics, and input that is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sim.cli.main import run_command
from sim.core.errors import InputError
from sim.hardware.noc.fabric_keys import FabricSpec
from sim.hardware.noc.load_curve import Measurement, load_curve
from sim.hardware.noc.traffic_measure import idle_latency

MESH = FabricSpec(topology="mesh", dims=(4, 4), model="flit")


def test_at_low_load_a_packet_waits_as_long_as_alone() -> None:
    (point,) = load_curve(MESH, Measurement("transpose", (0.001,), window=20_000))["points"]
    routes = MESH.routes()
    alone = [idle_latency("flit", routes, MESH.router, at, at >> 2 | (at & 3) << 2, 1) for at in range(16)]
    assert point["latency_cycles"]["mean"] == pytest.approx(sum(alone) / 16, rel=0.1)
    assert point["latency_cycles"]["p99"] <= max(alone) + 2


@pytest.mark.parametrize("model", ["flit", "packet"])
def test_latency_rises_with_load_and_links_carry_what_their_routes_say(model: str) -> None:
    fabric = FabricSpec(topology="mesh", dims=(4, 4), model=model)
    curve = load_curve(fabric, Measurement("transpose", (0.05, 0.25), window=4000))
    low, high = curve["points"]
    assert low["latency_cycles"]["mean"] < high["latency_cycles"]["mean"]
    assert high["latency_cycles"]["p50"] <= high["latency_cycles"]["p99"]
    for point in (low, high):
        assert point["accepted_flits_per_cycle"] == pytest.approx(point["rate"], rel=0.15)
        hottest = point["hottest_links"][0]["flits_per_cycle"]  # transpose: three routes share the busiest link
        assert hottest == pytest.approx(3 * point["rate"], rel=0.15)
        assert point["hottest_ports"][0]["flits_per_cycle"] == pytest.approx(point["rate"], rel=0.3)
    assert bool(curve["warnings"]) == (model == "packet")


def test_a_sweep_ends_where_the_network_no_longer_accepts_what_is_offered() -> None:
    fabric = FabricSpec(topology="mesh", dims=(4, 4), model="flit")
    curve = load_curve(fabric, Measurement("hotspot({5})", window=2000))
    assert [point["saturated"] for point in curve["points"][:-1]] == [False] * (len(curve["points"]) - 1)
    last = curve["points"][-1]
    assert last["saturated"] and last["latency_cycles"]["mean"] is None
    assert curve["highest_stable_rate"] == 0.05  # 16 sources share one terminal that takes a flit per cycle: 1/16
    assert last["accepted_flits_per_cycle"] == pytest.approx(1 / 16, rel=0.02)
    assert last["hottest_ports"][0]["port"] == "into terminal 5"
    assert last["hottest_ports"][0]["flits_per_cycle"] == pytest.approx(1, rel=0.02)


def test_the_command_prints_a_row_per_rate_and_writes_the_same_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "curve.json"
    asked = ["network", "ring", "--set", "routers=6", "--rate", "0.1", "--rate", "0.2", "--window", "1000"]
    assert run_command([*asked, "--json", str(file)]) == 0
    shown = capsys.readouterr().out
    curve = json.loads(file.read_text())
    assert [point["rate"] for point in curve["points"]] == [0.1, 0.2]
    assert all(f"{point['latency_cycles']['mean']:.2f}" in shown for point in curve["points"])
    assert all(one["hottest_ports"][0]["port"] in shown for one in curve["points"])
    assert run_command([*asked, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out) == curve


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["mesch"], "did you mean 'mesh'?"),
        (["mesh"], "needs the key 'dims'"),
        (["mesh", "--set", "dims=[4,-4]"], "--set dims=[4,-4]"),
        (["mesh", "--set", "dims=[4,4]", "--set", "levels=2"], "mesh has no key 'levels'"),
        (["mesh", "--set", "dims=[9999,9999]"], "absurdly large"),
        (["fat_tree", "--set", "arity=9999", "--set", "levels=999999999"], "absurdly large"),
        (["mesh", "--set", "dims=[4,4]", "--set", "router.virtual_chanels=2"], "did you mean 'virtual_channels'?"),
        (["mesh", "--set", "dims=[4,4]", "--rate", "3"], "at most 1"),
        (["mesh", "--set", "dims=[4,4]", "--rate", "nan"], "at most 1"),
        (["mesh", "--set", "dims=[4,4]", "--traffic", "unifrm"], "did you mean 'uniform'?"),
        (["mesh", "--set", "dims=[4,4]", "--model", "paket"], "did you mean 'packet'?"),
        (["mesh", "--set", "dims=[4,4]", "--link", "chip.noc"], "a topology has none"),
        (["ring", "--set", "routers=6", "--set", "router.virtual_channels=1"], "needs 2 virtual channels"),
        (["custom", "--set", "routers=3", "--set", "edges=[[0,1]]", "--set", "homes=[0,2]"], "cannot be reached"),
        (
            ["custom", "--set", "routers=6", "--set", "edges=[[0,1],[1,2],[2,3],[3,4],[4,5],[5,0]]", "--set",
             "homes=[0,1,2,3,4,5]"],
            "allowed: `routing: up_down`",
        ),
        (["tpu_v4"], "no link of kind fabric"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_network_is_refused(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["network", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_traffic_rates_and_routes_are_told_at_once() -> None:
    fabric = FabricSpec(topology="custom", routers=2, edges=[], homes=[0, 1])
    with pytest.raises(InputError) as caught:
        load_curve(fabric, Measurement("unifrm", (0.1, 7.0)))
    assert len(caught.value.problems) == 4


def test_everything_wrong_with_a_command_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    line = "network mesh_16core --traffic unifrom --model flti --set chip.links.0.width=-3 --rate 7 --json /dev/null/x"
    assert run_command(line.split()) == 2
    told = capsys.readouterr().err.splitlines()
    parts = ("--set chip.links.0.width=-3: ", "did you mean 'flit'?", "found 7", "did you mean 'uniform'?", "/dev/null")
    assert [sum(part in one for one in told) for part in parts] == [1] * len(told), told


def test_what_is_wrong_with_a_topology_is_told_at_its_option(capsys: pytest.CaptureFixture[str]) -> None:
    line = ["network", "custom", "--set", "routers=2", "--set", "edges=[]", "--set", "homes=[0,1]"]
    assert run_command(line) == 2
    assert capsys.readouterr().err.startswith("--set edges=[]: terminal 1 cannot be reached")
    assert run_command([*line[:-1], "homes=[0,7]", "--link", "x"]) == 2
    told = capsys.readouterr().err
    assert "--link names a link of an architecture" in told and "--set homes=[0,7]: " in told


def test_ports_of_an_architectures_fabric_are_named_by_their_endpoints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ring.yaml"
    file.write_text("""
name: ring
clocks: {core: 1 GHz}
chip:
  core:
    count: 2
    array: {kind: systolic_array, rows: 8, cols: 8, types: {int8: 1}, clock: core}
    pad: {kind: scratchpad, capacity: 16 KiB, banks: 4, width: 64 B, clock: core}
  hbm: {kind: dram, bandwidth: 64 GB/s, capacity: 1 GiB}
  links: [{kind: fabric, topology: ring, routers: 3, connects: [core.pad, hbm], width: 16 B, clock: core}]
""")
    asked = ["network", str(file), "--traffic", "hotspot({2})", "--rate", "0.3", "--window", "500", "--model", "packet"]
    assert run_command(asked) == 0
    shown = capsys.readouterr().out
    assert "into terminal 2 (chip.hbm) 0." in shown
    assert "port into terminal 2 (chip.hbm) (" in shown
