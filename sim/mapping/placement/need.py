"""How much of the only core's own scratchpad whole tensors need, so that the rest can stream tiles.

``resident_share`` is the most they may have. What they do need is found by playing the job's placement ahead of it: its
activations in order of production, each in the first hole of the share that is large enough, given back when the regions
that may be in flight together have passed its last use. Space beyond the highest address used is never used by them.

What it leaves out: that regions may end sooner than the window allows, so that a tensor comes to lie elsewhere (what then
finds no hole lives in the next tier); regions joined by prediction, which store fewer tensors. A job of more than
:data:`~sim.mapping.placement.planned.MAX_TENSORS` activations keeps the whole share.
"""

from __future__ import annotations

import heapq

from sim.core.errors import InputError
from sim.mapping.placement.arena import Arena
from sim.mapping.placement.planned import lives
from sim.trace.model import Trace


def resident_bytes(trace: Trace, fusion: str, window: int, share_bytes: int) -> int:
    """Bytes, at most ``share_bytes``, in which the activations of ``trace`` that fit that share find room.

    ``window``: regions that may be in flight at once.
    """
    try:
        made = lives(trace, fusion)
    except InputError:  # too many tensors to plan
        return share_bytes
    arena, highest = Arena(share_bytes), 0
    alive: list[tuple[int, int, int]] = []
    for life in made:
        while alive and alive[0][0] < life.first:
            _, address, size = heapq.heappop(alive)
            arena.free(address, size)
        found = arena.allocate(life.size_bytes)
        if found is not None:
            heapq.heappush(alive, (life.last + window - 1, found, life.size_bytes))
            highest = max(highest, found + arena.rounded(life.size_bytes))
    return highest
