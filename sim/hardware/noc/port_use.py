"""What passed each port of a link in a run, and which of its channels each operator loaded most.

A *channel* is whatever carries one byte after the other at the link's rate: a port of an endpoint in one direction, the
whole of a bus, a link between two routers of a fabric. The channel that carries most of an operator's bytes is the one
that bounds it; an average over channels bounds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

WHOLE = "all endpoints"
"""The only channel of a bus."""


@dataclass(frozen=True)
class PortUse:
    """A port of an endpoint. ``busy_ps``: time it carried data; ``waited_ps``: the sum over messages of the time that they
    waited for it or stood in it, None where that is not kept. Into an endpoint of a fabric it is that of packets."""

    name: str
    bytes: int
    busy_ps: int
    waited_ps: int | None


class Busiest(NamedTuple):
    """The channel that carried most, and how many bytes that were."""

    channel: str
    bytes: int


Carried = Mapping[str, Mapping[int, int]]
"""Channel -> operator's number -> bytes."""


def port_title(name: str) -> str:
    """What reports call a port: ``chip.hbm out`` for the lane ``chip.hbm.out``, ``a->b`` as it is."""
    head, dot, way = name.rpartition(".")
    return f"{head} {way}" if dot and way in ("out", "in") else name or WHOLE


def busiest_by_owner(carried: Carried) -> dict[int, Busiest]:
    """Operator's number -> the channel that carried most of its bytes, the first of those that carried as many."""
    found: dict[int, Busiest] = {}
    for channel, by_owner in carried.items():
        for owner, size in by_owner.items():
            if size > found.get(owner, Busiest("", 0)).bytes:
                found[owner] = Busiest(channel, size)
    return found


def busiest(carried: Carried) -> Busiest | None:
    """The channel that carried most of all; None when nothing was carried."""
    totals = {channel: sum(by_owner.values()) for channel, by_owner in carried.items()}
    name = max(totals, key=lambda channel: totals[channel], default=None)
    return Busiest(name, totals[name]) if name is not None and totals[name] else None
