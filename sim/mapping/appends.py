"""What is appended to a cache, told to the region that appends: whose cache it is and how its reader takes it apart.

An append is a copy of so many elements in the trace; how many requests they belong to, and at which of their tokens, is said
by the attention that reads the cache behind it. So an append is held until its reader comes, which is a few regions later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from sim.mapping.regions import Appended, Region
from sim.trace.work import CopyWork

READERS = ("attention_score", "attention_value")
MOST_HELD = 16
"""Regions held for an append whose reader does not come."""


def with_readers(regions: Iterable[Region]) -> Iterator[Region]:
    """The regions in their order; those that append to a cache know what its next reader says of it."""
    held: list[Region] = []
    open_appends: dict[Any, int] = {}
    for region in regions:
        held.append(region)
        if isinstance(region.head.work, CopyWork) and region.outputs and region.outputs[0].tensor.role == "kv_cache":
            open_appends[region.outputs[0].tensor.key] = len(held) - 1
        for operator in region.operators:
            cache = operator.port("b")
            place = open_appends.pop(cache[0].tensor.key, None) if cache and operator.operator.kind in READERS else None
            if place is not None:
                dims = operator.dims
                told = Appended(operator.operator.kind, dims["requests"], dims["kv_heads"], dims["head_dim"])
                held[place] = replace(held[place], appended=told)
        if not open_appends or len(held) >= MOST_HELD:
            yield from held
            held, open_appends = [], {}
    yield from held
