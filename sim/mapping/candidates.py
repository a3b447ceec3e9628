"""Candidates of the matrix search: tile sizes and splits over cores on arrays, and the same with their costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from sim.core.arith import ceil_div, smaller
from sim.hardware.pe.dataflow import Dataflow
from sim.mapping.matrix_nest import MatrixChoice, SplitOverCores

Array = np.ndarray[Any, Any]


@dataclass
class Candidates:
    """Per candidate, on arrays: tile sizes in units, cores along batch, M and N, and the extents of the largest share.

    The extent ``k`` and ``parts``, the cores along K, are those of all candidates.
    """

    tb: Array
    tm: Array
    tn: Array
    tk: Array
    pb: Array
    pm: Array
    pn: Array
    b: Array
    m: Array
    n: Array
    k: int
    parts: int

    @classmethod
    def of(cls, tiles: Sequence[Array], split: SplitOverCores, share: SplitOverCores) -> Candidates:
        """Tiles of any sizes (b, m, n, k) for one split; ``share``: extents of the largest share in units."""
        filled = [np.full_like(tiles[0], one) for one in (*split[:3], *share[:3])]
        columns = dict(zip(COLUMNS, (*tiles, *filled), strict=True))
        return cls(**columns, k=share[3], parts=split[3])

    @classmethod
    def joined(cls, shares: Sequence[Candidates]) -> Candidates:
        """Those of several splits that cut K alike, one after another."""
        columns = {name: np.concatenate([getattr(one, name) for one in shares]) for name in COLUMNS}
        return cls(**columns, k=shares[0].k, parts=shares[0].parts)

    def keep(self, which: Array | slice) -> Candidates:
        """Those that a mask, places or a slice pick."""
        columns = {name: getattr(self, name)[which] for name in COLUMNS}
        return Candidates(**columns, k=self.k, parts=self.parts)

    def counts(self) -> tuple[Array, Array, Array, Array]:
        """Tiles of the largest share along each dimension."""
        return (
            ceil_div(self.b, self.tb), ceil_div(self.m, self.tm), ceil_div(self.n, self.tn), ceil_div(self.k, self.tk)
        )  # fmt: skip

    @property
    def owners(self) -> Array:
        """Cores that have blocks of results of their own."""
        return self.pb * self.pm * self.pn

    def split(self, place: int) -> SplitOverCores:
        """Cores along batch, M, N and K of one candidate."""
        return int(self.pb[place]), int(self.pm[place]), int(self.pn[place]), self.parts


COLUMNS = tuple(one.name for one in fields(Candidates) if one.name not in ("k", "parts"))


@dataclass
class Costed:
    """Candidates in one loop order with their costs. ``count``: tiles per core; ``off_chip``: bytes of all cores."""

    tiles: Candidates
    order: str
    cost: Array
    count: Array
    off_chip: Array
    terms: dict[str, Array]


@dataclass
class Group:
    """Costed candidates of one dataflow, split and order."""

    flow: type[Dataflow] | None
    split: SplitOverCores
    of: Costed

    @classmethod
    def between(cls, flow: type[Dataflow] | None, costed: Costed, begin: int, end: int) -> Group:
        """The candidates [begin, end) of ``costed``, which are those of one split."""
        here = slice(begin, end)
        terms = {name: value[here] for name, value in costed.terms.items()}
        one = Costed(costed.tiles.keep(here), costed.order, costed.cost[here], costed.count[here],
                     costed.off_chip[here], terms)  # fmt: skip
        return cls(flow, costed.tiles.split(begin), one)

    def pick(self, limit_ps: int) -> tuple[int, int, int, int]:
        """(off-chip bytes, tiles, cost, place) of the candidate to take among those that cost at most ``limit_ps``."""
        cost, count, off_chip = self.of.cost, self.of.count, self.of.off_chip
        within = np.flatnonzero(cost <= limit_ps)
        order = np.lexsort((cost[within], count[within], off_chip[within]))
        place = int(within[order[0]])
        return int(off_chip[place]), int(count[place]), int(cost[place]), place

    def choice(self, place: int) -> MatrixChoice:
        tiles = self.of.tiles
        return MatrixChoice(int(tiles.tb[place]), int(tiles.tm[place]), int(tiles.tn[place]), int(tiles.tk[place]),
                            self.of.order, self.split, self.flow)  # fmt: skip


def kept_array(k: Array, sparsity: tuple[int, int] | None) -> Array:
    """K after N:M structured sparsity, per candidate."""
    if sparsity is None:
        return k
    kept, block = sparsity
    result: Array = k // block * kept + smaller(kept, k % block)
    return result
