"""``placement: interleave``: as ``by_lifetime``, but every tensor lies in equal parts in all copies of a memory.

So do address maps that give neighbouring blocks to different controllers: a tile's transfer becomes one message to each
copy of the memory, all of the same size, and a single operator has the bandwidth of all of them. Left out: the grain, below
which a transfer would lie in one copy alone (here every transfer is cut, and copies round small parts up to bursts), and
maps that spread over unlike memories. Tensors do not move between tiers (`residency: in_place`), and engines in a memory
read operands in place, so neither goes with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sim.core.errors import InputError, Problem
from sim.hardware.layout import Layout, TierView
from sim.mapping.placement.arena import Arena
from sim.mapping.placement.by_lifetime import ByLifetime
from sim.mapping.placement.policy import part_bytes, placements
from sim.trace.expand import TensorInstance
from sim.trace.model import Trace

Part = tuple[int, int, int, str]
"""Tier, address, bytes and role of one part."""


@placements.register("interleave")
class Interleave(ByLifetime):
    """A tensor's home is the first of the copies; the parts in the others are kept here."""

    def __init__(self, layout: Layout, trace: Trace, arenas: Sequence[Arena]) -> None:
        policy = layout.architecture.policy
        if policy.residency != "in_place":
            place = layout.architecture.policy_place("placement")
            message = "placement: interleave cuts tensors over memories, so nothing copies them between tiers"
            raise InputError([Problem(message, place, found=f"residency: {policy.residency}", allowed="in_place")])
        super().__init__(layout, trace, arenas)
        self._copies = self.stripes(layout)
        self._others: dict[object, list[Part]] = {}

    @staticmethod
    def stripes(layout: Layout) -> dict[int, tuple[int, ...]]:
        """As in :class:`~sim.mapping.placement.policy.Placement`: the copies of one declaration, by the first."""
        copies: dict[str, list[int]] = {}
        for tier in layout.homes:
            if tier.core is None:
                copies.setdefault(tier.node.path, []).append(tier.index)
        return {tiers[0]: tuple(tiers) for tiers in copies.values() if len(tiers) > 1}

    def candidates(self, backing: bool) -> tuple[TierView, ...]:
        others = {tier for tiers in self._copies.values() for tier in tiers[1:]}
        return tuple(tier for tier in super().candidates(backing) if tier.index not in others)

    def close(self) -> None:
        super().close()
        for parts in self._others.values():
            self._free(parts)
        self._others.clear()

    def release(self, tensor: TensorInstance) -> None:
        super().release(tensor)
        if not tensor.persistent:
            self._free(self._others.pop(tensor.key, []))

    def _settle(self, tensor: TensorInstance, size: int, tiers: Sequence[TierView]) -> int:
        for tier in tiers:
            copies = self._copies.get(tier.index, (tier.index,))
            parts = self._parts(copies, part_bytes(size, len(copies)), tensor.role)
            if parts is not None:
                self._homes[tensor.key], self._others[tensor.key] = parts[0], parts[1:]
                return tier.index
        raise InputError([self._no_room(tensor, size)])

    def _parts(self, copies: Sequence[int], size: int, role: str) -> list[Part] | None:
        """The same room in each of the copies, or none."""
        found: list[Part] = []
        for copy in copies:
            address = self._arenas[copy].allocate(size, role)
            if address is None:
                self._free(found)
                return None
            found.append((copy, address, size, role))
        return found

    def _free(self, parts: Sequence[Part]) -> None:
        for tier, address, size, role in parts:
            self._arenas[tier].free(address, size, role)
