"""What credits let a link carry: its buffers come back only after the way of a flit and of its credit.

A flit takes the link and is read from the buffer behind it ``head_delay`` + 1 cycles after it came, at the earliest; its
credit takes the link back and ``credit_delay`` more until the next flit may have it. Left out: a virtual channel is one
packet's until its tail has left, which costs short packets in few channels more.
"""

from __future__ import annotations

from sim.core.errors import Problems
from sim.hardware.noc.fabric_spec import RouterSpec
from sim.hardware.noc.flit_state import class_mask
from sim.hardware.noc.routes import Routes


def pool_flits(routes: Routes, spec: RouterSpec) -> int:
    """Flits that the virtual channels of a class hold together, in the class that has the fewest."""
    classes = range(routes.classes)
    pools = [class_mask(one, routes.classes, spec.virtual_channels).bit_count() for one in classes]
    return min(pools) * spec.buffer_flits


def credit_cycles(routes: Routes, spec: RouterSpec) -> int:
    """Cycles of a flit's and its credit's way over the longest link of the network."""
    flight = int(max(routes.links.latency.max(initial=1), spec.injection_latency)) + 1
    return 2 * flight + spec.switch_delay + spec.head_delay + 1 + spec.credit_delay


def credit_limit(routes: Routes, spec: RouterSpec) -> float:
    """Flits per cycle that credits let a class of channels carry over a link: 1 where buffers cover the way."""
    return min(1.0, pool_flits(routes, spec) / credit_cycles(routes, spec))


def check_trains(routes: Routes, spec: RouterSpec) -> None:
    """InputError when buffers do not cover a credit's way: trains would run faster than credits allow."""
    pool, cycles = pool_flits(routes, spec), credit_cycles(routes, spec)
    problems = Problems()
    if pool < cycles:
        message = "`train` needs buffers that cover the way of a flit and of its credit back"
        problems.add(message, found=f"{pool} flits in a class of virtual channels",
                     allowed=f"{cycles} or more")  # fmt: skip
    problems.raise_if_any()
