"""Allocation of addresses in one tier, with merging of freed neighbours. Deterministic.

``fit: first`` takes the lowest hole that is large enough, ``fit: best`` the smallest (the lowest of equals).
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from typing import Literal

from sim.core.errors import InconsistencyError

Fit = Literal["first", "best"]


class Arena:
    """``capacity`` bytes. Addresses are multiples of ``align``.

    ``reclaim(size)`` is asked once when no hole is large enough, and says whether it made one; ``changed(what, bytes)``
    is told how many bytes the tensors of role ``what`` take. ``used_by``: those bytes per role.
    """

    def __init__(self, capacity: int, align: int = 64, fit: Fit = "first") -> None:
        self.capacity = capacity
        self.used = 0
        self.peak = 0
        self.used_by: dict[str, int] = {}
        self.reclaim: Callable[[int], bool] | None = None
        self.changed: Callable[[str, int], None] | None = None
        self._align = align
        self._fit = fit
        self._holes: list[tuple[int, int]] = [(0, capacity)] if capacity else []

    @property
    def largest_hole(self) -> int:
        """Bytes of the largest hole."""
        return max((length for _, length in self._holes), default=0)

    def allocate(self, size_bytes: int, what: str = "") -> int | None:
        """Address of ``size_bytes`` bytes for a tensor of role ``what``, or None when no hole is large enough."""
        size = self.rounded(size_bytes)
        place = self._hole(size)
        if place is None and self.reclaim is not None and self.reclaim(size):
            place = self._hole(size)
        if place is None:
            return None
        start, length = self._holes[place]
        if length == size:
            del self._holes[place]
        else:
            self._holes[place] = (start + size, length - size)
        self._account(size, what)
        return start

    def free(self, address: int, size_bytes: int, what: str = "") -> None:
        """Give back what ``allocate(size_bytes, what)`` returned."""
        size = self.rounded(size_bytes)
        insort(self._holes, (address, size))
        merged: list[tuple[int, int]] = []
        for start, length in self._holes:
            if merged and merged[-1][0] + merged[-1][1] == start:
                merged[-1] = (merged[-1][0], merged[-1][1] + length)
            else:
                merged.append((start, length))
        self._holes = merged
        self._account(-size, what)

    def is_free(self, address: int, size_bytes: int) -> bool:
        """Is nothing in ``size_bytes`` bytes from ``address``?"""
        return self._covering(address, self.rounded(size_bytes)) is not None

    def claim(self, address: int, size_bytes: int, what: str = "") -> None:
        """Take a place that was chosen beforehand; it must be free."""
        size = self.rounded(size_bytes)
        place = self._covering(address, size)
        if place is None:
            raise InconsistencyError("placement", f"{size} bytes at {address} are claimed, but in use")
        start, length = self._holes.pop(place)
        rest = [(start, address - start), (address + size, start + length - address - size)]
        for hole in rest:
            if hole[1]:
                insort(self._holes, hole)
        self._account(size, what)

    def _covering(self, address: int, size: int) -> int | None:
        """Place in the list of the hole that holds all of these bytes."""
        holes = enumerate(self._holes)
        return next((place for place, (start, length) in holes if start <= address and address + size <= start + length),
                    None)  # fmt: skip

    def _hole(self, size: int) -> int | None:
        """Place in the list of the hole to use."""
        fitting = (place for place, (_, length) in enumerate(self._holes) if length >= size)
        if self._fit == "first":
            return next(fitting, None)
        return min(fitting, key=lambda place: self._holes[place][1], default=None)

    def _account(self, change: int, what: str) -> None:
        self.used += change
        self.peak = max(self.peak, self.used)
        self.used_by[what] = self.used_by.get(what, 0) + change
        if self.changed is not None:
            self.changed(what, self.used_by[what])

    def rounded(self, size_bytes: int) -> int:
        """The bytes that a tensor of ``size_bytes`` takes."""
        return max(self._align, -(-size_bytes // self._align) * self._align)
