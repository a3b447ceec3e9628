"""What the units of a memory and their host are to do for one region. Plain data, made by the planning engine."""

from __future__ import annotations

from dataclasses import dataclass

from sim.mapping.pim_layout import Piece
from sim.mapping.plan import Load, Split


@dataclass(frozen=True)
class PimSchedule:
    """What the units and their host do: vectors to write first, pieces by channel, fused work, and results to store.

    ``read_in_place``: bytes of matrix and vectors that the units read where they lie, which a host would have to read.
    ``extras``: operands of the fused work; ``written``: bytes of vectors that do not lie in the units' memory, of which
    ``fetched`` come from other memories, the rest from the host's scratchpad. ``in_memory``: operations that the units do
    beyond products. ``placed``: bytes of a cache's new tokens that the host hands to the channels, whose pieces then write
    them to the banks.
    """

    pieces: tuple[Piece, ...]
    written: int = 0
    fetched: Split = ()
    extras: tuple[Load, ...] = ()
    operations: tuple[tuple[str, int], ...] = ()
    output_bytes: int = 0
    stores: tuple[tuple[int, int], ...] = ()
    read_in_place: int = 0
    in_memory: tuple[tuple[str, int], ...] = ()
    placed: int = 0
    slots: int = 1
