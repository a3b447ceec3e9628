"""Candidates of the matrix search: tile sizes on arrays, and the same with their costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.core.arith import ceil_div, smaller
from sim.hardware.pe.dataflow import Dataflow
from sim.mapping.matrix_nest import MatrixChoice, SplitOverCores

Array = np.ndarray[Any, Any]


@dataclass
class Candidates:
    """Tile sizes in units, per candidate, for one split, dataflow and order; extents are those of the largest share."""

    tb: Array
    tm: Array
    tn: Array
    tk: Array
    b: int
    m: int
    n: int
    k: int

    def keep(self, mask: Array) -> Candidates:
        return Candidates(self.tb[mask], self.tm[mask], self.tn[mask], self.tk[mask], self.b, self.m, self.n, self.k)

    def counts(self) -> tuple[Array, Array, Array, Array]:
        return (
            ceil_div(self.b, self.tb), ceil_div(self.m, self.tm), ceil_div(self.n, self.tn), ceil_div(self.k, self.tk)
        )  # fmt: skip


@dataclass
class Group:
    """Costed candidates of one dataflow, split and order. ``count``: tiles per core; ``off_chip``: bytes of all cores."""

    tiles: Candidates
    flow: type[Dataflow] | None
    split: SplitOverCores
    order: str
    cost: Array
    count: Array
    off_chip: Array
    terms: dict[str, Any]

    def pick(self, limit_ps: int) -> tuple[int, int, int, int]:
        """(off-chip bytes, tiles, cost, place) of the candidate to take among those that cost at most ``limit_ps``."""
        within = np.flatnonzero(self.cost <= limit_ps)
        order = np.lexsort((self.cost[within], self.count[within], self.off_chip[within]))
        place = int(within[order[0]])
        return int(self.off_chip[place]), int(self.count[place]), int(self.cost[place]), place

    def choice(self, place: int) -> MatrixChoice:
        tiles = self.tiles
        return MatrixChoice(int(tiles.tb[place]), int(tiles.tm[place]), int(tiles.tn[place]), int(tiles.tk[place]),
                            self.order, self.split, self.flow)  # fmt: skip


def kept_array(k: Array, sparsity: tuple[int, int] | None) -> Array:
    """K after N:M structured sparsity, per candidate."""
    if sparsity is None:
        return k
    kept, block = sparsity
    result: Array = k // block * kept + smaller(kept, k % block)
    return result
