"""A multicast takes each link of its tree once, reaches every terminal, and stays in time with messages to one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_fabrics import MACHINES, QUICK, engine, finish

from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.routes import Routes


def tree(routes: Routes, source: int, destinations: tuple[int, ...]) -> set[tuple[int, int]]:
    """(link, class): around a ring, routes that cross the dateline and routes that do not use different channels."""
    return {step for destination in destinations for step in routes.path(source, destination)}


ends = st.integers(0, 5)
messages = st.lists(
    st.tuples(ends, st.lists(ends, min_size=1, max_size=6, unique=True).map(tuple), st.integers(1, 900)),
    min_size=1, max_size=25,
)  # fmt: skip


@pytest.mark.parametrize("name", sorted(MACHINES))
@QUICK
@given(sent=messages, buffer_flits=st.integers(1, 9))
def test_each_link_of_the_tree_carries_the_message_once(
    name: str, sent: list[tuple[int, tuple[int, ...], int]], buffer_flits: int
) -> None:
    one = engine(name, router=RouterSpec(buffer_flits=buffer_flits))
    if one.routes.variants > 1:
        sent = [(source, to, size) for source, to, size in sent if len(to) > 1] or [(0, (1, 2), 5)]
    for number, (source, to, size) in enumerate(sent):
        one.submit(0, (source, to), size, number)
    assert sorted(finish(one)) == list(range(len(sent)))
    expected = [0] * len(one.routes.links)
    for source, to, size in sent:
        for link, _ in tree(one.routes, source, to):
            expected[link] += -(-size // 16)
        assert one.links_of((source, to)) == len(tree(one.routes, source, to))
    assert one.settled().link_flits().tolist() == expected


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_alone_it_ends_with_the_last_of_the_messages_that_it_replaces(name: str) -> None:
    to = (1, 2, 4, 5)
    single = []
    for destination in to:
        one = engine(name)
        one.submit(0, (0, destination), 100, "only")
        single.append(finish(one)["only"])
    one = engine(name)
    one.submit(0, (0, to), 100, "all")
    assert finish(one)["all"] == max(single)


def test_a_branch_that_waits_holds_its_buffer_but_not_the_other_branches() -> None:
    """Terminal 2 is kept busy by others; the copy to terminal 1 goes on, and the message ends with the late copy."""
    one = engine("mesh")
    one.submit(0, (5, 2), 16 * 400, "rival")
    one.submit(0, (0, (1, 2)), 16 * 8, "tree")
    done = finish(one)
    assert done["tree"] > 20_000
    other = engine("mesh")
    other.submit(0, (0, (1, 2)), 16 * 8, "tree")
    assert done["tree"] > finish(other)["tree"]
