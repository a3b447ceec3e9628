"""K split over cores: who sends partial sums to whom, and what that costs.

``parts`` cores each multiply a part of K for the same block of results. Their 32-bit partial sums travel as messages from
scratchpad to scratchpad and are added by the vector units they pass: in a *chain* every core adds its own to what its
neighbour sends (one message in and one out per core and block, so blocks follow each other as in a pipeline), in a *tree*
the first core gets one message per level (fewer steps for a single block, more bytes at its port). The first core adds the
last sums, runs the fused chain and stores. Either way ``parts - 1`` messages of one block travel per block.

Left out: additions inside routers, and products on vector units (their K is not split).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

from sim.core.arith import ceil_div
from sim.hardware.pe.systolic import ACCUMULATE_BITS, bits_to_bytes
from sim.hardware.vector.vector_unit import VectorModel
from sim.mapping.paths import Paths, rate_ps


def target(place: int, tree: bool) -> int | None:
    """Where the sums of part ``place`` go; None: they are complete there."""
    if place == 0:
        return None
    return place & (place - 1) if tree else place - 1


def sources(place: int, parts: int, tree: bool) -> tuple[int, ...]:
    """The parts whose sums come to part ``place``."""
    return tuple(other for other in range(place + 1, parts) if target(other, tree) == place)


def used_parts(k_units: int, parts: int) -> int:
    """How many of ``parts`` equal parts of K have anything in them."""
    return int(ceil_div(k_units, ceil_div(k_units, parts)))


class SumsCost(NamedTuple):
    """Of the core that gets most: bytes that come in, its scratchpad's bytes, additions per result, and the last block's
    way through all cores (``tail_ps``); zero where K is whole. Integers or arrays."""

    received: Any = 0
    moved: Any = 0
    additions: int = 0
    tail_ps: Any = 0


def sums_cost(paths: Paths, vector: VectorModel | None, tree: bool, parts: int, results: Any, block: Any) -> SumsCost:
    """``results``: of the largest share; ``block``: of one tile; ``paths`` and ``vector`` unit of the core."""
    if parts == 1 or vector is None:
        return SumsCost()
    steps = (parts - 1).bit_length() if tree else parts - 1
    most = len(sources(0, parts, tree))
    whole, one = (bits_to_bytes(count, Fraction(ACCUMULATE_BITS)) for count in (results, block))
    add = rate_ps(vector.cycles([("add", block)]), vector.clock.hz)
    tail = (paths.message_ps(one) + add) * steps
    return SumsCost(whole * most, whole * (2 * most + 3), most, tail)
