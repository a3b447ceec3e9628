"""Random connected graphs with routes that are free of deadlock, and examples of all topologies, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from sim.hardware.noc.fabric_topology import topologies
from sim.hardware.noc.routes import Routes
from sim.hardware.noc.routing import freeze


def fabric(name: str, keys: dict[str, object]) -> Routes:
    """The frozen routes of a topology with these YAML keys."""
    topology = topologies.get(name)
    return freeze(topology(topology.Spec.model_validate(keys)))


@st.composite
def graphs(draw: st.DrawFn) -> Routes:
    """A random connected graph with up/down routes, or an example of a registered topology."""
    if draw(st.booleans()):
        name = draw(st.sampled_from(topologies.names()))
        return fabric(name, topologies.get(name).example)
    routers = draw(st.integers(1, 7))
    edges = [(draw(st.integers(0, router - 1)), router, draw(st.integers(1, 3))) for router in range(1, routers)]
    if routers > 1:
        for _ in range(draw(st.integers(0, 4))):
            one, other = draw(st.permutations(range(routers)))[:2]
            edge = one, other, draw(st.integers(1, 3))
            if not any({one, other} == set(known[:2]) for known in edges):
                edges.append(edge)
    homes = draw(st.lists(st.integers(0, routers - 1), min_size=1, max_size=8))
    return fabric("custom", {"routers": routers, "edges": edges, "homes": homes, "routing": "up_down"})
