"""The time that a message takes which is alone in a network: the one closed form, which both network models keep.

A flit spends ``injection_latency`` on its way from the terminal, ``router_cycles`` in every router and the latency of every
link, ``injection_latency`` to the other terminal, and before all that one cycle in which its source sends it: a packet
created in one cycle is on its way in the next (as in BookSim2, whose idle latencies the suite ``noc_zero_load`` meets).
The tail of n flits arrives n - 1 cycles after the head.
"""

from __future__ import annotations

from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.multicast_tree import TreeNode
from sim.hardware.noc.routes import Routes

SENDING = 1
"""Cycles of a head at its source."""


def idle_head_cycles(routes: Routes, router: RouterSpec, source: int, destination: int) -> int:
    """Cycles of a head from its creation at one terminal to its arrival at another."""
    on_links = [int(routes.links.latency[link]) for link, _ in routes.path(source, destination)]
    return SENDING + sum(on_links) + (len(on_links) + 1) * router.router_cycles + 2 * router.injection_latency


def idle_tree_cycles(routes: Routes, router: RouterSpec, nodes: list[TreeNode]) -> list[int]:
    """Cycles of a head from when it leaves for each node of a tree, and last from its creation, to the last terminal behind.

    From leaving for one node to leaving for the next are a link and a router, as above.
    """
    at_port, latency = routes.link_at_port.ravel(), routes.links.latency
    out = router.switch_delay + SENDING
    cycles = [0] * (len(nodes) + 1)
    for number in reversed(range(len(nodes))):
        parent, port, _ = nodes[number]
        link = int(at_port[port])
        cycles[number] += out + (int(latency[link]) if link >= 0 else router.injection_latency)
        cycles[parent] = max(cycles[parent], cycles[number] + router.router_cycles - out)
    cycles[-1] += SENDING + router.injection_latency
    return cycles
