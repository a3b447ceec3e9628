"""Addresses of a region's tensors in the memories they are in, and of the tiles that move.

A tensor lies in one piece from the address that placement (or its copy in the near tier) gives it; a tile begins at its
offset in there, so that banks conflict as the tensors were placed and what is read again is found in the same rows. An
operand of several tensors is taken as one behind the other. Where a plan does not say where its tiles lie, a transfer
has no address and goes on where its stream left off.

Left out: where in a cache (a tensor that grows) an operator writes: at its beginning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sim.hardware.memory.tier import Where
from sim.mapping.placement.policy import part_bytes
from sim.mapping.plan import RESULTS, Plan, TilePlace
from sim.trace.expand import Slice

Key = tuple[str, Any]
START = TilePlace(0)


class Addresses:
    """Of one region: operands by position and its results. ``tiers``, ``bases``: tier (index) and address per tensor.

    ``stripes``: tiers over which tensors with that home are cut (:class:`~sim.mapping.placement.policy.Placement`); the
    parts have one address in all of them, and offsets and rows shrink with the share.
    """

    def __init__(
        self, operands: Sequence[Sequence[Slice]], results: Sequence[Slice], tiers: Mapping[Key, int],
        bases: Mapping[Key, int], plan: Plan, stripes: Mapping[int, tuple[int, ...]],
    ) -> None:  # fmt: skip
        self._slices: dict[int, Sequence[Slice]] = dict(enumerate(operands))
        self._slices[RESULTS] = results
        self._tiers, self._bases, self._plan, self._stripes = tiers, bases, plan, stripes
        self._copies = {tier: len(copies) for copies in stripes.values() for tier in copies}
        self._pieces: dict[tuple[int, int], list[tuple[int, int]]] = {}
        self._sizes: dict[tuple[int, int], int] = {}
        self._first: dict[tuple[int, int], int] = {}

    def where(self, position: int, tier: int, tile: TilePlace = START, schedule: int = 0) -> Where | None:
        """Where in ``tier`` a tile of an operand lies, for the plan's ``schedule``; None: nothing of it is there."""
        pieces = self._pieces.get((position, tier))
        if pieces is None:
            pieces = self._pieces[position, tier] = self._found(position, tier)
            self._sizes[position, tier] = sum(size for size, _ in pieces)
        if not pieces:
            return None
        offset, copies = tile.offset_bytes, self._copies.get(tier, 1)
        if schedule:
            offset += self._before(schedule, position)
        place, offset = 0, offset // copies % self._sizes[position, tier]
        while offset >= pieces[place][0]:
            offset -= pieces[place][0]
            place += 1
        return Where(pieces[place][1] + offset, tile.row_bytes // copies, tile.stride_bytes // copies)

    def under(self, plan: Plan) -> Addresses:
        """The same tensors as a part of a divided plan asks for them."""
        operands = [self._slices[position] for position in range(len(self._slices) - 1)]
        return Addresses(operands, self._slices[RESULTS], self._tiers, self._bases, plan, self._stripes)

    def _found(self, position: int, tier: int) -> list[tuple[int, int]]:
        """(bytes, address) of the parts of an operand that lie in a tier."""
        found = []
        for one in self._slices.get(position, ()):
            home = self._tiers[one.tensor.key]
            copies = self._stripes.get(home, (home,))
            if tier in copies and one.size_bytes:
                found.append((part_bytes(one.size_bytes, len(copies)), self._bases[one.tensor.key]))
        return found

    def _before(self, schedule: int, position: int) -> int:
        found = self._first.get((schedule, position))
        if found is None:
            found = self._first[schedule, position] = self._plan.first_byte(schedule, position)
        return found
