"""The copy engine of the memory tiers: whole tensors from tier to tier, in chunks, contending with everything else.

What it models: first come, first served between each pair of tiers; chunks of ``chunk`` bytes, ``outstanding`` of them in
flight, each with one descriptor (``setup_cycles``). A chunk occupies source, links and destination side by side. It is
a ``dma`` that stands outside every core; where an architecture has none, one without set-up cost is implied. What it
leaves out: address generation, and memories that a route passes by without ending there.

Lanes: one per pair of tiers that are copied between. Busy means: at least one chunk is in flight.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from fractions import Fraction

from sim.core.clock import Clock
from sim.core.component import UNATTRIBUTED, Activity, Cause, Component, Context
from sim.core.engine import Phase
from sim.hardware.dma import Direction, DmaSpec

Move = Callable[["Copy", int, int, Callable[[], None]], None]
"""(copy, first byte, bytes, done): carries one chunk."""


class Copy:
    """One tensor on its way from tier to tier. Times in ps; ``started_ps`` and ``ended_ps`` are -1 until they are known.

    ``from_address``, ``to_address``: of the tensor, in the tiers ``source`` and ``destination``.
    """

    __slots__ = ("activity", "destination", "ended_ps", "from_address", "label", "on_complete", "requested_ps",
                 "size_bytes", "source", "started_ps", "to_address")  # fmt: skip

    def __init__(
        self, label: str, source: tuple[int, int], destination: tuple[int, int], size_bytes: int, activity: Activity
    ) -> None:
        """``source``, ``destination``: (tier index, address)."""
        self.label = label
        (self.source, self.from_address), (self.destination, self.to_address) = source, destination
        self.size_bytes = size_bytes
        self.activity = activity
        self.requested_ps = self.started_ps = self.ended_ps = -1
        self.on_complete: list[Callable[[], None]] = []

    @property
    def complete(self) -> bool:
        return self.ended_ps >= 0

    def __str__(self) -> str:
        return f"copy of {self.label}"


class _Queue:
    """Copies from one tier to another: whose chunks are in flight, and who waits."""

    def __init__(self, direction: Direction) -> None:
        self.direction = direction
        self.waiting: deque[tuple[Copy, int, int]] = deque()
        self.left: dict[Copy, int] = {}
        self.in_flight = 0


class CopyEngine(Component):
    """All copies between tiers of one run. ``move`` is the machine's: it occupies memories and links."""

    def __init__(
        self, context: Context, path: str, rank: int, declared: str, spec: DmaSpec, hz: Fraction | None
    ) -> None:
        super().__init__(context, path, rank, declared)
        self.spec = spec
        self._setup = (Clock(hz), spec.setup_cycles) if spec.setup_cycles and hz is not None else None
        self._queues: dict[tuple[int, int], _Queue] = {}
        self.move: Move | None = None
        self.copied: dict[tuple[int, int], int] = {}
        self.open = 0

    def submit(self, copy: Copy, names: tuple[str, str]) -> None:
        """Queue a copy; ``names`` of its tiers name the lane. Its ``on_complete`` run when the last chunk has arrived."""
        copy.requested_ps = self.engine.now
        key = (copy.source, copy.destination)
        if key not in self._queues:
            lane = self.lane(f"{names[0]} to {names[1]}")
            self._queues[key] = _Queue(Direction(self, lane, self._setup))
        queue = self._queues[key]
        chunks = max(1, -(-copy.size_bytes // self.spec.chunk))
        queue.left[copy] = chunks
        for place in range(chunks):
            size = min(self.spec.chunk, copy.size_bytes - place * self.spec.chunk)
            queue.waiting.append((copy, place * self.spec.chunk, size))
        queue.direction.lane.assign(self.engine.now, chunks)
        self.open += 1
        self.engine.waits(copy, copy.__str__)
        self._issue(queue)

    def _issue(self, queue: _Queue) -> None:
        while queue.waiting and queue.in_flight < self.spec.outstanding:
            copy, first, size = queue.waiting.popleft()
            queue.in_flight += 1
            when = queue.direction.start(copy.activity, Cause.CREDIT)
            if copy.started_ps < 0:
                copy.started_ps = self.engine.now
            if when <= self.engine.now:
                self._send(queue, copy, first, size)
            else:
                self.engine.at(when, lambda copy=copy, first=first, size=size: self._send(queue, copy, first, size),  # type: ignore[misc]
                               Phase.ARRIVE, self.rank)  # fmt: skip

    def _send(self, queue: _Queue, copy: Copy, first: int, size: int) -> None:
        assert self.move is not None

        def arrived() -> None:
            queue.in_flight -= 1
            queue.left[copy] -= 1
            key = (copy.source, copy.destination)
            self.copied[key] = self.copied.get(key, 0) + size
            done = queue.left[copy] == 0
            self._issue(queue)
            if done and queue.in_flight:
                lane = queue.direction.lane
                lane.hand_over(self.engine.now, f"copy {copy.label}", copy.activity.owner, copy.activity.tile)
            queue.direction.finish(copy.activity, f"copy {copy.label}")
            if done:
                self._finish(queue, copy)

        self.move(copy, first, size, arrived)

    def _finish(self, queue: _Queue, copy: Copy) -> None:
        del queue.left[copy]
        copy.ended_ps = self.engine.now
        self.open -= 1
        self.engine.waits_no_more(copy)
        waiting, copy.on_complete = copy.on_complete, []
        for resume in waiting:
            resume()


def unattributed() -> Activity:
    """On behalf of no operator: a whole model that is brought, or a result written back."""
    return Activity(UNATTRIBUTED, 0)
