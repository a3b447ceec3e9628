"""What can be wrong between the keys of a fabric that is a link: sizes, places on terminals, and the endpoints it joins.

``sound`` throughout: the values of the keys that are right by themselves (:meth:`sim.config.spec.FrozenSpec.faults`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sim.config.spec import Fault
from sim.core.errors import InputError
from sim.hardware.noc.credit_limit import check_trains
from sim.hardware.noc.fabric_keys import routes_of, sound_spec, sound_topology
from sim.hardware.noc.fabric_topology import topologies


def size_faults(sound: Mapping[str, Any]) -> Iterator[Fault]:
    """A link's width needs a clock; packets are no shorter than flits, and trains no shorter than packets."""
    if "clock" in sound and sound["clock"] is None:
        yield Fault((), "`width` needs a `clock`")
    width, packet, train = sound.get("width"), sound.get("packet"), sound.get("train")
    if width == 0:
        yield Fault(("width",), "`width` must be positive")
    if width is not None and packet is not None and packet < width:
        yield Fault(("packet",), "`packet` must be at least one flit, `width`", f"{packet} B", f"{width} B or more")
    if train and packet is not None and train < packet:
        message = "`train` must be 0 or at least one packet, `packet`"
        yield Fault(("train",), message, f"{train} B", f"0, or {packet} B or more")


def place_faults(sound: Mapping[str, Any]) -> Iterator[Fault]:
    """Terminals under ``place`` that the topology does not have, and those given twice."""
    topology = sound_topology(sound)
    taken: dict[int, str] = {}
    for name, terminal in sound.get("place", {}).items():
        if topology is not None and terminal >= len(topology.homes()):
            message = f"place: {name} sits on a terminal that is not there"
            yield Fault(("place", name), message, terminal, f"0 to {len(topology.homes()) - 1}")
        if terminal in taken:
            message = f"place: two endpoints on terminal {terminal}"
            yield Fault(("place", name), message, f"{taken[terminal]} and {name}")
        taken.setdefault(terminal, name)


def ends_faults(sound: Mapping[str, Any], endpoints: int) -> Iterator[Fault]:
    """Too few terminals for its endpoints, routes that do not connect or can deadlock, and trains beyond the buffers."""
    spec = sound_spec(sound)
    if spec is None:
        return
    name = sound["topology"]
    topology = topologies.get(name)(spec)
    terminals = len(topology.homes())
    if endpoints > terminals:
        found = f"{terminals} terminals, {endpoints} endpoints"
        yield Fault(("topology",), f"{name} has too few terminals for its endpoints", found)
    yield from _faults_of(topology.drawn_by, lambda: routes_of(name, spec))
    if sound.get("train") and "router" in sound:
        yield from _faults_of("train", lambda: check_trains(routes_of(name, spec), sound["router"]))


def _faults_of(key: str, check: Callable[[], object]) -> Iterator[Fault]:
    """The problems that ``check`` raises, as faults of ``key``."""
    try:
        check()
    except InputError as error:
        yield from (Fault((key,), one.message, one.found, one.allowed) for one in error.problems)
