"""Measurements of a fabric under synthetic traffic: latency and throughput at a rate, completion of a batch.

Latency counts from the creation of a packet to the arrival of its tail, so waiting at the source is included. Only packets
created inside the measured window count, and the run goes on, under load, until all of them have arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.flit_network import FlitNetwork
from sim.hardware.noc.packet_list import packets_of
from sim.hardware.noc.packet_network import PacketNetwork
from sim.hardware.noc.routes import Ints, Routes
from sim.hardware.noc.traffic import Pattern, batch, bernoulli

Network = FlitNetwork | PacketNetwork
Model = Callable[[Routes, RouterSpec], Network]
MODELS: dict[str, Model] = {"flit": FlitNetwork, "packet": PacketNetwork}
DRAIN_WINDOWS = 2
"""A network that has not delivered the measured packets after so many more windows counts as saturated."""
MOST_CYCLES_AT_ONCE = 1 << 14
CYCLES_BETWEEN_LOOKS = 500


@dataclass(frozen=True)
class Load:
    """What is offered: ``flits`` per packet at ``rate`` flits per cycle and source, ``warmup`` cycles before ``window``."""

    pattern: Pattern
    flits: int
    rate: float
    warmup: int
    window: int


@dataclass(frozen=True)
class LoadPoint:
    """One point of a latency-load curve. ``latency`` in cycles, mean; None when the network is saturated.

    ``accepted`` and ``offered`` in flits per cycle and terminal, over the window. ``waits`` are the
    latencies of the measured packets that arrived, ``link_load`` the flits per cycle on each link over the window,
    ``out_load`` and ``in_load`` those out of and into each terminal, ``warnings`` the model's own."""

    latency: float | None
    accepted: float
    offered: float
    waits: Ints
    link_load: npt.NDArray[np.float64]
    out_load: npt.NDArray[np.float64]
    in_load: npt.NDArray[np.float64]
    warnings: tuple[str, ...]


def latency_at(
    model: str, routes: Routes, spec: RouterSpec, load: Load, seed: int, called: Mapping[int, str] | None = None
) -> LoadPoint:
    """Run ``load`` on a network that starts empty. ``called``: what warnings call terminals."""
    random = np.random.default_rng(seed)
    network = MODELS[model](routes, spec)
    start, end = load.warmup, load.warmup + load.window
    created: list[Ints] = []

    def advance(until: int) -> None:
        while network.now < until:
            step = min(until, network.now + MOST_CYCLES_AT_ONCE)
            packets = bernoulli(load.pattern, load.flits, load.rate, network.now, step, routes.variants, random)
            created.append(packets.created)
            network.submit(packets)
            network.run(step)

    advance(start)
    first, before = network.submitted, _flits(network)
    advance(end)
    last, during = network.submitted, [now - then for now, then in zip(_flits(network), before, strict=True)]
    accepted = int(during[-1].sum())
    warnings = network.warnings(network.now, called) if isinstance(network, PacketNetwork) else []
    while (network.done()[first:last] < 0).any() and network.now < end + DRAIN_WINDOWS * load.window:
        advance(network.now + min(load.window, CYCLES_BETWEEN_LOOKS))
    done = network.done()[first:last]
    arrived = done >= 0
    waits = (done - np.concatenate(created)[first:last])[arrived]
    latency = float(waits.mean()) if len(waits) and arrived.all() else None
    slots = load.window * routes.terminals
    offered = (last - first) * load.flits / slots
    on_links, out_of, into = (one / load.window for one in during)
    return LoadPoint(latency, accepted / slots, offered, waits, on_links, out_of, into, tuple(warnings))


def _flits(network: Network) -> tuple[Ints, Ints, Ints]:
    """Flits so far over each link, out of each terminal and into each."""
    return network.link_flits().copy(), network.injected_flits(), network.ejected_flits()


def batch_cycles(
    model: str, routes: Routes, spec: RouterSpec, pattern: Pattern, flits: int, packets_per_source: int, seed: int
) -> int:
    """Cycles from the start of a batch at every source to the end of the cycle in which the last flit arrives."""
    packets = batch(pattern, flits, packets_per_source, routes.variants, np.random.default_rng(seed))
    network = MODELS[model](routes, spec)
    network.submit(packets)
    while network.finished < len(packets):
        network.run(network.now + len(packets) * flits, len(packets))
    return int(network.done().max()) + 1


def idle_latency(model: str, routes: Routes, spec: RouterSpec, source: int, destination: int, flits: int) -> int:
    """Cycles from creation to the arrival of the tail of a packet alone in the network."""
    network = MODELS[model](routes, spec)
    network.submit(packets_of([(source, destination, flits, 0)]))
    while network.finished == 0:
        network.run(network.now + 1024, 1)
    return int(network.done()[0])
