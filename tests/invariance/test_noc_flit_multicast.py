"""Random crowds of trees and packets to one terminal in the flit model: nothing is lost and nothing deadlocks."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_fabrics import graphs
from small_fabrics import Row, send

from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.flit_network import FlitNetwork
from sim.hardware.noc.routes import Routes

QUICK = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


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
        network.run(network.now + 100)  # the last credits come back
        assert send(network, probe) == send(FlitNetwork(routes, spec), probe)
