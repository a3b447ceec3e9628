"""The rule by which a search takes one of its costed candidates.

The least cost wins; among those within :data:`TOLERANCE` of it the fewest bytes moved (energy, and what is left of the
memory for others), then the fewest tiles: every tile costs descriptors and synchronisation that lie below the resolution
of a predicted cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Generic, NamedTuple, TypeVar

TOLERANCE = Fraction(2, 100)
"""Share of the least cost; the executor's own timing, not this cost, is what a run reports."""

T = TypeVar("T")


class Cost(NamedTuple):
    """Of a candidate: ``cost_ps`` as predicted, bytes ``moved`` by all cores, ``tiles``, and the terms of the time."""

    cost_ps: int
    moved: int
    tiles: int
    terms: dict[str, int]


class Selected(NamedTuple, Generic[T]):
    """The candidate taken, its cost, the least cost of all, and how many candidates there were."""

    candidate: T
    cost: Cost
    least_ps: int
    candidates: int


def limit_ps(least_ps: int) -> int:
    """The most that a candidate may cost to be taken for another reason than its cost."""
    return least_ps + int(least_ps * TOLERANCE)


def select(found: Sequence[tuple[Cost, T]]) -> Selected[T] | None:
    """The one to take of costed candidates; None when there is none. Ties go to the first."""
    if not found:
        return None
    least = min(cost.cost_ps for cost, _ in found)
    within = [one for one in found if one[0].cost_ps <= limit_ps(least)]
    cost, candidate = min(within, key=lambda one: (one[0].moved, one[0].tiles, one[0].cost_ps))
    return Selected(candidate, cost, least, len(found))


def select_deepest(
    most_buffers: int, candidates: Callable[[], Iterable[T]], cost: Callable[[T, int], Cost | None]
) -> tuple[Selected[T], int] | None:
    """The one to take with as many buffers as anything fits with, and how many those are; ``cost`` is None where it does
    not fit."""
    for buffers in range(most_buffers, 0, -1):
        taken = select([(costed, one) for one in candidates() if (costed := cost(one, buffers)) is not None])
        if taken is not None:
            return taken, buffers
    return None
