"""Single effects of the flit model's router, each seen alone: arbitration, interleaving, back-pressure, credits."""

from __future__ import annotations

import numpy as np
import pytest

from sim.core.errors import InputError
from sim.hardware.noc.credit_limit import credit_limit
from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.fabric_topology import topologies
from sim.hardware.noc.flit_network import FlitNetwork
from sim.hardware.noc.packet_list import Packets, packets_of
from sim.hardware.noc.packet_network import TRUSTED_LOAD, PacketNetwork
from sim.hardware.noc.routes import Routes
from sim.hardware.noc.routing import freeze

MODELS = (FlitNetwork, PacketNetwork)


def fabric(name: str, **keys: object) -> Routes:
    topology = topologies.get(name)
    return freeze(topology(topology.Spec.model_validate(keys)))


def arrivals(network: FlitNetwork | PacketNetwork, rows: list[tuple[int, int, int, int]]) -> list[int]:
    network.submit(packets_of(rows))
    network.run(100_000, len(rows))
    return [int(cycle) for cycle in network.done()]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("flits", [1, 4])
def test_two_sources_share_an_output_and_the_second_waits_its_turn(model: type, flits: int) -> None:
    """Zero load is 6 + flits - 1; together the output is busy for 2 * flits cycles."""
    done = arrivals(model(fabric("crossbar", terminals=3), RouterSpec()), [(0, 2, flits, 0), (1, 2, flits, 0)])

    assert max(done) == 6 + 2 * flits - 1


def test_packets_interleave_on_a_link_flit_by_flit() -> None:
    done = arrivals(FlitNetwork(fabric("crossbar", terminals=3), RouterSpec()), [(0, 2, 8, 0), (1, 2, 8, 0)])

    assert sorted(done) == [6 + 14, 6 + 15]


def test_with_one_channel_a_packet_keeps_the_link_to_its_tail() -> None:
    """The other head gets the channel when the tail has left, two stages after its request could be granted."""
    done = arrivals(
        FlitNetwork(fabric("crossbar", terminals=3), RouterSpec(virtual_channels=1, buffer_flits=16)),
        [(0, 2, 8, 0), (1, 2, 8, 0)],
    )

    assert sorted(done) == [6 + 7, 6 + 7 + 9]


@pytest.mark.parametrize("sources", [2, 3, 4])
def test_an_output_serves_persistent_inputs_in_turn(sources: int) -> None:
    """Equal packets that share an output all the way end within a turn of each other, and leave it no idle cycle. (One
    turn more at the start: the pointers of all output channels stand at input 0, so heads get a channel one by one.)"""
    rows = [(source, sources, 60, 0) for source in range(sources)]
    done = arrivals(FlitNetwork(fabric("crossbar", terminals=sources + 1), RouterSpec()), rows)

    assert max(done) == 6 + 60 * sources - 1
    assert min(done) > max(done) - 2 * sources


@pytest.mark.parametrize("model", MODELS)
def test_a_blocked_packet_blocks_the_one_behind_it(model: type) -> None:
    """Head-of-line blocking: terminal 0's second packet goes elsewhere but waits behind the first, in one small buffer."""
    routes = fabric("mesh", dims=(4,))
    small = RouterSpec(virtual_channels=1, buffer_flits=2)
    crowd = [(2, 3, 60, 0)]
    mine = [(0, 3, 30, 1), (0, 1, 1, 2)]
    alone = arrivals(model(routes, small), mine)
    crowded = arrivals(model(routes, small), crowd + mine)

    assert crowded[2] > alone[1] + 20


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("credit_delay", [0, 2, 9])
def test_a_stream_is_limited_by_the_credit_loop(model: type, credit_delay: int) -> None:
    """One packet of 64 flits over two links: a buffer of flits per round trip of 5 + credit_delay cycles."""
    spec = RouterSpec(buffer_flits=4, credit_delay=credit_delay)
    done = arrivals(model(fabric("mesh", dims=(3,)), spec), [(0, 2, 64, 0)])

    assert done == [6 + 2 * 4 + 15 * max(5 + credit_delay, 4) + 3]


@pytest.mark.parametrize("model", MODELS)
def test_a_longer_link_adds_its_cycles_and_lengthens_the_credit_loop(model: type) -> None:
    routes = fabric("custom", routers=2, edges=[(0, 1, 6)], homes=[0, 1])

    assert arrivals(model(routes, RouterSpec()), [(0, 1, 1, 0)]) == [6 + 4 + 5]
    slow = arrivals(model(routes, RouterSpec(buffer_flits=4)), [(0, 1, 64, 0)])
    assert slow[0] >= 15 + 15 * (1 + 2 * 6 + 2 + 2)


@pytest.mark.parametrize("model", MODELS)
def test_fewer_channels_than_classes_are_refused(model: type) -> None:
    with pytest.raises(InputError, match="fewer virtual channels"):
        model(fabric("ring", routers=4), RouterSpec(virtual_channels=1))


def test_a_router_too_wide_for_the_flit_model_is_refused() -> None:
    with pytest.raises(InputError, match="too many ports"):
        FlitNetwork(fabric("crossbar", terminals=63), RouterSpec())


def test_an_overloaded_link_is_named_in_a_warning_and_an_idle_one_is_not() -> None:
    network = PacketNetwork(fabric("mesh", dims=(3,)), RouterSpec())
    network.submit(packets_of([(source, 1, 4, 10 * i) for i in range(100) for source in (0, 2)]))
    network.run(1200)

    (warning,) = network.warnings(1000)
    assert "port into terminal 1 (0.80)" in warning
    assert (
        "link" not in warning.partition("beyond it are ")[2].partition(";")[0]
    )  # each carries one stream: nothing waits
    assert "model: flit" in warning
    assert network.warnings(4000) == []


def test_a_stream_that_waits_for_nobody_is_exact_and_brings_no_warning() -> None:
    network = PacketNetwork(fabric("mesh", dims=(3,)), RouterSpec())
    network.submit(packets_of([(0, 1, 4, 10 * i) for i in range(100)]))
    network.run(1200)
    assert network.link_flits().max() == 400
    assert network.warnings(1000) == []


@pytest.mark.parametrize(("channels", "buffer"), [(1, 1), (2, 1), (2, 2), (1, 4), (2, 4)])
def test_the_load_up_to_which_the_packet_model_is_trusted_is_half_of_what_the_flit_model_saturates_at(
    channels: int, buffer: int
) -> None:
    """Uniform traffic of single flits far beyond saturation on a 4x4 mesh, whose busiest link carries what is accepted."""
    routes, spec = fabric("mesh", dims=(4, 4)), RouterSpec(virtual_channels=channels, buffer_flits=buffer)
    cycles, generator = 2000, np.random.default_rng(1)
    source, created = np.nonzero(generator.random((16, cycles)) < 0.9)
    destination = (source + generator.integers(1, 16, len(source))) % 16
    order = np.argsort(created, kind="stable")
    flits = np.ones(len(source), dtype=np.int64)
    network = FlitNetwork(routes, spec)
    network.submit(Packets(source[order], destination[order], flits, created[order], flits * 0))
    network.run(cycles)
    accepted = network.ejected_flits().sum() / 16 / cycles
    trusted = TRUSTED_LOAD * credit_limit(routes, spec)
    assert trusted == pytest.approx(accepted / 2, rel=0.2)
