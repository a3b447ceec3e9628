"""Trains, several packets booked at once: exact alone, conserving in a crowd, and close to packet by packet."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_fabrics import FLIT_BYTES, MACHINES, PACKET, QUICK, engine, finish

from sim.core.errors import InputError
from sim.hardware.noc.fabric_spec import RouterSpec


def end_alone(name: str, train_flits: int, to: object, flits: int) -> int:
    one = engine(name, train_flits)
    one.submit(0, (0, to), flits * FLIT_BYTES, "only")
    return finish(one)["only"]


@pytest.mark.parametrize("name", sorted(MACHINES))
@pytest.mark.parametrize("flits", [5, 8, 9, 100, 256, 1000])
@pytest.mark.parametrize("to", [1, 5, (1, 2, 5)])
def test_alone_a_train_ends_with_its_packets(name: str, flits: int, to: object) -> None:
    assert end_alone(name, 256, to, flits) == end_alone(name, 0, to, flits)


ends = st.integers(0, 5)
messages = st.lists(
    st.tuples(ends, st.lists(ends, min_size=2, max_size=6, unique=True).map(tuple), st.integers(1, 9000)),
    min_size=1, max_size=25,
)  # fmt: skip


@pytest.mark.parametrize("name", sorted(MACHINES))
@QUICK
@given(sent=messages)
def test_every_message_arrives_and_loads_its_links_once(
    name: str, sent: list[tuple[int, tuple[int, ...], int]]
) -> None:
    by_packets, by_trains = engine(name, 0), engine(name, 200)
    for number, (source, to, size) in enumerate(sent):
        by_packets.submit(0, (source, to), size, number)
        by_trains.submit(0, (source, to), size, number)
    assert sorted(finish(by_packets)) == sorted(finish(by_trains)) == list(range(len(sent)))  # type: ignore[type-var]
    assert by_trains.settled().link_flits().tolist() == by_packets.settled().link_flits().tolist()


@pytest.mark.parametrize(("name", "bound"), [("mesh", 0.10), ("crossbar", 0.10)])
def test_a_crowd_takes_about_as_long_as_packet_by_packet(name: str, bound: float) -> None:
    rng = random.Random(7)
    sent = [(rng.randrange(6), rng.randrange(6), rng.randrange(20_000)) for _ in range(300)]
    last = {}
    for train in (0, 256):
        one = engine(name, train)
        for number, (source, to, size) in enumerate(sent):
            one.submit(0, (source, to), size, number)
        last[train] = max(finish(one).values())
    assert last[256] == pytest.approx(last[0], rel=bound)


def test_buffers_too_small_for_the_way_of_a_credit_are_refused() -> None:
    with pytest.raises(InputError, match="cover the way of a flit and of its credit"):
        engine("ring", 256, RouterSpec(virtual_channels=2, buffer_flits=4))


def test_a_tree_can_be_planted_when_every_row_has_been_used() -> None:
    """Rows given back count as room for pieces, but a tree's nodes stay and need rows that nobody has used."""
    one = engine("mesh", 0)
    one.submit(0, (0, 5), 300 * PACKET * FLIT_BYTES, "long")
    finish(one)
    for number in range(1, 6):
        one.submit(10**9, (number, tuple(to for to in range(6) if to != number)), 10, number)
    assert len(finish(one)) == 5
