"""The algorithm of a collective by predicted time: every channel that messages of a step share counts, on any topology."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from toy_chips import TOY

from sim import load_architecture
from sim.config.architecture import Architecture
from sim.hardware.layout import Layout
from sim.mapping.engines.collectives import CollectivesEngine
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder
from sim.trace.work import CollectiveWork

RING = "topology: ring, routers: 8"
SWITCH = TOY[TOY.index("  - {kind: crossbar, name: switch") : TOY.index("energy:")]
SIZE = 1 << 16


def chips(folder: Path, links: str, **collectives: str) -> Architecture:
    """Eight toy chips, whose library costs nothing beside the ``links``."""
    file = folder / "toy8.yaml"
    text = TOY.replace("count: 4", "count: 8").replace("{one: {launch: 5 us, step: 1 us, share: 1/2}}", "{one: {}}")
    file.write_text(text.replace(SWITCH, links))
    return load_architecture(file, {"policy.collectives": collectives})


def fabric(keys: str) -> str:
    sizes = "width: 16 B, packet: 1 KiB, router: {virtual_channels: 2, buffer_flits: 64}"
    return f"  - {{kind: fabric, name: net, {keys}, connects: [chip.comm], {sizes}, clock: core}}\n"


def time_ps(machine: Architecture) -> int:
    builder = TraceBuilder("exchange", dtype="int8")
    x, y = builder.activation("x", (SIZE,)), builder.activation("y", (SIZE,))
    builder.op("exchange", "collective", {"elements": SIZE, "ranks": 8}, {"x": x}, y, {"function": "all_reduce"})
    return run_trace(builder.build([y]), machine).elapsed_ps


def pinned(algorithm: str) -> dict[str, str]:
    return {"all_reduce": algorithm}


@pytest.mark.parametrize("model", ["packet", "flit"])
def test_on_a_ring_neighbours_exchange(tmp_path: Path, model: str) -> None:
    """Messages to all at once meet on its links: there the ring takes a third of their time, or a half."""
    links = fabric(f"{RING}, model: {model}")
    found, ring, direct = (time_ps(chips(tmp_path, links, **pin)) for pin in ({}, pinned("ring"), pinned("direct")))
    assert found == ring < 0.5 * direct


@pytest.mark.parametrize(
    "links",
    [SWITCH, fabric("topology: fully_connected, routers: 8"), fabric("topology: torus, dims: [4, 2]"),
     "  - {kind: bus, name: net, connects: [chip.comm], bandwidth: 16 GB/s}\n",
     "  - {kind: crossbar, name: pair, count: 4, joins: 2, connects: [chip.comm], bandwidth: 64 GB/s}\n"
     "  - {kind: crossbar, name: net, connects: [chip.comm], bandwidth: 8 GB/s, latency: 500 ns}\n",
     fabric("name: pod, count: 2, joins: 4, topology: ring, routers: 4").replace("name: net, ", "")
     + "  - {kind: crossbar, name: net, connects: [chip.comm], bandwidth: 8 GB/s, latency: 500 ns}\n"],
    ids=["switch", "fully_connected", "torus", "bus", "pairs", "pods"],
)  # fmt: skip
def test_what_is_chosen_is_the_fastest_when_run(tmp_path: Path, links: str) -> None:
    ring, direct = (time_ps(chips(tmp_path, links, **pinned(name))) for name in ("ring", "direct"))
    assert time_ps(chips(tmp_path, links)) <= 1.01 * min(ring, direct)


def test_the_busiest_link_of_messages_to_all_on_a_ring(tmp_path: Path) -> None:
    """Each way around, three messages over one, two and three links per chip and half of those that go four: 1 + 2 + 3 + 2
    chunks on every link, in both steps, against the seven chunks that leave a port."""
    layout = Layout(chips(tmp_path, fabric(RING)))
    (engine,) = CollectivesEngine.of(layout, {})
    found = engine.candidates(CollectiveWork("all_reduce", SIZE, 8, ""), SIZE, (), (), None)
    direct = next(one for one in found if one.messages.algorithm == "direct")
    assert direct.transfer_ps == 2 * 8 * SIZE // 8 * Fraction(1000, 16)
