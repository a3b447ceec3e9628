"""What every memory component of a run has: one channel of transfers, an access latency, and counts of bytes."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from sim.core.channel import Channel, TransferEngine
from sim.core.component import Activity, Component, Context
from sim.hardware.memory.tier import Where


class Memory(Component):
    """A memory with one lane. Busy means: at least one transfer is in service."""

    def __init__(
        self, context: Context, path: str, rank: int, declared: str, engine: TransferEngine, latency_ps: int
    ) -> None:
        super().__init__(context, path, rank, declared)
        self.latency_ps = latency_ps
        self._channel = self._make_channel(engine)

    def _make_channel(self, engine: TransferEngine) -> Channel:
        return Channel(self, engine, self.lane())

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
        """Move bytes on behalf of ``stream``; ``done`` when the last has been served (latency comes on top).

        ``conflicts`` multiplies the service time of an access pattern that reaches only a part of the banks. ``at``: their
        place, where it is known and the memory's timing asks for it (banks of DRAM).
        """
        if read_bytes:
            self.count(activity.owner, "read_bytes", read_bytes)
        if write_bytes:
            self.count(activity.owner, "write_bytes", write_bytes)
        self._channel.submit(stream, (read_bytes + write_bytes) * conflicts, done, activity)
