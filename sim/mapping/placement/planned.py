"""``placement: planned``: activations get on-chip addresses from a plan made over their lifetimes before the job runs.

``by_lifetime`` takes the first hole at the moment a tensor is made, and holes are where earlier tensors happened to end.
Here all lifetimes are known: tensors are placed one after another into the tightest gap left by those that live at the
same time, in several orders (largest first, longest-lived first, most traffic first, in order of time), and the plan with
the fewest spilled bytes is taken. Where two tensors share addresses, the region that makes the later one waits until the
last reader of the earlier has finished: the plan trades overlap of operators for memory. Tensors that the plan leaves
out go to backing memory, as everything else does in ``by_lifetime``.

What it leaves out: moving a tensor during its life, splitting one, changing the order of operators. Only shared on-chip
memory is planned, and the plan takes space per tensor instance, at most ``MAX_TENSORS`` of them. Regions are those of
fusion by ``policy.fusion``; one that is joined by prediction stores fewer tensors than were planned for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sim.core.errors import InputError, Problem
from sim.hardware.layout import Layout
from sim.mapping.placement.arena import Arena
from sim.mapping.placement.by_lifetime import ByLifetime
from sim.mapping.placement.policy import placements
from sim.mapping.regions import form_regions
from sim.trace.expand import TensorInstance, expand, output_keys
from sim.trace.model import Trace

Key = tuple[str, Any]
MAX_TENSORS = 100_000


@dataclass(frozen=True)
class Life:
    """A tensor made by a region of the job: first and last region (numbers) that need it, bytes, and reads of it."""

    key: Key
    first: int
    last: int
    size_bytes: int
    reads: int

    @property
    def spilled_bytes(self) -> int:
        """Bytes that move off chip when it lives there: written once, read as often as it is."""
        return self.size_bytes * (1 + self.reads)


Order = Callable[[Life], tuple[int, ...]]
ORDERS: tuple[Order, ...] = (
    lambda life: (-life.size_bytes, life.first),
    lambda life: (life.first - life.last, -life.size_bytes, life.first),
    lambda life: (-life.reads, -life.size_bytes, life.first),
    lambda life: (life.first, -life.size_bytes),
)
"""Orders in which tensors are placed; each gives plans, the best of which is taken."""
ROUNDS = 8
"""Times that an order is mended; more found nothing better on the networks of docs/studies/scratchpad.md."""


def lives(trace: Trace, fusion: str) -> list[Life]:
    """Lifetimes of the activations that regions of ``trace`` store, except its outputs, in order of production."""
    made: dict[Key, tuple[int, int]] = {}
    reads: dict[Key, int] = {}
    found: list[Life] = []
    kept, number = output_keys(trace), 0

    def close(key: Key, last: int) -> None:
        first, size = made.pop(key)
        found.append(Life(key, first, last, size, reads.pop(key, 0)))

    for region in form_regions(expand(trace), fusion):
        number = region.number
        inner = {one.outputs[0].tensor.key for one in region.operators[:-1]}
        for operator in region.operators:
            for _, slices in operator.inputs:
                for one in slices:
                    if one.tensor.key in made and one.tensor.key not in inner:
                        reads[one.tensor.key] = reads.get(one.tensor.key, 0) + 1
        for one in region.tail.outputs:
            if not one.tensor.persistent and one.tensor.key not in kept and one.tensor.key not in made:
                made[one.tensor.key] = (number, one.tensor.size_bytes)
        for tensor in region.frees:
            if tensor.key in made:
                close(tensor.key, number)
        if len(found) + len(made) > MAX_TENSORS:
            raise InputError([Problem("`placement: planned` plans a bounded number of tensors",
                                      found=f"more than {MAX_TENSORS} in {trace.name}", allowed="by_lifetime")])  # fmt: skip
    for key in list(made):
        close(key, number)
    return sorted(found, key=lambda life: (life.first, life.last, str(life.key)))


def peak_bytes(all_lives: Iterable[Life], align: int = 64) -> int:
    """The most bytes alive at once: no plan can do with less."""
    change: dict[int, int] = {}
    for life in all_lives:
        size = -(-life.size_bytes // align) * align
        change[life.first] = change.get(life.first, 0) + size
        change[life.last + 1] = change.get(life.last + 1, 0) - size
    most = now = 0
    for moment in sorted(change):
        now += change[moment]
        most = max(most, now)
    return most


def plan_addresses(all_lives: Sequence[Life], capacity: int, align: int = 64) -> dict[Key, int]:
    """Key -> address within ``capacity`` bytes of the tensors kept on chip; the plan with the fewest bytes spilled.

    Each of ORDERS is tried, and mended: what found no place is placed before all others in the next round.
    """
    best: dict[Key, int] = {}
    least = sum(life.spilled_bytes for life in all_lives) + 1
    for order in ORDERS:
        ordered = sorted(all_lives, key=order)
        for _ in range(ROUNDS):
            plan = _place(ordered, capacity, align)
            left = [life for life in ordered if life.key not in plan]
            spilled = sum(life.spilled_bytes for life in left)
            if spilled < least:
                best, least = plan, spilled
            if not spilled:
                return best
            ordered = [*left, *(life for life in ordered if life.key in plan)]
    return best


def _place(ordered: Sequence[Life], capacity: int, align: int) -> dict[Key, int]:
    """Each tensor into the tightest gap between those placed before that live at the same time; left out if none fits."""
    placed: list[tuple[int, int, Life]] = []
    plan: dict[Key, int] = {}
    for life in ordered:
        size = max(align, -(-life.size_bytes // align) * align)
        end, best = 0, None
        for address, upto, other in [*placed, (capacity, capacity, None)]:
            if other is not None and (other.last < life.first or life.last < other.first):
                continue
            gap = address - end
            if gap >= size and (best is None or gap < best[0]):
                best = (gap, end)
            end = max(end, upto)
        if best is not None:
            plan[life.key] = best[1]
            placed.append((best[1], best[1] + size, life))
            placed.sort(key=lambda one: one[:2])
    return plan


@placements.register("planned")
class Planned(ByLifetime):
    """See the module docstring."""

    def __init__(self, layout: Layout, trace: Trace, arenas: Sequence[Arena]) -> None:
        super().__init__(layout, trace, arenas)
        left = lives(trace, layout.architecture.policy.fusion)
        self._planned: dict[Key, tuple[int, int]] = {}
        for tier in layout.tiers:
            if tier.on_chip and tier.core is None:
                plan = plan_addresses(left, tier.capacity)
                self._planned |= {key: (tier.index, address) for key, address in plan.items()}
                left = [life for life in left if life.key not in plan]

    def ready(self, made: Sequence[TensorInstance]) -> bool:
        """Are the planned places of what a region makes free?"""
        for tensor in made:
            planned = self._planned.get(tensor.key)
            if planned is not None and tensor.key not in self._homes:
                tier, address = planned
                if not self._arenas[tier].is_free(address, tensor.size_bytes):
                    return False
        return True

    def home(self, tensor: TensorInstance, produced: bool) -> int:
        planned = self._planned.get(tensor.key) if produced and tensor.key not in self._homes else None
        if planned is not None and self._arenas[planned[0]].is_free(planned[1], tensor.size_bytes):
            self._arenas[planned[0]].claim(planned[1], tensor.size_bytes, tensor.role)
            self._homes[tensor.key] = (*planned, tensor.size_bytes, tensor.role)
            return planned[0]
        if produced and tensor.key not in self._homes:
            return self._settle(tensor, tensor.size_bytes, self._layout.backing)
        return super().home(tensor, produced)
