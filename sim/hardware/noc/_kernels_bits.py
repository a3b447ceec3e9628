"""Bit-mask arbitration: a set of requesters is an integer, a round-robin arbiter finds its first bit from a pointer on.

Masks hold at most 62 members, so that no shift touches the sign bit.
"""

from __future__ import annotations

from numba import int64

from sim.hardware._kernel import hot, lowest


@hot
def round_robin(mask, pointer):  # type: ignore[no-untyped-def]
    """The first member at or after ``pointer``, cyclically, of a non-zero mask."""
    after = mask & (int64(-1) << pointer)
    if after == 0:
        after = mask
    return lowest(after)
