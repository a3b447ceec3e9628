"""Routes frozen before a run: a topology's graph and route function become integer tables, checked once.

The checks: ports are used once, every terminal hangs on a router that exists, every pair of terminals is connected by
every route set, and no set of channels can wait for each other in a circle (:mod:`sim.hardware.noc.deadlock`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.core.errors import Problems
from sim.hardware.noc.deadlock import refuse_cycles
from sim.hardware.noc.fabric_topology import EJECT, Topology
from sim.hardware.noc.routes import PORT_BITS, Ints, Links, Routes


def freeze(topology: Topology) -> Routes:
    """The tables of ``topology``. Raises InputError with every problem: bad ports, unconnected terminals, cycles."""
    graph = topology.graph()
    problems = Problems()
    links = _links(graph)
    homes = np.array(topology.homes(), dtype=np.int64)
    _check_links(links, problems)
    for terminal, home in enumerate(homes.tolist()):
        if home not in graph:
            problems.add(f"terminal {terminal} hangs on a router that does not exist", found=home)
    problems.raise_if_any()
    ports = _terminal_ports(links, homes, graph.number_of_nodes())
    table = _table(topology, graph.number_of_nodes(), homes, ports)
    most = 1 + int(max(links.source_port.max(initial=-1), links.target_port.max(initial=-1), ports.max(initial=-1)))
    routes = Routes(
        graph.number_of_nodes(), most, len(homes), topology.variants, topology.classes, links, homes, ports, table,
        topology.shape(),
    )  # fmt: skip
    refuse_cycles(routes, topology.without_circle)
    return routes


def _links(graph: Any) -> Links:
    rows = sorted(
        (source, data["port"], target, data["to_port"], data["latency"], data["ring"])
        for source, target, data in graph.edges(data=True)
    )
    columns = np.array(rows, dtype=np.int64).reshape(len(rows), 6).T
    return Links(*(np.ascontiguousarray(column) for column in columns))


def _check_links(links: Links, problems: Problems) -> None:
    for way, routers, ports in (
        ("output", links.source, links.source_port),
        ("input", links.target, links.target_port),
    ):
        seen: dict[tuple[int, int], int] = {}
        for link, key in enumerate(zip(routers.tolist(), ports.tolist(), strict=True)):
            if key in seen:
                message = f"{way} port {key[1]} of router {key[0]} is used twice"
                problems.add(message, found=f"{links.name(seen[key])} and {links.name(link)}")
            seen[key] = link
    for short in np.flatnonzero(links.latency < 1).tolist():
        problems.add(f"latency of link {links.name(short)}", found=int(links.latency[short]), allowed="1 or more")


def _terminal_ports(links: Links, homes: Ints, routers: int) -> Ints:
    """Terminals take the ports after the last link port of their router."""
    free = [0] * routers
    for ends, their_ports in ((links.source, links.source_port), (links.target, links.target_port)):
        for router, port in zip(ends.tolist(), their_ports.tolist(), strict=True):
            free[router] = max(free[router], port + 1)
    ports = []
    for home in homes.tolist():
        ports.append(free[home])
        free[home] += 1
    return np.array(ports, dtype=np.int64)


def _table(topology: Topology, routers: int, homes: Ints, ports: Ints) -> Ints:
    table = np.zeros((topology.variants, routers, len(homes)), dtype=np.int64)
    for variant in range(topology.variants):
        for router in range(routers):
            for terminal in range(len(homes)):
                hop = topology.next_hop(router, terminal, variant)
                port = int(ports[terminal]) if hop.port == EJECT else hop.port
                table[variant, router, terminal] = port | hop.vc_class << PORT_BITS
    return table
