"""Single effects of a fork in a router of the flit model, each seen alone: taking turns, back-pressure, what a circle is."""

from __future__ import annotations

import pytest
from random_fabrics import fabric
from small_fabrics import Row, engine_by, finish, send

from sim.core.errors import InconsistencyError
from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.flit_network import FlitNetwork
from sim.hardware.noc.packet_list import packets_of


def test_a_blocked_branch_stops_the_others_when_the_buffer_is_full_and_not_before() -> None:
    """Terminal 3 sends 100 flits to terminal 2 through its only channel; terminal 0 has three packets for 1 and 2."""
    network = FlitNetwork(fabric("crossbar", {"terminals": 4}), RouterSpec(virtual_channels=1, buffer_flits=4))
    rows: list[Row] = [(3, (2,), 100, 0), *[(0, (1, 2), 4, 10)] * 3]
    network.submit(packets_of([(source, network.way(source, to), flits, at) for source, to, flits, at in rows]))
    seen = []
    for cycle in (20, 60, 90):
        network.run(cycle)
        seen.append((int(network.ejected_flits()[1]), int(network.injected_flits()[0])))
    assert seen == [(4, 4), (4, 4), (4, 4)]  # the first packet's copy is through, the second finds no room
    network.run(1000, len(rows))
    assert network.ejected_flits().tolist() == [0, 12, 112, 0]
    assert network.done().min() > 90


def test_two_classes_of_one_link_take_turns_and_the_second_then_asks_for_its_channel() -> None:
    """From terminal 1 of a ring of six, 0 and 5 are reached over one link in two classes. The copy for 0 goes second and
    ends 8 flits later than alone; in the flit model a cycle more, in which it is granted its channel."""

    def end(model: str, to: object) -> int:
        one = engine_by(model, "ring")
        one.submit(0, (1, to), 8 * 16, "only")
        return finish(one)["only"] // 1000

    assert end("flit", 0) == end("packet", 0) == 17
    assert (end("packet", (0, 5)), end("flit", (0, 5))) == (17 + 8, 17 + 8 + 1)
    assert end("packet", (2, 3, 4)) == end("flit", (2, 3, 4)) == end("flit", 4)  # these share all they can


def test_branches_that_came_apart_meet_again() -> None:
    """A rival takes every other cycle of output 2 for 10 flits; the branch to 1 runs ahead. Then the one behind is read
    first, and from where they meet both take each flit at once: output 2 is never idle."""
    network = FlitNetwork(fabric("crossbar", {"terminals": 4}), RouterSpec(buffer_flits=40))
    rows: list[Row] = [(3, (2,), 10, 0), (0, (1, 2), 40, 0)]
    assert max(send(network, rows)) == 6 + 10 + 40 - 1


@pytest.mark.parametrize(("flits", "stuck"), [(4, False), (5, True)])
def test_a_packet_longer_than_a_buffer_deadlocks_and_the_report_names_the_branches(flits: int, stuck: bool) -> None:
    """Terminal 0 gets the free output 4 and waits for output 3; when that is free, terminal 2 has it first and wants 4."""
    network = FlitNetwork(fabric("crossbar", {"terminals": 5}), RouterSpec(virtual_channels=1, buffer_flits=4))
    rows: list[Row] = [(1, (3,), 40, 0), (0, (3, 4), flits, 5), (2, (3, 4), flits, 6)]
    if not stuck:
        assert max(send(network, rows)) < 100
        return
    with pytest.raises(InconsistencyError, match="deadlock") as found:
        send(network, rows)
    for port, wanted, held in ((0, 3, 4), (2, 4, 3)):
        who = f"({port} to 2 terminals) in router 0 port {port} channel 0 waits for"
        assert f"{who} a free virtual channel on the terminal at port {wanted}" in found.value.diagnosis
        assert f"{who} its own rest, for channel 0 on the terminal at port {held}" in found.value.diagnosis
