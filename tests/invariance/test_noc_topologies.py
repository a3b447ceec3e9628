"""Topologies: what every registered one must give, and what is known of each in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from sim.core.errors import InputError
from sim.hardware.noc.fabric_topology import topologies
from sim.hardware.noc.routes import Routes
from sim.hardware.noc.routing import freeze
from sim.hardware.noc.traffic import Pattern, batch, bernoulli


def fabric(name: str, **keys: object) -> Routes:
    topology = topologies.get(name)
    return freeze(topology(topology.Spec.model_validate(keys)))


def hops(routes: Routes) -> list[int]:
    ends = range(routes.terminals)
    return [len(routes.path(one, other)) for one in ends for other in ends]


@pytest.mark.parametrize("name", topologies.names())
def test_a_registered_topology_has_an_example_that_connects_all_terminals(name: str) -> None:
    topology = topologies.get(name)
    assert topology.example, "contract tests and documentation need a small instance"
    routes = fabric(name, **topology.example)

    for variant in range(routes.variants):
        for one in range(routes.terminals):
            for other in range(routes.terminals):
                path = [link for link, _ in routes.path(one, other, variant)]
                assert len(set(path)) == len(path)
    assert int(np.prod(topology(topology.Spec.model_validate(topology.example)).shape())) == routes.terminals


@pytest.mark.parametrize("name", topologies.names())
def test_links_come_in_pairs_of_both_directions(name: str) -> None:
    links = fabric(name, **topologies.get(name).example).links
    forth = list(zip(links.source, links.source_port, links.target, links.target_port, strict=True))
    assert {(c, d, a, b) for a, b, c, d in forth} == set(forth)


@pytest.mark.parametrize(
    ("name", "keys", "links", "mean_hops", "most_hops"),
    [
        ("mesh", {"dims": (4, 4)}, 48, 2.5, 6),
        ("mesh", {"dims": (3, 3, 3)}, 108, 3 * 8 / 9, 6),
        ("torus", {"dims": (4, 4)}, 64, 2.0, 4),
        ("torus", {"dims": (5, 5)}, 100, 2.4, 4),
        ("ring", {"routers": 8}, 16, 2.0, 4),
        ("crossbar", {"terminals": 16}, 0, 0.0, 0),
        ("fully_connected", {"routers": 8}, 56, 7 / 8, 1),
        ("fat_tree", {"arity": 4, "levels": 2}, 32, 1.5, 2),
        ("tree", {"arity": 2, "levels": 3}, 12, (2 * 2 + 4 * 4) / 8, 4),
        ("flattened_butterfly", {"dims": (4, 4)}, 96, 1.5, 2),
        ("dragonfly", {"routers_per_group": 4, "global_links": 2}, 36 * 3 + 72, None, 3),
    ],
)
def test_link_counts_and_distances_are_those_of_the_literature(
    name: str, keys: dict[str, object], links: int, mean_hops: float | None, most_hops: int
) -> None:
    routes = fabric(name, **keys)

    assert len(routes.links) == links
    assert max(hops(routes)) == most_hops
    if mean_hops is not None:
        assert np.mean(hops(routes)) == pytest.approx(mean_hops)


def test_both_ways_around_an_even_ring_are_taken_by_different_route_sets() -> None:
    routes = fabric("ring", routers=6)
    assert routes.path(0, 3, 0)[0] != routes.path(0, 3, 1)[0]
    assert routes.path(0, 2, 0) == routes.path(0, 2, 1)


def test_up_down_never_turns_up_after_down() -> None:
    """Breadth first from router 0 the ranks are 0, 1, 2, 3, 4 here, so up means a lower number."""
    edges = [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (4, 1)]
    routes = fabric("custom", routers=5, edges=edges, homes=[0, 1, 2, 3, 4], routing="up_down")
    ranks = [0, 1, 2, 3, 4]
    assert routes.path(2, 4) != []
    for one in range(5):
        for other in range(5):
            path = [link for link, _ in routes.path(one, other)]
            goes_up = [ranks[routes.links.target[link]] < ranks[routes.links.source[link]] for link in path]
            assert goes_up == sorted(goes_up, reverse=True)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"routers": 2, "edges": [(0, 5)], "homes": [0]}, r"no such router; found \[0, 5\]"),
        ({"routers": 2, "edges": [(0, 1)], "homes": [0, 7]}, "terminal 1 on router 7"),
        ({"routers": 2, "edges": [(1, 1)], "homes": [0]}, "two different routers"),
        ({"routers": 2, "edges": [(0, 1, -3)], "homes": [0, 1]}, r"latency of an edge; found \[0, 1, -3\]"),
        ({"routers": -1, "edges": [], "homes": [0]}, "routers"),
    ],
)
def test_impossible_edges_are_refused(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        topologies.get("custom").Spec.model_validate(keys)


@pytest.mark.parametrize(
    ("pattern", "source", "destination"),
    [
        ("transpose", 6, 9),
        ("bitcomp", 5, 10),
        ("bitrev", 1, 8),
        ("shuffle", 9, 3),
        ("neighbor", 3, 4),
        ("tornado", 15, 0),
    ],
)
def test_patterns_send_where_they_say(pattern: str, source: int, destination: int) -> None:
    chosen = Pattern(pattern, (4, 4))
    assert chosen.destination(source) == destination
    everyone = chosen.draw(np.arange(16), np.random.default_rng(0))
    assert sorted(everyone.tolist()) == list(range(16))


def test_bad_patterns_are_refused() -> None:
    with pytest.raises(InputError, match="'tornado'"):
        Pattern("tornadoo", (4, 4))
    with pytest.raises(InputError, match="terminals 0 to 15"):
        Pattern("hotspot({16})", (4, 4))
    with pytest.raises(InputError, match="power of two"):
        Pattern("bitcomp", (3, 3))


def test_offered_load_is_what_was_asked_for() -> None:
    packets = bernoulli(Pattern("uniform", (4, 4)), 5, 0.4, 100, 20_100, 3, np.random.default_rng(1))
    assert packets.flits.sum() / 20_000 / 16 == pytest.approx(0.4, rel=0.02)
    assert packets.created.min() >= 100
    assert packets.created.max() < 20_100
    assert set(packets.variant.tolist()) == {0, 1, 2}
    assert np.bincount(packets.destination, minlength=16).min() > 0


def test_a_batch_is_equal_at_every_source() -> None:
    packets = batch(Pattern("hotspot({5})", (4, 4)), 5, 7, 1, np.random.default_rng(1))
    assert np.bincount(packets.source).tolist() == [7] * 16
    assert set(packets.destination.tolist()) == {5}
