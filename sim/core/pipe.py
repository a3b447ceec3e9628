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
        self._plan: tuple[int, int] | None = None

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
        """A transfer reaches the channel; ``advance(now_ps)`` must have been called before."""
        state = self._streams.get(stream)
        if state is None:
            state = self._streams[stream] = _Stream()
        quanta = self.quanta(size_bytes)
        if state.remaining:
            state.queue.append((quanta, token))
            return
        if not self._ring:
            self._anchor_ps, self._served, self._turn = now_ps, 0, 0
            self._ring.append(state)
        else:
            self._ring.insert(self._turn, state)
            self._turn = (self._turn + 1) % len(self._ring)
        state.queue.append((quanta, token))
        state.remaining = quanta
        self._plan = None

    def next_event_ps(self) -> int | None:
        """When the next transfer completes if nothing else arrives; None when idle."""
        if not self._ring:
            return None
        if self._plan is None:
            self._plan = self._first_completion()
        return self._end_ps(self._served + self._plan[0])

    def advance(self, until_ps: int) -> list[Any]:
        """Serve up to and including ``until_ps``; returns the tokens completed, in order."""
        finished: list[Any] = []
        while self._ring:
            if self._plan is None:
                self._plan = self._first_completion()
            quanta, place = self._plan
            if self._end_ps(self._served + quanta) > until_ps:
                self._serve((until_ps - self._anchor_ps) * self._den // self._num - self._served)
                break
            self._serve(quanta - 1)
            finished.append(self._complete(place))
        return finished

    def _end_ps(self, quanta: int) -> int:
        return self._anchor_ps + -(-quanta * self._num // self._den)

    def _first_completion(self) -> tuple[int, int]:
        """(quanta until then, place in the ring) of the transfer that completes first."""
        ring, turn = self._ring, self._turn
        count = len(ring)
        if count == 1:
            return ring[0].remaining, 0
        return min(
            ((state.remaining - 1) * count + (place - turn) % count + 1, place) for place, state in enumerate(ring)
        )

    def _serve(self, quanta: int) -> None:
        """Serve ``quanta`` quanta in turn, none of which completes a transfer."""
        if quanta <= 0:
            return
        ring = self._ring
        count = len(ring)
        rounds, extra = divmod(quanta, count)
        if rounds:
            for state in ring:
                state.remaining -= rounds
        for step in range(extra):
            ring[(self._turn + step) % count].remaining -= 1
        self._turn = (self._turn + extra) % count
        self._served += quanta
        self._plan = None

    def _complete(self, place: int) -> Any:
        state = self._ring[place]
        self._served += 1
        self._plan = None
        _, token = state.queue.popleft()
        if state.queue:
            state.remaining = state.queue[0][0]
            self._turn = (place + 1) % len(self._ring)
        else:
            state.remaining = 0
            self._ring.pop(place)
            self._turn = place % len(self._ring) if self._ring else 0
        return token
