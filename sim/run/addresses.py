"""Addresses of a region's tensors in the memories they are in, and of the tiles that move.

A tensor lies in one piece from the address that placement (or its copy in the near tier) gives it; a tile begins at its
offset in there, so that banks conflict as the tensors were placed and what is read again is found in the same rows. An
operand of several tensors is taken as one behind the other. Where these lie in several memories, or a tensor is cut over
several, every tile takes its share of each memory (:meth:`~sim.mapping.plan.Sources.split`): offset and rows shrink to the
memory's share of the operand. Where a plan does not say where its tiles lie, a transfer has no address and goes on where
its stream left off.

Left out: where in a cache (a tensor that grows) an operator writes: at its beginning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sim.core.errors import InconsistencyError
from sim.hardware.memory.tier import Where
from sim.hardware.noc.traffic_collectives import chunk_bytes
from sim.mapping.plan import RESULTS, Plan, TilePlace
from sim.trace.expand import Slice

Key = tuple[str, Any]
START = TilePlace(0)


class _Share(NamedTuple):
    """Of an operand, or of one part's results, in a tier: its bytes of ``whole_bytes`` in all tiers, and its pieces
    (bytes, address)."""

    size_bytes: int
    whole_bytes: int
    pieces: tuple[tuple[int, int], ...]


class Addresses:
    """Of one region: what is moved of its operands by position, and of the results of each of its parts.

    Neither names what lies in a scratchpad already, for plans count the bytes that move. ``tiers``, ``bases``: tier (index)
    and address per tensor. ``stripes``: tiers over which tensors with that home are cut
    (:class:`~sim.mapping.placement.policy.Placement`); the parts have one address in all of them.
    """

    def __init__(
        self, operands: Sequence[Sequence[Slice]], results: Sequence[Sequence[Slice]], tiers: Mapping[Key, int],
        bases: Mapping[Key, int], plan: Plan, stripes: Mapping[int, tuple[int, ...]],
    ) -> None:  # fmt: skip
        self._operands, self._results = operands, results
        self._tiers, self._bases, self._plan, self._stripes = tiers, bases, plan, stripes
        self._shares: dict[tuple[int, int, int | None], _Share] = {}
        self._first: dict[tuple[int, int], int] = {}

    def where(self, position: int, tier: int, tile: TilePlace = START, schedule: int = 0) -> Where | None:
        """Where in ``tier`` a tile of an operand lies, for the plan's ``schedule``; None: nothing of it is there.

        Raises :class:`InconsistencyError` where the plan puts a tile past the operand's end.
        """
        share = self._shares.get((position, tier, tile.part))
        if share is None:
            share = self._shares[position, tier, tile.part] = self._share(position, tier, tile.part)
        if not share.size_bytes:
            return None
        mine, whole = share.size_bytes, share.whole_bytes
        first = tile.offset_bytes + (self._before(schedule, position) if schedule else 0)
        if first >= whole:
            raise InconsistencyError("tile addresses", f"operand {position}: a tile at byte {first} of {whole}")
        offset, row, stride = (size * mine // whole for size in (first, tile.row_bytes, tile.stride_bytes))
        place = 0
        while offset >= share.pieces[place][0]:
            offset -= share.pieces[place][0]
            place += 1
        return Where(share.pieces[place][1] + offset, row, stride)

    def under(self, plan: Plan) -> Addresses:
        """The same tensors as a part of a divided plan asks for them."""
        return Addresses(self._operands, self._results, self._tiers, self._bases, plan, self._stripes)

    def _share(self, position: int, tier: int, part: int | None) -> _Share:
        slices: Sequence[Slice]
        if position != RESULTS:
            slices = self._operands[position] if 0 <= position < len(self._operands) else ()
        elif part is not None:
            slices = self._results[part]
        else:
            slices = [one for results in self._results for one in results]
        pieces = []
        for one in slices:
            home = self._tiers[one.tensor.key]
            copies = self._stripes.get(home, (home,))
            if tier in copies:
                size = chunk_bytes(one.size_bytes, len(copies))[copies.index(tier)]
                pieces.append((size, self._bases[one.tensor.key]))
        whole = sum(one.size_bytes for one in slices)
        return _Share(sum(size for size, _ in pieces), whole, tuple(pieces))

    def _before(self, schedule: int, position: int) -> int:
        found = self._first.get((schedule, position))
        if found is None:
            found = self._first[schedule, position] = self._plan.first_byte(schedule, position)
        return found
