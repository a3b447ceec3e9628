"""Small fabrics behind the engine interface, one of each topology that behaves differently."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import HealthCheck, settings

from sim.hardware.noc.fabric_engine import FabricEngine, engine_of
from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.fabric_topology import topologies
from sim.hardware.noc.flit_network import FlitNetwork
from sim.hardware.noc.message_engine import MessageEngine
from sim.hardware.noc.packet_list import packets_of
from sim.hardware.noc.routes import Routes
from sim.hardware.noc.routing import freeze

HZ = Fraction(1_000_000_000)
PACKET, FLIT_BYTES = 8, 16
QUICK = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
MACHINES = {
    "mesh": {"dims": (3, 3)}, "torus": {"dims": (3, 3)}, "ring": {"routers": 6}, "crossbar": {"terminals": 6},
}  # fmt: skip

Row = tuple[int, tuple[int, ...], int, int]
"""A packet: source, destinations, flits, cycle of creation."""


def fabric(name: str) -> Routes:
    """The frozen routes of one of the machines, or of another topology's example."""
    topology = topologies.get(name)
    return freeze(topology(topology.Spec.model_validate(MACHINES.get(name, topology.example))))


def engine(name: str, train_flits: int = 0, router: RouterSpec | None = None) -> MessageEngine:
    """A fresh engine of the packet model."""
    made = engine_of("packet", fabric(name), router or RouterSpec(), HZ, FLIT_BYTES, PACKET, train_flits)
    assert isinstance(made, MessageEngine)
    return made


def engine_by(model: str, name: str, router: RouterSpec | None = None) -> FabricEngine | MessageEngine:
    """A fresh engine of either model, packet by packet."""
    return engine_of(model, fabric(name), router or RouterSpec(), HZ, FLIT_BYTES, PACKET)


def finish(one: FabricEngine | MessageEngine) -> dict[object, int]:
    """Run it to the end: token -> picoseconds."""
    done: dict[object, int] = {}
    while (due := one.next_event_ps()) is not None:
        done |= dict.fromkeys(one.advance(due), due)
    return done


def send(network: FlitNetwork, rows: list[Row]) -> list[int]:
    """Submit ``rows``, counted from now on, and run until all have arrived: cycles that each took, by creation."""
    start = network.now
    network.forget()
    network.submit(packets_of([(source, network.way(source, to), flits, start + at) for source, to, flits, at in rows]))
    network.run(start + 1_000_000, len(rows))
    return [int(cycle) - start for cycle in network.done()]
