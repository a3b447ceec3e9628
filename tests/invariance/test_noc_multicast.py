"""A multicast takes each link of its tree once, reaches every terminal, and stays in time with messages to one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_fabrics import MACHINES, PACKET, QUICK, engine_by, finish

from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.routes import Routes

MODELS = ("flit", "packet")


def tree(routes: Routes, source: int, destinations: tuple[int, ...]) -> set[tuple[int, int]]:
    """(link, class): around a ring, routes that cross the dateline and routes that do not use different channels."""
    return {step for destination in destinations for step in routes.path(source, destination)}


ends = st.integers(0, 5)
messages = st.lists(
    st.tuples(ends, st.lists(ends, min_size=1, max_size=6, unique=True).map(tuple), st.integers(1, 900)),
    min_size=1, max_size=25,
)  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", sorted(MACHINES))
@QUICK
@given(sent=messages, buffer_flits=st.integers(1, 9))
def test_each_link_of_the_tree_carries_the_message_once(
    model: str, name: str, sent: list[tuple[int, tuple[int, ...], int]], buffer_flits: int
) -> None:
    one = engine_by(model, name, RouterSpec(buffer_flits=buffer_flits))
    if one.routes.variants > 1:
        sent = [(source, to, size) for source, to, size in sent if len(to) > 1] or [(0, (1, 2), 5)]
    for number, (source, to, size) in enumerate(sent):
        one.submit(0, (source, to), size, number)
    assert sorted(finish(one)) == list(range(len(sent)))  # type: ignore[type-var]
    expected = [0] * len(one.routes.links)
    for source, to, size in sent:
        for link, _ in tree(one.routes, source, to):
            expected[link] += -(-size // 16)
        assert one.links_of((source, to)) == len(tree(one.routes, source, to))
    assert one.settled().link_flits().tolist() == expected


@pytest.mark.parametrize("name", [*sorted(MACHINES), "tree", "fat_tree", "flattened_butterfly"])
@pytest.mark.parametrize("flits", [7, 100])
def test_alone_it_ends_with_the_last_of_the_messages_that_it_replaces_in_both_models(name: str, flits: int) -> None:
    def end(model: str, to: object) -> int:
        one = engine_by(model, name)
        one.submit(0, (0, to), flits * 16, "only")
        return finish(one)["only"]

    to = (1, 2, 4, 5)
    assert end("flit", to) == end("packet", to) == max(end("flit", destination) for destination in to)


@pytest.mark.parametrize("model", MODELS)
def test_a_branch_that_waits_holds_its_buffer_but_not_the_other_branches(model: str) -> None:
    """Terminal 2 is kept busy by others; the copy to terminal 1 goes on, and the message ends with the late copy."""
    one = engine_by(model, "mesh", RouterSpec(virtual_channels=1, buffer_flits=PACKET))
    one.submit(0, (5, 2), 16 * 400, "rival")
    one.submit(0, (0, (1, 2)), 16 * PACKET, "tree")
    done = finish(one)
    assert done["tree"] > 20_000
    other = engine_by(model, "mesh")
    other.submit(0, (0, (1, 2)), 16 * PACKET, "tree")
    assert done["tree"] > finish(other)["tree"]


@pytest.mark.parametrize("model", MODELS)
@QUICK
@given(sent=messages, polls=st.lists(st.integers(0, 200_000), max_size=8))
def test_completions_are_the_same_whenever_anyone_looks(
    model: str, sent: list[tuple[int, tuple[int, ...], int]], polls: list[int]
) -> None:
    """Messages enter 5 cycles apart; an engine that runs ahead must come back to where it was."""

    def drive(looks: list[int]) -> dict[object, int]:
        one = engine_by(model, "mesh")
        done: dict[object, int] = {}
        moments = [(at, -1) for at in looks] + [(5_000 * number, number) for number in range(len(sent))]
        for now, number in sorted(moments):
            while (due := one.next_event_ps()) is not None and due <= now:
                done |= dict.fromkeys(one.advance(due), due)
            if number >= 0:
                source, to, size = sent[number]
                one.submit(now, (source, to), size, number)
        return done | finish(one)

    assert drive(polls) == drive([])
