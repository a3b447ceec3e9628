"""Forks in the routers of the flit model: nothing is lost, nothing deadlocks, and buffers push back branch by branch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_fabrics import fabric, graphs

from sim.core.errors import InconsistencyError
from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.flit_network import FlitNetwork
from sim.hardware.noc.packet_list import packets_of
from sim.hardware.noc.routes import Routes

QUICK = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
Row = tuple[int, tuple[int, ...], int, int]
"""Source, destinations, flits, cycle of creation."""


@st.composite
def crowds(draw: st.DrawFn) -> tuple[Routes, RouterSpec, list[Row]]:
    """Small buffers, hardly more channels than classes; packets to several terminals fit a buffer, others need not."""
    routes = draw(graphs())
    spec = RouterSpec(
        virtual_channels=draw(st.integers(routes.classes, routes.classes + 1)), buffer_flits=draw(st.integers(1, 5)),
        routing_delay=draw(st.integers(0, 1)), speculative=draw(st.booleans()), credit_delay=draw(st.integers(0, 3)),
    )  # fmt: skip
    random = np.random.default_rng(draw(st.integers(0, 9999)))
    rows: list[Row] = []
    for _ in range(draw(st.integers(1, 150))):
        several = routes.terminals > 1 and random.random() < 0.6
        count = int(random.integers(2, routes.terminals + 1)) if several else 1
        to = tuple(random.permutation(routes.terminals)[:count].tolist())
        most = spec.buffer_flits if several else 12
        rows.append((int(random.integers(routes.terminals)), to, int(random.integers(1, most + 1)),
                     int(random.integers(40))))  # fmt: skip
    return routes, spec, rows


def send(network: FlitNetwork, rows: list[Row]) -> list[int]:
    """Submit ``rows``, counted from now on, and run until all have arrived: cycles that each took, by creation."""
    start = network.now
    network.forget()
    network.submit(packets_of([(source, network.way(source, to), flits, start + at) for source, to, flits, at in rows]))
    network.run(start + 1_000_000, len(rows))
    return [int(cycle) - start for cycle in network.done()]


@QUICK
@given(crowd=crowds())
def test_a_crowd_of_trees_and_long_packets_arrives_and_leaves_the_network_as_it_was(
    crowd: tuple[Routes, RouterSpec, list[Row]],
) -> None:
    """Afterwards a broadcast that needs every credit of the buffers on its way takes as long as in a fresh network."""
    routes, spec, rows = crowd
    network = FlitNetwork(routes, spec)
    assert min(send(network, rows)) > 0
    assert network.in_flight == 0
    carried, received = np.zeros(len(routes.links), dtype=np.int64), np.zeros(routes.terminals, dtype=np.int64)
    for _, to, flits, _ in rows:
        received[list(to)] += flits
    for source, to, flits, _ in rows:
        paths = [tuple(routes.path(source, destination)) for destination in to]
        for branch in {path[:end] for path in paths for end in range(1, len(path) + 1)}:
            carried[branch[-1][0]] += flits
    assert network.ejected_flits().tolist() == received.tolist()
    assert network.link_flits().tolist() == carried.tolist()
    everyone = tuple(range(routes.terminals))
    for source in range(routes.terminals):
        probe = [(source, everyone, spec.buffer_flits, 100 * turn) for turn in range(spec.virtual_channels)]
        assert send(network, probe) == send(FlitNetwork(routes, spec), probe)


def test_a_blocked_branch_stops_the_others_when_the_buffer_is_full_and_not_before() -> None:
    """Terminal 3 sends 100 flits to terminal 2 through its only channel; terminal 0 has three packets for 1 and 2."""
    network = FlitNetwork(fabric("crossbar", {"terminals": 4}), RouterSpec(virtual_channels=1, buffer_flits=4))
    rows: list[Row] = [(3, (2,), 100, 0), *[(0, (1, 2), 4, 10)] * 3]
    network.submit(packets_of([(source, network.way(source, to), flits, at) for source, to, flits, at in rows]))
    seen = []
    for cycle in (20, 60, 90):
        network.run(cycle)
        seen.append((int(network.ejected_flits()[1]), int(network.injected_flits()[0])))
    assert seen == [(4, 4), (4, 4), (4, 4)]  # the first packet's copy is through, the second finds no room
    network.run(1000, len(rows))
    assert network.ejected_flits().tolist() == [0, 12, 112, 0]
    assert network.done().min() > 90


def test_branches_that_came_apart_meet_again() -> None:
    """One output is busy every other cycle; the other branch runs ahead, yet both end together, at the slow one's rate."""
    network = FlitNetwork(fabric("crossbar", {"terminals": 4}), RouterSpec(buffer_flits=40))
    rows: list[Row] = [(3, (2,), 40, 0), (0, (1, 2), 40, 0)]
    done = send(network, rows)
    assert max(done) == 6 + 2 * 40 - 1


@pytest.mark.parametrize(("flits", "stuck"), [(4, False), (5, True)])
def test_a_packet_longer_than_a_buffer_deadlocks_and_the_report_names_the_branches(flits: int, stuck: bool) -> None:
    """Terminal 0 gets the free output 4 and waits for output 3; when that is free, terminal 2 has it first and wants 4."""
    network = FlitNetwork(fabric("crossbar", {"terminals": 5}), RouterSpec(virtual_channels=1, buffer_flits=4))
    rows: list[Row] = [(1, (3,), 40, 0), (0, (3, 4), flits, 5), (2, (3, 4), flits, 6)]
    if not stuck:
        assert max(send(network, rows)) < 100
        return
    with pytest.raises(InconsistencyError, match="deadlock") as found:
        send(network, rows)
    for port, wanted, held in ((0, 3, 4), (2, 4, 3)):
        who = f"({port} to 2 terminals) in router 0 port {port} channel 0 waits for"
        assert f"{who} a free virtual channel on the terminal at port {wanted}" in found.value.diagnosis
        assert f"{who} its own rest, for channel 0 on the terminal at port {held}" in found.value.diagnosis
