"""What a cache holds from one region to the next: whole tensors, least recently used first out.

A region's operand is found in the cache when it is still there after everything else that the region itself moves has
come in (it may be used last). A tensor of which only a part is used counts with that part, and is found by a use of no
more than that; larger than the cache it leaves nothing behind. Regions count in program order, not by time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from sim.hardware.layout import Layout
from sim.trace.expand import Slice

Key = tuple[int, Any]


class _Lru:
    """Sizes in bytes by key, the least recently used first, within a capacity."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._sizes: OrderedDict[Key, int] = OrderedDict()
        self._total = 0

    def size(self, key: Key) -> int:
        return self._sizes.get(key, 0)

    def put(self, key: Key, size_bytes: int) -> None:
        self._total += size_bytes - self._sizes.pop(key, 0)
        self._sizes[key] = size_bytes
        while self._total > self._capacity:
            self._total -= self._sizes.popitem(last=False)[1]


class CacheContents:
    """Tensors in the caches of one run."""

    def __init__(self, layout: Layout) -> None:
        self._caches = layout.caches
        self._held = {cache.path: _Lru(cache.capacity) for cache in layout.caches.values()}

    def use(
        self, job: int, reads: Iterable[Slice], writes: Iterable[Slice], homes: Mapping[Any, int]
    ) -> frozenset[Any]:
        """A region begins: keys of the tensors that it finds in the cache; all it moves is there afterwards."""
        found: set[Any] = set()
        if not self._held:
            return frozenset()
        wanted, made = self._sizes(reads, homes), self._sizes(writes, homes)
        for path, held in self._held.items():
            mine = {key: size for key, (where, size) in wanted.items() if where == path}
            own = {key: size for key, (where, size) in made.items() if where == path}
            there = [key for key, size in mine.items() if key not in own and size and held.size((job, key)) >= size]
            for key, size in {**mine, **own}.items():
                if key not in there:
                    held.put((job, key), size)
            found.update(key for key in there if held.size((job, key)))
            for key in there:
                held.put((job, key), mine[key])
        return frozenset(found)

    def _sizes(self, slices: Iterable[Slice], homes: Mapping[Any, int]) -> dict[Any, tuple[str, int]]:
        """Tensor key -> (cache in front of its tier, bytes used)."""
        sizes: dict[Any, tuple[str, int]] = {}
        for one in slices:
            cache = self._caches.get(homes[one.tensor.key])
            if cache is not None:
                before = sizes.get(one.tensor.key, ("", 0))[1]
                sizes[one.tensor.key] = (cache.path, max(before, one.size_bytes))
        return sizes
