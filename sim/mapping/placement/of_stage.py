"""Placement of what one stage of a pipeline makes and the next reads: both look at one place.

The maker chooses: the buffers of the group that reads it, cut over their scratchpads, where all that is made for this
boundary fits in there; else its own placement's choice, a memory that both reach. Either way only so many micro-batches of
a tensor stand at a boundary as it takes for neighbours to work side by side (``Slots``): a region whose result finds them
taken waits until the reader has given one back. That is the back-pressure of the pipeline; as makers and readers go by
micro-batch, what holds a slot is needed by no later one, so it comes free. What is only passed on to a later stage stays
where it is. A place is given back when maker and reader have both had their last use. A result of the run is read from its
memory.

What persists is placed once for all stages (:mod:`sim.mapping.placement.of_run`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sim.hardware.layout import Layout
from sim.mapping.placement.of_run import OfRun
from sim.mapping.placement.policy import Placement
from sim.trace.expand import TensorInstance

Key = tuple[str, Any]


@dataclass
class Handed:
    """A place that ``users`` placements know; the last to leave it calls ``free``. ``buffered``: in scratchpads."""

    tier: int
    address: int
    free: Callable[[], None]
    buffered: bool = False
    users: int = 1

    def leave(self) -> None:
        """One of its users has no more use for it."""
        self.users -= 1
        if not self.users:
            self.free()


@dataclass(frozen=True)
class Slots:
    """Of a tensor at a boundary: ``count`` micro-batches at once, of ``size_bytes`` each; in buffers from ``address`` on."""

    count: int
    address: int
    size_bytes: int


@dataclass
class Boundary:
    """Between a stage and the next. ``tier``: that of the reader's buffers, where it is ``buffered``; ``slots``: of what
    the stage makes for it, by the reader's name. ``passing``: names of what the next stage only passes on.

    ``offers``: what has a place, by its key with the reader. ``changed`` is told of every offer and of all room made.
    ``buffered_bytes``, ``stored_bytes``: what was handed over to be read in scratchpads (its own, or those where it was
    left for the stage before), and in memory; ``passed_bytes``: what the next stage only passes on.
    """

    tier: int
    slots: Mapping[str, Slots]
    buffered: bool
    changed: Callable[[], None]
    passing: frozenset[str] = frozenset()
    offers: dict[Key, Handed] = field(default_factory=dict)
    taken: set[tuple[str, int]] = field(default_factory=set)
    buffered_bytes: int = 0
    stored_bytes: int = 0
    passed_bytes: int = 0

    def is_free(self, key: Key) -> bool:
        """Is the slot free that this one comes in?"""
        return self._slot(key) not in self.taken

    def place(self, key: Key, in_memory: Callable[[], Handed]) -> Handed:
        """A place in its slot: in the buffers, or ``in_memory``."""
        slot = self._slot(key)
        slots = self.slots[key[0]]
        buffer = slots.address + slot[1] * slots.size_bytes
        handed = Handed(self.tier, buffer, _nothing, buffered=True) if self.buffered else in_memory()
        self.taken.add(slot)
        give_back = handed.free

        def free() -> None:
            give_back()
            self.taken.remove(slot)
            self.changed()

        handed.free = free
        return handed

    def offer(self, key: Key, handed: Handed, size_bytes: int) -> None:
        """The reader may have it."""
        handed.users += 1
        self.offers[key] = handed
        if key[0] in self.passing:
            self.passed_bytes += size_bytes
        elif handed.buffered:
            self.buffered_bytes += size_bytes
        else:
            self.stored_bytes += size_bytes
        self.changed()

    def _slot(self, key: Key) -> tuple[str, int]:
        """Which one: micro-batches take them in turn."""
        name, indices = key
        return name, (indices[0][1] if indices else 0) % self.slots[name].count


class OfStage:
    """The placement ``own`` of one stage's trace, with what crosses the boundaries ``before`` and ``behind`` it, and what is
    ``shared`` by all stages.

    ``sent``: key of a tensor as this stage makes it -> as the next one gets it; ``results``: the run's, each of all
    micro-batches -> those that the next one gets. ``received``: names of what comes in. ``memory``: a tier to expect what
    crosses in memory in.
    """

    def __init__(
        self,
        own: Placement,
        shared: OfRun,
        stage: int,
        before: Boundary | None,
        behind: Boundary | None,
        sent: Callable[[Key], Key | None],
        results: Mapping[Key, Sequence[Key]],
        received: frozenset[str],
        memory: int,
    ) -> None:
        self._own = own
        self._of_run, self._stage = shared, stage
        self._before, self._behind = before, behind
        self._sent, self._received = sent, received
        self._results, self._offered = results, set[Key]()
        self._memory = memory
        self._shared: dict[Key, Handed] = {}
        self._passing: dict[Key, TensorInstance] = {}

    @staticmethod
    def stripes(layout: Layout) -> dict[int, tuple[int, ...]]:
        """As in :class:`Placement`; the planner asks the policy's own placement."""
        return {}

    def has_room(self) -> bool:
        """As in :class:`Placement`; what persists has its place from the start."""
        return True

    def close(self) -> None:
        """As in :class:`Placement`; the results of a stage stay until the last one has ended."""
        for one in self._shared.values():
            one.leave()
        self._shared.clear()
        for tensor in self._passing.values():
            self._own.release(tensor)
        self._passing.clear()
        self._of_run.ended(self._own)

    def ready(self, made: Sequence[TensorInstance]) -> bool:
        """Has what comes in a place, and is there one for what goes out?"""
        for one in made:
            if self._comes_in(one):
                if self._before is not None and one.key not in self._before.offers:
                    return False
            elif one.key not in self._shared and self._behind is not None:
                outside = self._crosses(one)
                if outside is not None and not self._behind.is_free(outside):
                    return False
        return self._own.ready([one for one in made if not self._comes_in(one)])

    def home(self, tensor: TensorInstance, produced: bool) -> int:
        if tensor.persistent:
            return self._of_run.home(self._stage, tensor)
        shared = self._shared.get(tensor.key)
        outside = self._crosses(tensor)
        if shared is None and self._before is not None and self._comes_in(tensor):
            if not produced:  # what is predicted before it has come in
                return self._expected(self._before, tensor.key)
            shared = self._shared[tensor.key] = self._before.offers.pop(tensor.key)
        elif shared is None and produced and self._behind is not None and outside is not None:
            if not self._behind.is_free(outside):  # predicted before there is room for it
                return self._expected(self._behind, outside)
            shared = self._shared[tensor.key] = self._behind.place(outside, lambda: self._in_memory(tensor))
        if shared is not None:
            return shared.tier
        if tensor.key not in self._results:
            self._passing[tensor.key] = tensor
        return self._own.home(tensor, produced)

    def begins(self, made: Sequence[TensorInstance]) -> None:
        """What goes out may be read by the next stage, which waits until it is complete."""
        for one in made:
            outside = self._sent(one.key)
            if outside is None or self._behind is None:
                continue
            if one.key in self._results:
                self._offer_result(self._behind, one)
            elif one.key in self._shared:
                self._behind.offer(outside, self._shared[one.key], one.size_bytes)

    def placed(self, tensor: TensorInstance) -> bool:
        return tensor.persistent or tensor.key in self._shared or self._own.placed(tensor)

    def address(self, tensor: TensorInstance) -> int:
        if tensor.persistent:
            return self._of_run.address(self._stage, tensor)
        shared = self._shared.get(tensor.key)
        return shared.address if shared is not None else self._own.address(tensor)

    def release(self, tensor: TensorInstance) -> None:
        shared = self._shared.pop(tensor.key, None)
        if shared is not None:
            shared.leave()
        elif self._passing.pop(tensor.key, None) is not None:
            self._own.release(tensor)

    def _expected(self, boundary: Boundary, key: Key) -> int:
        """The tier of what has not been taken over yet: as offered, else in the buffers, else the first memory."""
        offered = boundary.offers.get(key)
        if offered is not None:
            return offered.tier
        return boundary.tier if boundary.buffered else self._memory

    def _comes_in(self, tensor: TensorInstance) -> bool:
        return tensor.name in self._received and not tensor.persistent

    def _crosses(self, tensor: TensorInstance) -> Key | None:
        """Its key with the next stage, where it takes a slot on its way there."""
        return None if tensor.persistent or tensor.key in self._results else self._sent(tensor.key)

    def _offer_result(self, behind: Boundary, tensor: TensorInstance) -> None:
        """It is one tensor for all micro-batches, and lives to the end of the run: all have their place at once."""
        keys = () if tensor.key in self._offered else self._results[tensor.key]
        self._offered.add(tensor.key)
        for key in keys:
            handed = Handed(self._own.home(tensor, True), self._own.address(tensor), _nothing)
            behind.offer(key, handed, tensor.size_bytes // len(keys))

    def _in_memory(self, tensor: TensorInstance) -> Handed:
        tier = self._own.home(tensor, True)
        return Handed(tier, self._own.address(tensor), lambda: self._own.release(tensor))


def _nothing() -> None:
    """Slots of buffers, and results of the run, keep their space."""


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
