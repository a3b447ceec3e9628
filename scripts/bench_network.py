"""Speed of the network models: simulated cycles and packets per second of CPU time, beside BookSim2's rate.

Uniform Bernoulli traffic on a mesh with the router of ``noc_curves`` (8 virtual channels of 8 flits); drawing the traffic
counts. BookSim2 (commit 28f43299) simulated 9,000-18,000 cycles per second of such a 4x4 mesh and 900-1,800 of an 8x8 one
on a machine of the same class; the ratio is shown against the upper end at the lowest load and against both ends.
"""

from __future__ import annotations

import time

import numpy as np

from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.routing import freeze
from sim.hardware.noc.topologies.mesh import Mesh, MeshSpec
from sim.hardware.noc.traffic import Pattern, bernoulli
from sim.hardware.noc.traffic_measure import MODELS

BOOKSIM_CYCLES_PER_S = {4: (9_000, 18_000), 8: (900, 1_800)}
RATES = (0.05, 0.2, 0.4)
"""Flits per cycle and terminal: nearly idle, a third and two thirds of saturation on the 4x4 mesh."""
CYCLES = {"flit": 8_000, "packet": 64_000}
AT_ONCE = 1 << 10
"""Cycles of traffic drawn at once: few enough that it stays in a cache."""
TARGETS = {"flit": 15, "packet": 100}


def bench_network() -> None:
    """Print one row per model, mesh, packet size and rate."""
    for model in CYCLES:
        for side in BOOKSIM_CYCLES_PER_S:
            for flits in (1, 5):
                for rate in RATES:
                    _row(model, side, flits, rate)


def _row(model: str, side: int, flits: int, rate: float) -> None:
    cycles, packets, hops = max(_measured(model, side, flits, rate) for _ in range(3))
    low, high = (cycles / one for one in reversed(BOOKSIM_CYCLES_PER_S[side]))
    print(f"{model}, mesh {side}x{side}, {flits} flit(s), {rate:.2f}: {cycles:12,.0f} cycles/s, {packets / 1e6:6.2f} M "
          f"packets/s, {1e9 / hops:5.0f} ns per packet and link; BookSim2 x {low:5.0f} to {high:5.0f} "
          f"(target {TARGETS[model]})", flush=True)  # fmt: skip


def _measured(model: str, side: int, flits: int, rate: float) -> tuple[float, float, float]:
    """Cycles, packets, and links taken by packets, per second of CPU time."""
    routes = freeze(Mesh(MeshSpec(dims=(side, side))))
    network = MODELS[model](routes, RouterSpec(virtual_channels=8, buffer_flits=8))
    random, pattern = np.random.default_rng(0), Pattern("uniform", (side, side))
    count = CYCLES[model] if side == 4 else CYCLES[model] // 4
    start = time.process_time()
    while network.now < count:
        end = min(count, network.now + AT_ONCE)
        network.submit(bernoulli(pattern, flits, rate, network.now, end, routes.variants, random))
        network.run(end)
    taken = time.process_time() - start
    links = int(network.link_flits().sum()) // flits + network.submitted
    return count / taken, network.submitted / taken, links / taken
