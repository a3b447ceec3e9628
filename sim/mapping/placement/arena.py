"""First-fit allocation of addresses in one tier, with merging of freed neighbours. Deterministic."""

from __future__ import annotations

from bisect import insort


class Arena:
    """``capacity`` bytes. Addresses are multiples of ``align``."""

    def __init__(self, capacity: int, align: int = 64) -> None:
        self.capacity = capacity
        self.used = 0
        self.peak = 0
        self._align = align
        self._holes: list[tuple[int, int]] = [(0, capacity)] if capacity else []

    def allocate(self, size_bytes: int) -> int | None:
        """Address of ``size_bytes`` bytes, or None when no hole is large enough."""
        size = self._rounded(size_bytes)
        for place, (start, length) in enumerate(self._holes):
            if length >= size:
                if length == size:
                    del self._holes[place]
                else:
                    self._holes[place] = (start + size, length - size)
                self.used += size
                self.peak = max(self.peak, self.used)
                return start
        return None

    def free(self, address: int, size_bytes: int) -> None:
        """Give back what ``allocate(size_bytes)`` returned."""
        size = self._rounded(size_bytes)
        self.used -= size
        insort(self._holes, (address, size))
        merged: list[tuple[int, int]] = []
        for start, length in self._holes:
            if merged and merged[-1][0] + merged[-1][1] == start:
                merged[-1] = (merged[-1][0], merged[-1][1] + length)
            else:
                merged.append((start, length))
        self._holes = merged

    def _rounded(self, size_bytes: int) -> int:
        return max(self._align, -(-size_bytes // self._align) * self._align)
