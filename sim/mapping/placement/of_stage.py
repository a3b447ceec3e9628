"""Placement of what one stage of a pipeline makes and the next reads: both look at one place.

The maker chooses: the buffers of the group that reads it, cut over their scratchpads, where two micro-batches of all that
passes this boundary fit in there; else its own placement's choice, a memory that both reach. With buffers, a region whose
result finds them full waits until the reader has given some back: that is the back-pressure of the pipeline. What is only
passed on to a later stage stays where it is. A place is given back when maker and reader have both had their last use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sim.hardware.layout import Layout
from sim.mapping.placement.arena import Arena
from sim.mapping.placement.policy import Placement
from sim.trace.expand import TensorInstance

Key = tuple[str, Any]


@dataclass
class Handed:
    """A place that ``users`` placements know; the last to leave it calls ``free``."""

    tier: int
    address: int
    free: Callable[[], None]
    users: int = 1

    def leave(self) -> None:
        """One of its users has no more use for it."""
        self.users -= 1
        if not self.users:
            self.free()


@dataclass
class Boundary:
    """Between a stage and the next. ``tier``: that of the reader's buffers; ``arena``: their space, all together.

    ``offers``: what has a place, by its key with the reader. ``changed`` is told of every offer and of all room made.
    ``buffered_bytes``, ``stored_bytes``: what was handed over in buffers, and in memory.
    """

    tier: int
    arena: Arena
    changed: Callable[[], None]
    offers: dict[Key, Handed] = field(default_factory=dict)
    buffered_bytes: int = 0
    stored_bytes: int = 0

    @property
    def buffered(self) -> bool:
        """Are there buffers?"""
        return self.arena.capacity > 0

    def has_room(self, sizes: Sequence[int]) -> bool:
        """Do tensors of these sizes all find room?"""
        taken = [(self.arena.allocate(size), size) for size in sizes]
        for address, size in taken:
            if address is not None:
                self.arena.free(address, size)
        return all(address is not None for address, _ in taken)

    def place(self, tensor: TensorInstance) -> Handed | None:
        """A place in the buffers; None when there is none."""
        size = tensor.size_bytes
        address = self.arena.allocate(size, tensor.role)
        if address is None:
            return None

        def free() -> None:
            self.arena.free(address, size, tensor.role)
            self.changed()

        return Handed(self.tier, address, free)

    def offer(self, key: Key, handed: Handed, size_bytes: int) -> None:
        """The reader may have it."""
        handed.users += 1
        self.offers[key] = handed
        if handed.tier == self.tier:
            self.buffered_bytes += size_bytes
        else:
            self.stored_bytes += size_bytes
        self.changed()


class OfStage:
    """The placement ``own`` of one stage's trace, with what crosses the boundaries ``before`` and ``behind`` it.

    ``sent``: key of a tensor as this stage makes it -> as the next one gets it. ``received``: names of what comes in.
    ``memory``: a tier to expect what comes in by memory in.
    """

    def __init__(
        self,
        own: Placement,
        before: Boundary | None,
        behind: Boundary | None,
        sent: Callable[[Key], Key | None],
        received: frozenset[str],
        memory: int,
    ) -> None:
        self._own = own
        self._before, self._behind = before, behind
        self._sent, self._received = sent, received
        self._memory = memory
        self._shared: dict[Key, Handed] = {}
        self._in_use = 0
        self._closed = False

    @staticmethod
    def stripes(layout: Layout) -> dict[int, tuple[int, ...]]:
        """As in :class:`Placement`; the planner asks the policy's own placement."""
        return {}

    def has_room(self) -> bool:
        return self._own.has_room()

    def close(self) -> None:
        """As in :class:`Placement`; memory that the next stage still reads keeps the rest until it is given back."""
        self._closed = True
        if not self._in_use:
            self._own.close()

    def ready(self, made: Sequence[TensorInstance]) -> bool:
        """Has what comes in a place, and is there one for what goes out?"""
        if any(self._comes_in(one) and one.key not in self._before.offers for one in made if self._before is not None):
            return False
        fresh = [one.size_bytes for one in made if one.key not in self._shared and self._goes_out(one)]
        if fresh and self._behind is not None and self._behind.buffered and not self._behind.has_room(fresh):
            return False
        return self._own.ready([one for one in made if not self._comes_in(one)])

    def home(self, tensor: TensorInstance, produced: bool) -> int:
        shared = self._shared.get(tensor.key)
        if shared is None and self._before is not None and self._comes_in(tensor):
            if not produced:  # what is predicted before it has come in
                return self._expected(self._before, tensor)
            shared = self._shared[tensor.key] = self._before.offers.pop(tensor.key)
        elif shared is None and produced and self._behind is not None and self._goes_out(tensor):
            shared = self._shared[tensor.key] = self._behind.place(tensor) or self._in_memory(tensor)
        return self._own.home(tensor, produced) if shared is None else shared.tier

    def begins(self, made: Sequence[TensorInstance]) -> None:
        """What goes out may be read by the next stage, which waits until it is complete."""
        for one in made:
            outside = self._sent(one.key)
            if outside is not None and one.key in self._shared and self._behind is not None:
                self._behind.offer(outside, self._shared[one.key], one.size_bytes)

    def placed(self, tensor: TensorInstance) -> bool:
        return tensor.key in self._shared or self._own.placed(tensor)

    def address(self, tensor: TensorInstance) -> int:
        shared = self._shared.get(tensor.key)
        return shared.address if shared is not None else self._own.address(tensor)

    def release(self, tensor: TensorInstance) -> None:
        shared = self._shared.pop(tensor.key, None)
        if shared is None:
            self._own.release(tensor)
        else:
            shared.leave()

    def _expected(self, before: Boundary, tensor: TensorInstance) -> int:
        """The tier of what has not been taken over yet: as offered, else in the buffers, else the first memory."""
        offered = before.offers.get(tensor.key)
        if offered is not None:
            return offered.tier
        return before.tier if before.buffered else self._memory

    def _comes_in(self, tensor: TensorInstance) -> bool:
        return tensor.name in self._received and not tensor.persistent

    def _goes_out(self, tensor: TensorInstance) -> bool:
        return not tensor.persistent and self._sent(tensor.key) is not None

    def _in_memory(self, tensor: TensorInstance) -> Handed:
        tier = self._own.home(tensor, True)
        self._in_use += 1

        def free() -> None:
            self._own.release(tensor)
            self._in_use -= 1
            if self._closed and not self._in_use:
                self._own.close()

        return Handed(tier, self._own.address(tensor), free)


def sent_keys(keys: Mapping[Key, str], index: str) -> Callable[[Key], Key | None]:
    """The function that :class:`OfStage` asks: ``keys`` of one micro-batch as made -> name with the reader.

    ``index`` is that of the loop over micro-batches, outermost in every key of several.
    """

    def found(key: Key) -> Key | None:
        name, indices = key
        mine = tuple(pair for pair in indices if pair[0] == index)
        other = keys.get((name, tuple(pair for pair in indices if pair[0] != index)))
        return None if other is None else (other, mine)

    return found
