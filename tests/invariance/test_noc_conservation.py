"""What no network may break: everything arrives, once, in order, over its route; and time can be cut anywhere."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_fabrics import fabric, graphs

from sim.core.errors import InconsistencyError, InputError
from sim.hardware.noc import _flit_layout
from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.flit_network import FlitNetwork
from sim.hardware.noc.packet_list import Packets, packets_of
from sim.hardware.noc.packet_network import PacketNetwork
from sim.hardware.noc.routes import PORT_MASK, Routes

MODELS = (FlitNetwork, PacketNetwork)
QUICK = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def cases(draw: st.DrawFn) -> tuple[Routes, RouterSpec, Packets]:
    routes = draw(graphs())
    spec = RouterSpec(
        virtual_channels=draw(st.integers(routes.classes, 4)), buffer_flits=draw(st.integers(1, 6)),
        routing_delay=draw(st.integers(0, 2)), switch_allocation_delay=draw(st.integers(1, 2)),
        switch_traversal_delay=draw(st.integers(1, 2)), credit_delay=draw(st.integers(0, 4)),
        speculative=draw(st.booleans()), injection_latency=draw(st.integers(1, 2)),
    )  # fmt: skip
    ends = st.integers(0, routes.terminals - 1)
    rows = draw(st.lists(st.tuples(ends, ends, st.integers(1, 12), st.integers(0, 60)), min_size=1, max_size=50))
    seed = draw(st.integers(0, 99))
    return routes, spec, packets_of(rows, np.random.default_rng(seed).integers(0, routes.variants, len(rows)))


def run(model: type, case: tuple[Routes, RouterSpec, Packets]) -> FlitNetwork | PacketNetwork:
    routes, spec, packets = case
    network = model(routes, spec)
    network.submit(packets)
    network.run(1_000_000, len(packets))
    return network


@pytest.mark.parametrize("model", MODELS)
@QUICK
@given(case=cases())
def test_every_packet_arrives_once_and_links_carry_flits_times_hops(
    model: type, case: tuple[Routes, RouterSpec, Packets]
) -> None:
    routes, _, packets = case
    network = run(model, case)

    assert sorted(network.order()) == list(range(len(packets)))
    expected = np.zeros(len(routes.links), dtype=np.int64)
    for source, destination, flits, variant in zip(
        packets.source, packets.destination, packets.flits, packets.variant, strict=True
    ):
        for link, _ in routes.path(int(source), int(destination), int(variant)):
            expected[link] += flits
    assert network.link_flits().tolist() == expected.tolist()
    received = np.bincount(packets.destination, weights=packets.flits, minlength=routes.terminals)
    assert network.ejected_flits().tolist() == received.tolist()
    if isinstance(network, FlitNetwork):
        sent = np.bincount(packets.source, weights=packets.flits, minlength=routes.terminals)
        assert network.injected_flits().tolist() == sent.tolist()
        assert network.in_flight == 0


@pytest.mark.parametrize("model", MODELS)
@QUICK
@given(case=cases())
def test_no_packet_beats_an_idle_network(model: type, case: tuple[Routes, RouterSpec, Packets]) -> None:
    routes, spec, packets = case
    done = run(model, case).done()
    for at in range(len(packets)):
        path = routes.path(int(packets.source[at]), int(packets.destination[at]), int(packets.variant[at]))
        least = sum(int(routes.links.latency[link]) for link, _ in path) + (len(path) + 1) * spec.router_cycles
        least += 2 * spec.injection_latency + 1 + int(packets.flits[at]) - 1
        assert done[at] - packets.created[at] >= least


@pytest.mark.parametrize("model", MODELS)
@QUICK
@given(case=cases())
def test_packets_of_one_pair_and_route_do_not_overtake_in_a_single_channel(
    model: type, case: tuple[Routes, RouterSpec, Packets]
) -> None:
    routes, spec, packets = case
    assume(model is PacketNetwork or routes.classes == 1)  # a flit's source may take any channel of several
    single = spec.model_copy(update={"virtual_channels": routes.classes})
    done = run(model, (routes, single, packets)).done()
    last: dict[tuple[int, int, int], int] = {}
    for at in range(len(packets)):
        key = (int(packets.source[at]), int(packets.destination[at]), int(packets.variant[at]))
        assert done[at] > last.get(key, -1)
        last[key] = int(done[at])


@QUICK
@given(case=cases())
def test_a_virtual_channel_holds_packets_whole_one_behind_the_other(case: tuple[Routes, RouterSpec, Packets]) -> None:
    """Any number of channels and classes: nothing comes between the flits of a packet, and its tail is the last of them."""
    routes, spec, packets = case
    network = FlitNetwork(routes, spec)
    network.submit(packets)
    while network.finished < len(packets):
        network.run(network.now + 1)
        inputs = network._state.inputs
        for row in inputs[inputs[:, _flit_layout.COUNT] > 1].tolist():
            buffer = row[_flit_layout.FLITS :]
            places = [(row[_flit_layout.HEAD] + place) % spec.buffer_flits for place in range(row[_flit_layout.COUNT])]
            for first, second in pairwise(buffer[place] for place in places):
                assert (first >> 1 == second >> 1) != bool(first & 1)


@pytest.mark.parametrize("model", MODELS)
@QUICK
@given(case=cases(), cuts=st.lists(st.integers(1, 40), max_size=12))
def test_time_can_be_cut_anywhere_and_packets_submitted_when_they_are_created(
    model: type, case: tuple[Routes, RouterSpec, Packets], cuts: list[int]
) -> None:
    routes, spec, packets = case
    whole = run(model, case).done()
    network = model(routes, spec)
    given_so_far = 0
    for step in [*cuts, 1000]:
        until = network.now + step
        due = int(np.searchsorted(packets.created, until))
        columns = dataclasses.astuple(packets)
        network.submit(Packets(*(column[given_so_far:due] for column in columns)))
        given_so_far = due
        network.run(until)
    network.run(1_000_000, len(packets))

    assert network.done().tolist() == whole.tolist()


def test_rows_that_are_added_in_the_middle_of_a_cycle_change_nothing() -> None:
    """The first burst outgrows the pool of pieces; the second finds it large enough."""
    network = PacketNetwork(fabric("mesh", {"dims": (4, 4)}), RouterSpec())
    ends = []
    for start in (0, 100_000):
        network.run(start)
        network.forget()
        network.submit(packets_of([(source, 0, 8, start) for source in range(1, 16) for _ in range(20)]))
        network.run(start + 50_000)
        ends.append(network.done() - start)

    assert ends[0].tolist() == ends[1].tolist()
    assert ends[0].min() > 0


def ring_without_datelines() -> Routes:
    """A ring whose dateline classes are taken away behind the back of the check for deadlocks."""
    routes = fabric("ring", {"routers": 5})
    return dataclasses.replace(
        routes, classes=1, table=routes.table & PORT_MASK,
        links=dataclasses.replace(routes.links, ring=np.full_like(routes.links.ring, -1)),
    )  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
def test_starved_of_credits_a_circle_ends_in_a_deadlock_report(model: type) -> None:
    network = model(ring_without_datelines(), RouterSpec(virtual_channels=1, buffer_flits=1))
    network.submit(packets_of([(source, (source + 2) % 5, 8, 0) for source in range(5) for _ in range(4)]))

    with pytest.raises(InconsistencyError, match="deadlock") as found:
        network.run(1_000_000)
    if model is FlitNetwork:
        assert "waits for a free virtual channel on link" in found.value.diagnosis


@pytest.mark.parametrize("model", MODELS)
def test_with_datelines_the_same_traffic_arrives(model: type) -> None:
    network = model(fabric("ring", {"routers": 5}), RouterSpec(virtual_channels=2, buffer_flits=1))
    network.submit(packets_of([(source, (source + 2) % 5, 8, 0) for source in range(5) for _ in range(4)]))
    network.run(100_000, 20)

    assert network.finished == 20


def test_a_circle_of_dependencies_is_refused_and_shown() -> None:
    keys: dict[str, object] = {
        "routers": 5, "edges": [(at, (at + 1) % 5) for at in range(5)], "homes": list(range(5)),
    }  # fmt: skip
    with pytest.raises(InputError, match="circle") as refused:
        fabric("custom", keys)
    assert "0.0->1.0 (class 0) -> 1.1->2.0 (class 0)" in str(refused.value)
    fabric("custom", keys | {"routing": "up_down"})


def test_unconnected_terminals_are_named() -> None:
    with pytest.raises(InputError, match="terminal 1 cannot be reached from terminal 0"):
        fabric("custom", {"routers": 2, "edges": [], "homes": [0, 1]})
