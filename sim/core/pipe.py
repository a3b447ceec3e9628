"""A shared channel in closed form: fixed-size quanta, round-robin over streams, first come first served in a stream.

Models a bus, a link or the data pins of a memory at the level where its bandwidth is shared: every requester (stream)
with work gets one quantum in turn, so k equal streams each see 1/k of the rate. The finish of the next transfer is known
in closed form and provisional: a foreign arrival cuts it at that instant and it is planned again from the state as it
stands (a quantum in progress is finished first). Left out: anything below a quantum.

Between ``anchor`` and the end of a busy period, quantum j ends at anchor + ceil(j * quantum / rate), so rounding never
accumulates. Property-tested against the quantum-by-quantum loop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from fractions import Fraction
from typing import Any

from sim.core.clock import PS_PER_S


class _Stream:
    __slots__ = ("queue", "remaining")

    def __init__(self) -> None:
        self.queue: deque[tuple[int, Any]] = deque()
        self.remaining = 0


class RoundRobinPipe:
    """State and closed form of one shared channel; times in integer picoseconds, sizes in bytes.

    The engine interface (rule: ``submit``, ``next_event_ps``, ``advance``; no state is committed past ``until``).
    """

    def __init__(self, bytes_per_s: Fraction, quantum_bytes: int) -> None:
        self.bytes_per_s = bytes_per_s
        self.quantum_bytes = quantum_bytes
        per_quantum = Fraction(quantum_bytes) * PS_PER_S / bytes_per_s
        self._num, self._den = per_quantum.numerator, per_quantum.denominator
        self._streams: dict[Hashable, _Stream] = {}
        self._ring: list[_Stream] = []
        self._turn = 0
        self._anchor_ps = 0
        self._served = 0
        self._due = 0
        self._place = 0
        self._next_ps = 0
        self._planned = False
        self._done: list[Any] = []

    @property
    def active(self) -> int:
        """Streams with work."""
        return len(self._ring)

    def quanta(self, size_bytes: int) -> int:
        """Quanta that a transfer takes."""
        return max(1, -(-size_bytes // self.quantum_bytes))

    def service_ps(self, size_bytes: int) -> int:
        """Time of a transfer alone on an idle channel: the closed form the mapper asks for too."""
        return -(-self.quanta(size_bytes) * self._num // self._den)

    def submit(self, now_ps: int, stream: Hashable, size_bytes: int, token: Any) -> None:
        """A transfer reaches the channel. What completes up to now is returned by the next ``advance``."""
        state = self._streams.get(stream)
        if state is None:
            state = self._streams[stream] = _Stream()
        quanta = -(-size_bytes // self.quantum_bytes) or 1
        joins = not state.remaining
        if self._ring and (joins or now_ps >= self._planned_ps()):
            self._serve_until(now_ps)
        state.queue.append((quanta, token))
        if state.remaining:
            return
        state.remaining = quanta
        self._planned = False
        ring = self._ring
        if ring:
            ring.insert(self._turn, state)
            self._turn = (self._turn + 1) % len(ring)
        else:
            ring.append(state)
            self._anchor_ps, self._served, self._turn = now_ps, 0, 0

    def next_event_ps(self) -> int | None:
        """When the next transfer completes if nothing else arrives; None when idle."""
        if not self._ring:
            return None
        return self._next_ps if self._planned else self._planned_ps()

    def advance(self, until_ps: int) -> list[Any]:
        """Serve up to and including ``until_ps``; returns the tokens completed since the last call, in order."""
        if self._ring:
            self._serve_until(until_ps)
        finished, self._done = self._done, []
        return finished

    def _serve_until(self, until_ps: int) -> None:
        while self._ring:
            if (self._next_ps if self._planned else self._planned_ps()) > until_ps:
                self._serve((until_ps - self._anchor_ps) * self._den // self._num - self._served)
                return
            place = self._place
            if self._due > 1:
                self._serve(self._due - 1)
            self._complete(place)

    def _planned_ps(self) -> int:
        """Completion of the transfer that completes first; ``_due`` quanta from now, at ``_place`` in the ring."""
        if not self._planned:
            ring, turn = self._ring, self._turn
            count = len(ring)
            if count == 1:
                self._due, self._place = ring[0].remaining, 0
            else:
                self._due = 0
                for place, state in enumerate(ring):
                    due = (state.remaining - 1) * count + (place - turn) % count + 1
                    if not self._due or due < self._due:
                        self._due, self._place = due, place
            self._next_ps = self._anchor_ps + -(-(self._served + self._due) * self._num // self._den)
            self._planned = True
        return self._next_ps

    def _serve(self, quanta: int) -> None:
        """Serve ``quanta`` quanta in turn, none of which completes a transfer."""
        if quanta <= 0:
            return
        ring = self._ring
        count = len(ring)
        if count == 1:
            ring[0].remaining -= quanta
        else:
            rounds, extra = divmod(quanta, count)
            if rounds:
                for state in ring:
                    state.remaining -= rounds
            for step in range(extra):
                ring[(self._turn + step) % count].remaining -= 1
            self._turn = (self._turn + extra) % count
        self._served += quanta
        self._planned = False

    def _complete(self, place: int) -> None:
        ring = self._ring
        state = ring[place]
        self._served += 1
        self._planned = False
        self._done.append(state.queue.popleft()[1])
        if state.queue:
            state.remaining = state.queue[0][0]
            self._turn = (place + 1) % len(ring)
        else:
            state.remaining = 0
            ring.pop(place)
            self._turn = place % len(ring) if ring else 0
