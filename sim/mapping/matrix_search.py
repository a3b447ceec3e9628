"""Search for the mapping of a matrix segment: tile sizes, loop order, dataflow, unit and split over cores.

Every candidate of a grid is costed by the components' closed forms (:mod:`sim.mapping.matrix_cost`), all splits of the
cores that cut K alike at once. The grid depends only on shape and array, and each term of a cost only falls with a faster
part, so the least cost over the grid (``best_ps``) never rises on a better machine.

Of the candidates within the tolerance of :mod:`sim.mapping.selection`, one on the arrays goes before one on the vector unit
(which then stays free), then one whose K is whole (no sums have to travel), then the rule there: fewer bytes through
off-chip memory (a split over cores that loads the same weights twice is then avoided where it gains nothing), then fewer
tiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import Any

import numpy as np

from sim.config.policy import MappingPin
from sim.core.arith import ceil_div
from sim.hardware.layout import CoreView, Layout
from sim.hardware.pe.dataflow import Dataflow
from sim.mapping.candidates import Array, Candidates, Group
from sim.mapping.core_splits import DIMENSIONS, core_splits
from sim.mapping.geometry import Geometry, fine_sizes, grid, sizes
from sim.mapping.matrix_cost import MatrixCost
from sim.mapping.matrix_nest import MatrixChoice, SplitOverCores
from sim.mapping.matrix_shape import MatrixRegionShape
from sim.mapping.pins import wants
from sim.mapping.plan import ALTERNATIVES, Choice
from sim.mapping.selection import limit_ps

MAX_TILES_PER_CORE = 4096
"""Bound on tiles of one operator on one core, which keeps a run's events bounded; left only by an operator that fits in
no other way."""
EVEN_PARTS = 8
"""How many even cuts of a dimension are tried besides powers of two."""


class MatrixSearch:
    """Finds the best choice for one segment on one class of cores."""

    def __init__(
        self,
        layout: Layout,
        cores: tuple[CoreView, ...],
        shape: MatrixRegionShape,
        pin: MappingPin | None,
        capacity: tuple[int, int],
    ) -> None:
        self.layout = layout
        self.cores = cores
        self.core = cores[0]
        self.shape = shape
        self.pin = pin
        self.capacity = capacity
        self.geometry = Geometry(shape.segment)
        self.cost = MatrixCost(layout, self.core, shape, self.geometry)
        self.considered = 0
        self.most_tiles: int | None = MAX_TILES_PER_CORE

    def best(self) -> tuple[MatrixChoice, Choice] | None:
        """The best choice and its report, or None when no candidate fits this core."""
        wanted = self.pin.buffers if self.pin and self.pin.buffers else self.core.scratchpad_model.spec.buffers
        for self.most_tiles in (MAX_TILES_PER_CORE, None):
            for buffers in range(wanted, 0, -1):
                found = self._best_with(buffers)
                if found is not None:
                    return found
        return None

    def combinations(self) -> Iterator[tuple[type[Dataflow] | None, SplitOverCores, str]]:
        """(dataflow or None for the vector unit, split, order): what a candidate chooses besides its tile sizes."""
        for flow in self._flows():
            for split in self._splits(flow):
                for order in self._orders():
                    yield flow, split, order

    def share(self, split: SplitOverCores) -> tuple[int, int, int, int]:
        """Extents in units (batch, M, N, K) of the largest share when the segment is cut over cores by ``split``."""
        segment, geometry = self.shape.segment, self.geometry
        whole = (segment.batch, geometry.m_units, segment.n, geometry.k_units)
        b, m, n, k = (int(ceil_div(*pair)) for pair in zip(whole, split, strict=True))
        return b, m, n, k

    def costs(
        self, tiles: tuple[Array, Array, Array, Array], flow: type[Dataflow] | None, split: SplitOverCores,
        order: str, buffers: int,
    ) -> Array:  # fmt: skip
        """Costs in picoseconds of those of any tile sizes (units of b, m, n, k) that fit and stay within the bound on tiles.

        After :meth:`best`, the bound is the one that search ended with.
        """
        found = Candidates.of(tiles, split, self.share(split))
        groups = self._evaluate([self._within_bound(found)], flow, (order,), buffers)
        return groups[0].of.cost if groups else np.zeros(0, dtype=np.int64)

    def _within_bound(self, tiles: Candidates) -> Candidates:
        if self.most_tiles is None:
            return tiles
        nb, nm, nn, nk = tiles.counts()
        return tiles.keep(nb * nm * nn * nk <= self.most_tiles)

    def _best_with(self, buffers: int) -> tuple[MatrixChoice, Choice] | None:
        found: list[Group] = []
        for flow in self._flows():
            for _, splits in groupby(self._splits(flow), key=lambda split: split[3]):
                shares = [one for split in splits if (one := self._grid(flow, split)) is not None]
                found += self._evaluate(shares, flow, self._orders(), buffers)
        if not found:
            return None
        best = min(int(group.of.cost.min()) for group in found)
        limit = limit_ps(best)
        picks = [
            (group.flow is None, group.split[3] > 1, *group.pick(limit), rank)
            for rank, group in enumerate(found)
            if group.of.cost.min() <= limit
        ]
        *_, place, rank = min(picks)
        report = self._report(found[rank], place, buffers, best)
        others = self._alternatives(found, rank, place, buffers, best)
        return found[rank].choice(place), replace(report, alternatives=others)

    def _alternatives(
        self, found: list[Group], rank: int, place: int, buffers: int, best_ps: int
    ) -> tuple[dict[str, Any], ...]:
        """The cheapest candidates of other groups, and the cheapest of the chosen group when it is not the chosen one."""
        cheapest = [(int(group.of.cost.min()), other, int(group.of.cost.argmin())) for other, group in enumerate(found)]
        chosen = self._report(found[rank], place, buffers, best_ps)
        kept = [chosen]
        for _, other, where in sorted(cheapest):
            one = self._report(found[other], where, buffers, best_ps)
            if all((one.engine, one.dataflow, one.tile, one.split) != (had.engine, had.dataflow, had.tile, had.split)
                   for had in kept):  # fmt: skip
                kept.append(one)
            if len(kept) > ALTERNATIVES:
                break
        return tuple(one.to_alternative() for one in kept[1:])

    def _flows(self) -> Iterator[type[Dataflow] | None]:
        model, pin = self.core.array_model, self.pin
        if model is not None and model.rate(self.shape.compute_type) and wants(pin, "array", self.core):
            yield from model.flows((pin.dataflow if pin else None) or model.spec.dataflow)
        if self.core.vector_model is not None and wants(pin, "vector", self.core):
            yield None

    def _orders(self) -> tuple[str, ...]:
        if self.pin and self.pin.order:
            return ("nm",) if self.pin.order.index("n") < self.pin.order.index("m") else ("mn",)
        return ("mn", "nm")

    def _splits(self, flow: type[Dataflow] | None) -> Iterator[SplitOverCores]:
        """Cores along batch, M, N and K. K is split on arrays only, into parts of at least an array's rows."""
        rows = None
        if flow is not None and self.core.vector_model is not None and self.core.array_model is not None:
            rows = self.core.array_model.spec.rows
        if self.pin and self.pin.cores:
            cores = self.pin.cores
            if rows is not None or cores.get("k", 1) == 1:
                yield cores.get("b", 1), cores.get("m", 1), cores.get("n", 1), cores.get("k", 1)
            return
        sums = self.layout.architecture.policy.reduction != "none"
        yield from core_splits(self.geometry, len(self.cores), rows if sums else None)

    def _grid(self, flow: type[Dataflow] | None, split: SplitOverCores) -> Candidates | None:
        geometry, (b, m, n, k_units) = self.geometry, self.share(split)
        model = self.core.array_model
        rows, cols = (model.spec.rows, model.spec.cols) if model is not None and flow is not None else (64, 64)
        m_granule = max(1, max(rows, cols) // geometry.m_unit)
        coarse = sizes(n, cols, EVEN_PARTS)
        axes = [sizes(b, 1, 2), sizes(m, m_granule, EVEN_PARTS), sorted({*coarse, *fine_sizes(n, cols, EVEN_PARTS)}),
                sizes(k_units, max(1, rows // geometry.k_unit), EVEN_PARTS)]  # fmt: skip
        if m_granule > 1 or geometry.m_unit > 1:
            axes[1] = sorted({*axes[1], *(size for size in (1, 2, 4, 8) if size < m)})
        for place, (name, unit) in enumerate((("b", 1), ("m", geometry.m_unit), ("n", 1), ("k", geometry.k_unit))):
            if self.pin and self.pin.tile and name in self.pin.tile:
                most = (b, m, n, k_units)[place]
                axes[place] = [min(most, max(1, self.pin.tile[name] // unit))]
        tb, tm, tn, tk = grid(*axes)
        found = Candidates.of((tb, tm, tn, tk), split, (b, m, n, k_units))
        if len(axes[2]) > 1:
            found = found.keep(np.isin(tn, coarse) | (tk >= k_units))
        bounded = self._within_bound(found)
        return bounded if len(bounded.tb) else (found if self.pin and self.pin.tile else None)

    def _evaluate(
        self, shares: Sequence[Candidates], flow: type[Dataflow] | None, orders: tuple[str, ...], buffers: int
    ) -> list[Group]:
        """The candidates that fit, costed, one group per split and order; ``shares``: of each split, K cut alike in all."""
        if not shares:
            return []
        whole = Candidates.joined(shares)
        fits = self.cost.fits(whole, flow, buffers, self.capacity)
        self.considered += int(fits.sum()) * len(orders)
        costed = self.cost.of(whole.keep(fits), flow, orders) if fits.any() else ()
        ends = np.cumsum([0, *(len(one.tb) for one in shares)])
        left = np.concatenate([[0], np.cumsum(fits)])[ends]
        return [
            Group.between(flow, one, begin, end)
            for begin, end in pairwise(left.tolist()) if begin < end
            for one in costed
        ]  # fmt: skip

    def _report(self, group: Group, place: int, buffers: int, best_ps: int) -> Choice:
        unit, choice = self.geometry, group.choice(place)
        return Choice(
            engine="array" if choice.flow is not None else "vector",
            dataflow=choice.flow.name if choice.flow is not None else None,
            tile={"b": choice.tb, "m": choice.tm * unit.m_unit, "n": choice.tn, "k": choice.tk * unit.k_unit},
            order="b" + choice.order + "k",
            split={
                name: parts for name, parts in zip(DIMENSIONS, choice.split, strict=True) if name != "k" or parts > 1
            },
            buffers=buffers,
            tiles=int(group.of.count[place]),
            considered=self.considered,
            predicted_ps=int(group.of.cost[place]),
            best_ps=best_ps,
            terms_ps={name: int(value[place]) for name, value in group.of.terms.items()},
        )
