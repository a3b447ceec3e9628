"""Schedules of collectives, replayed on symbols: every rank ends up with what the operation promises."""

from __future__ import annotations

from collections import Counter

import pytest

from sim.core.errors import InputError
from sim.hardware.noc.traffic_collectives import ALGORITHMS, Schedule, schedule

CASES = [
    (operation, algorithm, ranks)
    for operation, known in ALGORITHMS.items()
    for algorithm in known
    for ranks in (1, 2, 3, 4, 5, 8, 12, 16)
    if not (algorithm == "recursive" and ranks & (ranks - 1)) and not (operation == "send_recv" and ranks == 1)
]
Vector = dict[int, Counter[int]]


def replay(plan: Schedule, start: list[Vector]) -> list[Vector]:
    """Contributions per rank and chunk after the schedule, steps in order, all sends of a step before its arrivals."""
    held = start
    for step in range(plan.steps):
        now = [message for message in plan.messages if message.step == step]
        carried = [{chunk: Counter(held[message.source][chunk]) for chunk in message.chunks} for message in now]
        for message, load in zip(now, carried, strict=True):
            for chunk, contributions in load.items():
                mine = held[message.destination].get(chunk, Counter())
                held[message.destination][chunk] = mine + contributions if message.adds else contributions
    return held


def start_of(operation: str, ranks: int) -> list[Vector]:
    if operation in ("all_reduce", "reduce_scatter"):
        return [{chunk: Counter({rank: 1}) for chunk in range(ranks)} for rank in range(ranks)]
    if operation == "all_gather":
        return [{rank: Counter({rank: 1})} for rank in range(ranks)]
    if operation == "all_to_all":
        return [{rank * ranks + to: Counter({rank: 1}) for to in range(ranks)} for rank in range(ranks)]
    return [{chunk: Counter({0: 1}) for chunk in range(ranks)} if rank == 0 else {} for rank in range(ranks)]


@pytest.mark.parametrize(("operation", "algorithm", "ranks"), CASES)
def test_every_rank_ends_up_with_what_the_operation_promises(operation: str, algorithm: str, ranks: int) -> None:
    held = replay(schedule(operation, algorithm, ranks, 1000), start_of(operation, ranks))

    everyone = Counter(range(ranks))
    for rank in range(ranks):
        if operation == "all_reduce":
            assert held[rank] == dict.fromkeys(range(ranks), everyone)
        elif operation == "reduce_scatter":
            assert held[rank][rank] == everyone
        elif operation == "all_gather":
            assert held[rank] == {chunk: Counter({chunk: 1}) for chunk in range(ranks)}
        elif operation == "all_to_all":
            assert all(held[rank][source * ranks + rank] == Counter({source: 1}) for source in range(ranks))
        elif operation == "broadcast" or rank == ranks - 1:
            assert held[rank] == {key: Counter({0: 1}) for key in range(ranks)}


@pytest.mark.parametrize(("operation", "algorithm", "ranks"), CASES)
def test_a_message_waits_exactly_for_earlier_arrivals_of_what_it_carries(
    operation: str, algorithm: str, ranks: int
) -> None:
    messages = schedule(operation, algorithm, ranks, 1000).messages
    for message in messages:
        due = [
            number
            for number, other in enumerate(messages)
            if other.step < message.step
            and other.destination == message.source
            and set(other.chunks) & set(message.chunks)
        ]
        assert list(message.after) == due


@pytest.mark.parametrize("ranks", [2, 4, 8])
@pytest.mark.parametrize("algorithm", ["ring", "recursive", "direct"])
def test_a_bandwidth_optimal_all_reduce_sends_twice_all_chunks_but_one(algorithm: str, ranks: int) -> None:
    size = 4096 * ranks
    assert schedule("all_reduce", algorithm, ranks, size).bytes_sent() == [2 * (ranks - 1) * 4096] * ranks


def test_sizes_that_do_not_divide_lose_no_byte() -> None:
    plan = schedule("all_gather", "ring", 7, 1003)
    assert sum(plan.bytes_sent()) == 6 * 1003


def test_names_and_ranks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="all_reduce"):
        schedule("all_redce", "ring", 4, 8)
    with pytest.raises(InputError, match="power of two"):
        schedule("all_reduce", "recursive", 6, 8)
