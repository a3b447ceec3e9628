"""Collective operations as schedules of messages between ranks, with their data dependencies.

A vector of ``size_bytes`` is cut into as many nearly equal chunks as there are ranks. A schedule says which chunks go from
whom to whom, whether the receiver adds them to its own, and after which earlier messages; a network then times it. Nothing
here knows about time or topology. The algorithms are those of Thakur, Rabenseifner and Gropp, "Optimization of collective
communication operations in MPICH", Int. J. High Performance Computing Applications 19(1), 2005.

``size_bytes`` is the whole vector: what every rank contributes to an all-reduce or reduce-scatter, what every rank ends up
with after an all-gather or broadcast, what every rank sends altogether in an all-to-all. Rank 0 is the root.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sim.core.errors import Problems


@dataclass(frozen=True)
class Message:
    """``chunks`` go from ``source`` to ``destination`` once the messages numbered ``after`` have arrived.

    ``adds``: the receiver adds them to its own; otherwise they replace it. ``step`` counts rounds from 0.
    """

    step: int
    source: int
    destination: int
    chunks: tuple[int, ...]
    adds: bool
    size_bytes: int
    after: tuple[int, ...]


@dataclass(frozen=True)
class Schedule:
    """The messages of one collective, by step."""

    operation: str
    algorithm: str
    ranks: int
    messages: tuple[Message, ...]

    @property
    def steps(self) -> int:
        """Rounds of messages that follow each other."""
        return 1 + max((message.step for message in self.messages), default=-1)

    def bytes_sent(self) -> list[int]:
        """Bytes that each rank sends."""
        sent = [0] * self.ranks
        for message in self.messages:
            sent[message.source] += message.size_bytes
        return sent


Sends = Iterator[tuple[int, int, int, tuple[int, ...], bool]]  # step, source, destination, chunks, adds


def _ring_reduce_scatter(ranks: int, first: int = 0) -> Sends:
    for step in range(ranks - 1):
        for rank in range(ranks):
            yield first + step, rank, (rank + 1) % ranks, ((rank - step - 1) % ranks,), True


def _ring_all_gather(ranks: int, first: int = 0) -> Sends:
    for step in range(ranks - 1):
        for rank in range(ranks):
            yield first + step, rank, (rank + 1) % ranks, ((rank - step) % ranks,), False


def _halving_reduce_scatter(ranks: int, first: int = 0) -> Sends:
    step, distance = first, ranks // 2
    while distance:
        for rank in range(ranks):
            base = (rank ^ distance) // distance * distance
            yield step, rank, rank ^ distance, tuple(range(base, base + distance)), True
        step, distance = step + 1, distance // 2


def _doubling_all_gather(ranks: int, first: int = 0) -> Sends:
    step, distance = first, 1
    while distance < ranks:
        for rank in range(ranks):
            base = rank // distance * distance
            yield step, rank, rank ^ distance, tuple(range(base, base + distance)), False
        step, distance = step + 1, distance * 2


def _tree_broadcast(ranks: int, first: int = 0) -> Sends:
    step, distance = first, 1
    while distance < ranks:
        for rank in range(min(distance, ranks - distance)):
            yield step, rank, rank + distance, tuple(range(ranks)), False
        step, distance = step + 1, distance * 2


def _tree_reduce(ranks: int, first: int = 0) -> Sends:
    sends = list(_tree_broadcast(ranks))
    last = max((step for step, *_ in sends), default=0)
    for step, parent, child, chunks, _ in reversed(sends):
        yield first + last - step, child, parent, chunks, True


def _direct_reduce_scatter(ranks: int, first: int = 0) -> Sends:
    for offset in range(1, ranks):
        for rank in range(ranks):
            yield first, rank, (rank + offset) % ranks, ((rank + offset) % ranks,), True


def _direct_all_gather(ranks: int, first: int = 0) -> Sends:
    for offset in range(1, ranks):
        for rank in range(ranks):
            yield first, rank, (rank + offset) % ranks, (rank,), False


def _direct_all_to_all(ranks: int, first: int = 0) -> Sends:
    """Chunk source * ranks + destination, so that blocks are told apart."""
    for offset in range(1, ranks):
        for rank in range(ranks):
            yield first, rank, (rank + offset) % ranks, (rank * ranks + (rank + offset) % ranks,), False


def _pairwise_all_to_all(ranks: int, first: int = 0) -> Sends:
    for offset in range(1, ranks):
        for rank in range(ranks):
            yield first + offset - 1, rank, (rank + offset) % ranks, (rank * ranks + (rank + offset) % ranks,), False


def _direct_broadcast(ranks: int, first: int = 0) -> Sends:
    for rank in range(1, ranks):
        yield first, 0, rank, tuple(range(ranks)), False


def _send(ranks: int, first: int = 0) -> Sends:
    yield first, 0, ranks - 1, tuple(range(ranks)), False


Part = Callable[..., Sends]
ALGORITHMS: dict[str, dict[str, tuple[Part, ...]]] = {
    "all_reduce": {
        "ring": (_ring_reduce_scatter, _ring_all_gather),
        "recursive": (_halving_reduce_scatter, _doubling_all_gather),
        "tree": (_tree_reduce, _tree_broadcast),
        "direct": (_direct_reduce_scatter, _direct_all_gather),
    },
    "reduce_scatter": {
        "ring": (_ring_reduce_scatter,), "recursive": (_halving_reduce_scatter,), "direct": (_direct_reduce_scatter,)
    },
    "all_gather": {
        "ring": (_ring_all_gather,), "recursive": (_doubling_all_gather,), "direct": (_direct_all_gather,)
    },
    "all_to_all": {"direct": (_direct_all_to_all,), "pairwise": (_pairwise_all_to_all,)},
    "broadcast": {"tree": (_tree_broadcast,), "direct": (_direct_broadcast,)},
    "send_recv": {"direct": (_send,)},
}  # fmt: skip


def chunk_bytes(size_bytes: int, chunks: int) -> list[int]:
    """``size_bytes`` in ``chunks`` nearly equal parts, larger ones first."""
    share, rest = divmod(size_bytes, chunks)
    return [share + (1 if chunk < rest else 0) for chunk in range(chunks)]


def schedule(operation: str, algorithm: str, ranks: int, size_bytes: int) -> Schedule:
    """The messages of a collective. Raises InputError for unknown names and for ranks that do not fit the algorithm."""
    problems = Problems()
    known = ALGORITHMS.get(operation)
    if known is None:
        problems.add("unknown collective operation", found=operation, allowed=tuple(ALGORITHMS), suggest_for=operation)
    elif algorithm not in known:
        problems.add(f"unknown algorithm for {operation}", found=algorithm, allowed=tuple(known), suggest_for=algorithm)
    if ranks < 1 or size_bytes < 0:
        problems.add(
            "a collective's ranks and bytes", found=f"{ranks} ranks, {size_bytes} B", allowed="1 or more, 0 or more"
        )
    elif algorithm == "recursive" and ranks & (ranks - 1):
        problems.add("recursive halving and doubling need a power of two of ranks", found=ranks)
    problems.raise_if_any()
    sends, first = [], 0
    for part in ALGORITHMS[operation][algorithm]:
        sends += [] if ranks == 1 else list(part(ranks, first))
        first = 1 + max((step for step, *_ in sends), default=-1)
    sizes = chunk_bytes(size_bytes, ranks)
    return Schedule(operation, algorithm, ranks, tuple(_messages(sends, sizes, ranks)))


def _messages(sends: list[tuple[int, int, int, tuple[int, ...], bool]], sizes: list[int], ranks: int) -> list[Message]:
    """Add sizes and dependencies: a message waits for all earlier arrivals at its source of chunks that it carries."""
    arrived: dict[tuple[int, int], list[int]] = {}
    messages: list[Message] = []
    for step, source, destination, chunks, adds in sends:
        after = {
            number
            for chunk in chunks
            for number in arrived.get((source, chunk), ())
            if messages[number].step < step
        }  # fmt: skip
        size = sum(sizes[chunk % ranks] for chunk in chunks)
        for chunk in chunks:
            arrived.setdefault((destination, chunk), []).append(len(messages))
        messages.append(Message(step, source, destination, chunks, adds, size, tuple(sorted(after))))
    return messages
