"""Walks the items of a trace, blocks within blocks, and puts others in their places."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from sim.trace.model import Item, Operator, Repeat, Tensor


def rewritten(
    items: Iterable[Item], tensor: Callable[[Tensor], list[Item]], operator: Callable[[Operator], list[Item]]
) -> tuple[Item, ...]:
    """All items in order; ``tensor`` and ``operator`` say what stands in the place of one."""
    found: list[Item] = []
    for item in items:
        if isinstance(item, Tensor):
            found += tensor(item)
        elif isinstance(item, Repeat):
            found.append(replace(item, body=rewritten(item.body, tensor, operator)))
        else:
            found += operator(item)
    return tuple(found)
