"""``placement: by_lifetime``: tensors go to the nearest tier with room for as long as they live, spilling downwards.

* Persistent tensors (weights, KV caches at their largest) and model inputs live in backing memory, fastest tier first.
* Activations live in the nearest tier with a hole large enough between their producer and their last reader, so one that
  fits on chip is never written out and read back; the rest go to backing memory.
* Final outputs live in backing memory.

A run whose persistent tensors do not fit, or whose activation finds no hole anywhere, is refused with the bytes needed
and available. Left out: moving a tensor during its life.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sim.core.errors import InputError, Problem
from sim.core.units import format_bytes
from sim.hardware.layout import Layout, TierView
from sim.mapping.placement.arena import Arena
from sim.mapping.placement.policy import placements
from sim.trace.expand import TensorInstance, output_keys
from sim.trace.model import Trace
from sim.trace.summary import persistent_tensors

Key = tuple[str, Any]


@placements.register("by_lifetime")
class ByLifetime:
    """See the module docstring."""

    def __init__(self, layout: Layout, trace: Trace, arenas: Sequence[Arena]) -> None:
        self._layout = layout
        self._outputs = output_keys(trace)
        self._arenas = arenas
        self._homes: dict[Key, tuple[int, int, int, str]] = {}
        self._persistent = persistent_tensors(trace)
        self._largest = {one.name: one.size_bytes // one.count for one in self._persistent}
        self._refuse_if_too_large(trace)

    @staticmethod
    def stripes(layout: Layout) -> dict[int, tuple[int, ...]]:
        return {}

    def has_room(self) -> bool:
        free = sum(self._arenas[tier.index].capacity - self._arenas[tier.index].used for tier in self._layout.backing)
        return sum(one.size_bytes for one in self._persistent) <= free

    def close(self) -> None:
        for tier, address, size, role in self._homes.values():
            self._arenas[tier].free(address, size, role)
        self._homes.clear()

    def home(self, tensor: TensorInstance, produced: bool) -> int:
        placed = self._homes.get(tensor.key)
        if placed is not None:
            return placed[0]
        backing = tensor.persistent or not produced or tensor.key in self._outputs
        size = self._largest[tensor.name] if tensor.persistent else tensor.size_bytes
        return self._settle(tensor, size, self.candidates(backing))

    def _settle(self, tensor: TensorInstance, size: int, tiers: Sequence[TierView]) -> int:
        """The first of ``tiers`` with room becomes the tensor's home."""
        for tier in tiers:
            address = self._arenas[tier.index].allocate(size, tensor.role)
            if address is not None:
                self._homes[tensor.key] = (tier.index, address, size, tensor.role)
                return tier.index
        raise InputError([self._no_room(tensor, size)])

    def ready(self, made: Sequence[TensorInstance]) -> bool:
        return True

    def begins(self, made: Sequence[TensorInstance]) -> None:
        pass

    def candidates(self, backing: bool) -> tuple[TierView, ...]:
        """The tiers a new tensor may live in, the preferred first."""
        return self._layout.backing if backing else self._layout.homes

    def placed(self, tensor: TensorInstance) -> bool:
        return tensor.key in self._homes

    def address(self, tensor: TensorInstance) -> int:
        return self._homes[tensor.key][1]

    def release(self, tensor: TensorInstance) -> None:
        if tensor.persistent:
            return
        placed = self._homes.pop(tensor.key, None)
        if placed is not None:
            self._arenas[placed[0]].free(placed[1], placed[2], placed[3])

    def _refuse_if_too_large(self, trace: Trace) -> None:
        needed: dict[str, int] = {}
        for one in self._persistent:
            needed[one.role] = needed.get(one.role, 0) + one.size_bytes
        total = sum(needed.values())
        available = sum(tier.capacity for tier in self._layout.backing)
        if total > available:
            parts = ", ".join(f"{role} {format_bytes(size)}" for role, size in needed.items() if size)
            tiers = ", ".join(f"{tier.path} {format_bytes(tier.capacity)}" for tier in self._layout.backing)
            raise InputError([Problem(
                f"{trace.name} does not fit {self._layout.architecture.name}: it needs {total} bytes ({parts}), "
                f"{available} bytes are available ({tiers})",
            )])  # fmt: skip

    def _no_room(self, tensor: TensorInstance, size: int) -> Problem:
        free = ", ".join(
            f"{tier.path}: {arena.capacity - arena.used} of {arena.capacity} free"
            for tier, arena in zip(self._layout.tiers, self._arenas, strict=True)
        )
        return Problem(f"no memory has room for {tensor} ({tensor.role}): it needs {size} bytes; {free}")
