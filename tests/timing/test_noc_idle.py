"""One closed form of a message alone in a network, which both models take, in a run and under ``tilesim network``."""

from __future__ import annotations

import pytest
from small_fabrics import HZ, fabric

from sim.hardware.noc.fabric_engine import engine_of
from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.idle_cycles import idle_head_cycles, idle_tree_cycles
from sim.hardware.noc.multicast_tree import tree_of
from sim.hardware.noc.traffic_measure import idle_latency

ROUTERS = (RouterSpec(), RouterSpec(speculative=True, injection_latency=3),
           RouterSpec(routing_delay=2, vc_allocation_delay=3, switch_traversal_delay=4))  # fmt: skip
FLITS, FLIT_BYTES = 4, 16


@pytest.mark.parametrize("model", ["flit", "packet"])
@pytest.mark.parametrize("topology", ["ring", "mesh", "crossbar"])
@pytest.mark.parametrize("router", ROUTERS, ids=["plain", "speculative", "deep"])
def test_a_message_alone_takes_what_the_closed_form_says(model: str, topology: str, router: RouterSpec) -> None:
    routes = fabric(topology)
    cycles = idle_head_cycles(routes, router, 0, 2) + FLITS - 1
    assert idle_latency(model, routes, router, 0, 2, FLITS) == cycles
    engine = engine_of(model, routes, router, HZ, FLIT_BYTES, packet_flits=2 * FLITS)
    engine.submit(0, (0, 2), FLITS * FLIT_BYTES, "alone")
    ends = []
    while (due := engine.next_event_ps()) is not None:
        ends += [due] * len(engine.advance(due))
    assert ends == [cycles * 1000]


def test_a_tree_takes_as_long_as_the_longest_of_its_routes() -> None:
    routes, router = fabric("mesh"), ROUTERS[2]
    cycles = idle_tree_cycles(routes, router, tree_of(routes, 4, (0, 1, 3, 8)))[-1]
    assert cycles == max(idle_head_cycles(routes, router, 4, destination) for destination in (0, 1, 3, 8))
