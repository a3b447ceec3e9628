"""The part of a core's scratchpad in which a group of cores keeps what the group before hands over.

It is the scratchpad's banks that a transfer occupies; here stands what the transfers to and from other cores moved, apart
from what its own core did, so that both can be checked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable

from sim.core.component import Activity
from sim.hardware.memory.scratchpad import Scratchpad
from sim.hardware.memory.tier import Where


class StageBuffer:
    """As a memory that tensors live in. ``actions``: (operator, name) -> bytes, as of a component."""

    latency_ps = 0

    def __init__(self, scratchpad: Scratchpad) -> None:
        self.scratchpad = scratchpad
        self.path = scratchpad.path
        self.declared = scratchpad.declared
        self.actions: defaultdict[tuple[int, str], int] = defaultdict(int)
        self.ledger: defaultdict[tuple[int, str], int] = defaultdict(int)

    def access(
        self,
        stream: Hashable,
        read_bytes: int,
        write_bytes: int,
        activity: Activity,
        done: Callable[[], None],
        conflicts: int = 1,
        at: Where | None = None,
    ) -> None:
        """As in :class:`~sim.hardware.memory.memory.Memory`."""
        for name, size in (("read_bytes", read_bytes), ("write_bytes", write_bytes)):
            if size:
                self.actions[activity.owner, name] += size
        self.scratchpad.access(("stage", stream), read_bytes, write_bytes, activity, done, conflicts)
