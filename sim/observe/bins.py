"""Busy time per bin of a run, and the bandwidth that follows: exact integers, edges at whole picoseconds."""

from __future__ import annotations

from typing import Any

import numpy as np

Table = np.ndarray[Any, Any]


def busy_in_bins(start: Table, end: Table, edges_ps: Table) -> Table:
    """Picoseconds of [start, end) slices (sorted, not overlapping) between neighbouring ``edges_ps``."""
    if not len(start):
        return np.zeros(len(edges_ps) - 1, np.int64)
    done = np.concatenate((np.zeros(1, np.int64), np.cumsum(end - start)))
    begun = np.searchsorted(start, edges_ps, side="left")
    overhang = np.where(begun > 0, np.maximum(0, end[np.maximum(begun, 1) - 1] - edges_ps), 0)
    result: Table = np.diff(done[begun] - overhang)
    return result


def edges(elapsed_ps: int, bins: int) -> Table:
    """Edges of at most ``bins`` equal bins over a run; the last bin may be shorter."""
    width = max(1, -(-elapsed_ps // bins))
    return np.minimum(np.arange(-(-elapsed_ps // width) + 1, dtype=np.int64) * width, elapsed_ps)


def bandwidth(busy: Table, edges_ps: Table, moved_bytes: int) -> list[int]:
    """Bytes per second in each bin, rounded down: ``moved_bytes`` spread over the busy time, so that bins add up."""
    total = int(busy.sum())
    if not total:
        return [0] * len(busy)
    widths = np.diff(edges_ps)
    return [
        int(one) * moved_bytes * 10**12 // (total * int(width)) if width else 0
        for one, width in zip(busy, widths, strict=True)
    ]
