"""Which splits of a matrix segment over cores the search looks at."""

from __future__ import annotations

from collections.abc import Iterator

from sim.mapping.geometry import Geometry
from sim.mapping.k_split import used_parts
from sim.mapping.matrix_nest import SplitOverCores

DIMENSIONS = ("b", "m", "n", "k")
"""Names of what a split counts cores along, in its order."""


def core_splits(geometry: Geometry, cores: int, k_part: int | None) -> Iterator[SplitOverCores]:
    """Every factorisation of every usable number of ``cores`` along batch, M and N, largest numbers first; then those
    that split K over all cores, into parts of at least ``k_part`` elements (None: K stays whole).
    """
    for used in divisors(cores):
        yield from ((*split, 1) for split in _result_splits(geometry, used))
    if k_part is None:
        return
    for parts in divisors(cores)[:-1]:
        full = used_parts(geometry.k_units, parts) == parts
        if full and geometry.k_units // parts * geometry.k_unit >= k_part:
            yield from ((*split, parts) for split in _result_splits(geometry, cores // parts))


def _result_splits(geometry: Geometry, used: int) -> Iterator[tuple[int, int, int]]:
    """``used`` cores along batch, M and N."""
    segment = geometry.segment
    for pb in [d for d in reversed(divisors(used)) if d <= segment.batch]:
        for pm in [d for d in reversed(divisors(used // pb)) if d <= geometry.m_units]:
            if used // pb // pm <= segment.n:
                yield pb, pm, used // pb // pm


def divisors(number: int) -> list[int]:
    """Largest first."""
    return [one for one in range(number, 0, -1) if number % one == 0]
