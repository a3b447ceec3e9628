"""The fabric behind the engine interface: completions are those of the network, whatever arrives in between."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.core.errors import InputError
from sim.hardware.noc.fabric_engine import FAR_CYCLES, FabricEngine, engine_of
from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.fabric_topology import topologies
from sim.hardware.noc.message_engine import MessageEngine
from sim.hardware.noc.message_network import MessageNetwork
from sim.hardware.noc.packet_list import packets_of
from sim.hardware.noc.routes import Routes
from sim.hardware.noc.routing import freeze
from sim.hardware.noc.traffic_measure import MODELS

HZ = Fraction(1_000_000_000)
PS = 1000
QUICK = settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def mesh() -> Routes:
    topology = topologies.get("mesh")
    return freeze(topology(topology.Spec.model_validate({"dims": (3, 2)})))


def drive(
    engine: FabricEngine | MessageEngine, messages: list[tuple[int, int, int, int]], polls: list[int]
) -> dict[int, int]:
    """Submit (cycle, source, destination, bytes) at their times; look at other times too. Returns completion times."""
    done: dict[int, int] = {}
    moments = sorted(
        {(cycle * PS, 1, number) for number, (cycle, *_) in enumerate(messages)} | {(at, 0, 0) for at in polls}
    )
    for now, kind, number in moments:
        while (due := engine.next_event_ps()) is not None and due <= now:
            done |= dict.fromkeys(engine.advance(due), due)
        assert engine.advance(now) == []
        if kind == 1:
            _, source, destination, size = messages[number]
            engine.submit(now, (source, destination), size, number)
    while (due := engine.next_event_ps()) is not None:
        done |= dict.fromkeys(engine.advance(due), due)
    return done


ends = st.integers(0, 5)
message_lists = st.lists(st.tuples(st.integers(0, 80), ends, ends, st.integers(0, 700)), min_size=1, max_size=20)


@pytest.mark.parametrize("model", MODELS)
@QUICK
@given(messages=message_lists, polls=st.lists(st.integers(0, 200_000), max_size=10))
def test_completions_are_those_of_the_network_whenever_anyone_looks(
    model: str, messages: list[tuple[int, int, int, int]], polls: list[int]
) -> None:
    messages = sorted(messages)
    engine = engine_of(model, mesh(), RouterSpec(), HZ, flit_bytes=16, packet_flits=5)
    done = drive(engine, messages, polls)

    network = MODELS[model](mesh(), RouterSpec())
    rows, owner = [], []
    for number, (cycle, source, destination, size) in enumerate(messages):
        flits = max(1, -(-size // 16))
        for part in range(-(-flits // 5)):
            rows.append((source, destination, min(5, flits - 5 * part), cycle))
            owner.append(number)
    network.submit(packets_of(rows))
    network.run(1_000_000, len(rows))
    last = [0] * len(messages)
    for number, cycle in zip(owner, network.done().tolist(), strict=True):
        last[number] = max(last[number], cycle * PS)

    assert [done[number] for number in range(len(messages))] == last
    assert engine.active == 0
    assert engine.next_event_ps() is None


@pytest.mark.parametrize("model", MODELS)
def test_records_do_not_pile_up_when_the_fabric_falls_idle(model: str) -> None:
    engine = engine_of(model, mesh(), RouterSpec(), HZ, flit_bytes=16, packet_flits=8)
    for round_ in range(50):
        drive(engine, [(round_ * 10_000, 0, 5, 1024), (round_ * 10_000, 1, 5, 1024)], [])
    assert engine.network.submitted <= 32


def test_an_unknown_model_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match="packet"):
        engine_of("packets", mesh(), RouterSpec(), HZ, flit_bytes=16, packet_flits=8)


SMALL = RouterSpec(virtual_channels=1, buffer_flits=3, routing_delay=1, credit_delay=2)
TRAINS = RouterSpec(virtual_channels=2, buffer_flits=16)
targets = st.lists(ends, min_size=1, max_size=3, unique=True).map(tuple)
sendings = st.lists(st.tuples(st.integers(0, 300), ends, targets, st.integers(1, 80)), min_size=1, max_size=20)


def ends_of(
    router: RouterSpec, train: int, sent: list[tuple[int, int, tuple[int, ...], int]], how: str
) -> dict[int, int]:
    """When each message ends, seen at the bounds of the network, in every cycle, or looking ahead as far as all is quiet."""
    network, waiting = MessageNetwork(mesh(), router, 16, train), sorted(sent)
    done: dict[int, int] = {}
    while network.active or waiting:
        following = waiting[0][0] if waiting else FAR_CYCLES
        cycle = network.now + 1 if how == "step" else network.next_end()
        if network.active and cycle <= following:
            done |= dict.fromkeys(network.take(cycle, following if how == "ahead" else 0), cycle)
            continue
        for number in network.take(following) if network.active else []:
            done[number] = following
        _, source, to, flits = waiting.pop(0)
        network.send(following, network.way(source, to), flits)
    return done


@pytest.mark.parametrize(("router", "train"), [(SMALL, 0), (TRAINS, 0), (TRAINS, 40)])
@QUICK
@given(sent=sendings)
def test_no_message_ends_before_its_bound(
    router: RouterSpec, train: int, sent: list[tuple[int, int, tuple[int, ...], int]]
) -> None:
    seen = ends_of(router, train, sent, "step")
    assert ends_of(router, train, sent, "bounds") == seen
    assert ends_of(router, train, sent, "ahead") == seen
