"""Search for the mapping of a matrix segment: tile sizes, loop order, dataflow, unit and split over cores.

Every candidate of a grid is costed by the components' own closed forms (:mod:`sim.hardware`), on arrays of candidates at
once. The cost of a candidate, in picoseconds, on the core with the largest share:

    max(compute + first activation tile, slowest memory path + last tile's compute) + vector tail + last store

(and, where K is split over cores, the way of the last block's partial sums through them, :mod:`sim.mapping.k_split`),

where a memory path is a tier, a link port or the scratchpad's banks. With weights (a persistent B), neither their first
tile nor the last tile's compute counts: the executor prefetches weights across operators, so the first tile loads
behind the operator before and the last computes while the next one's weights load (so even a single tile leaves room
for another). The grid depends only on shape and array, and each term only
falls with a faster part, so the least cost over the grid (``best_ps``) never rises on a better machine.

Of the candidates within the tolerance of :mod:`sim.mapping.selection`, one on the arrays goes before one on the vector unit
(which then stays free), then one whose K is whole (no sums have to travel), then the rule there: fewer bytes through
off-chip memory (a split over cores that loads the same weights twice is then avoided where it gains nothing), then fewer
tiles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from sim.config.policy import MappingPin
from sim.core.arith import ceil_div, larger, smaller
from sim.hardware.layout import CoreView, Layout
from sim.hardware.pe.dataflow import Dataflow
from sim.hardware.pe.systolic import ACCUMULATE_BITS, MatrixTile, bits_to_bytes, kept_k
from sim.mapping.candidates import Array, Candidates, Group, kept_array
from sim.mapping.core_splits import DIMENSIONS, core_splits
from sim.mapping.geometry import Geometry, fine_sizes, grid, sizes
from sim.mapping.k_split import SumsCost, sums_cost
from sim.mapping.matrix_nest import MatrixChoice, SplitOverCores, matrix_reuse
from sim.mapping.matrix_shape import MatrixRegionShape
from sim.mapping.paths import Flow, Paths, rate_ps
from sim.mapping.pins import wants
from sim.mapping.plan import ALTERNATIVES, Choice, Sources
from sim.mapping.schedulers.policy import Distance, schedulers
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
        self.input_capacity, self.output_capacity = capacity
        self.geometry = Geometry(shape.segment)
        self.paths = Paths(layout, self.core)
        self.considered = 0
        policy = layout.architecture.policy  # weights are on chip before a region begins where it is not the only one
        self._runs_ahead = not schedulers.get(policy.scheduler).holds(policy, Distance(1, 1))
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
        found = Candidates(*tiles, *self.share(split))
        groups = self._evaluate(self._within_bound(found), flow, split, (order,), buffers)
        return groups[0].cost if groups else np.zeros(0, dtype=np.int64)

    def _within_bound(self, tiles: Candidates) -> Candidates:
        if self.most_tiles is None:
            return tiles
        nb, nm, nn, nk = tiles.counts()
        return tiles.keep(nb * nm * nn * nk <= self.most_tiles)

    def _best_with(self, buffers: int) -> tuple[MatrixChoice, Choice] | None:
        found: list[Group] = []
        for flow in self._flows():
            for split in self._splits(flow):
                candidates = self._grid(flow, split)
                if candidates is not None:
                    found += self._evaluate(candidates, flow, split, self._orders(), buffers)
        if not found:
            return None
        best = min(int(group.cost.min()) for group in found)
        limit = limit_ps(best)
        picks = [
            (group.flow is None, group.split[3] > 1, *group.pick(limit), rank)
            for rank, group in enumerate(found)
            if group.cost.min() <= limit
        ]
        *_, place, rank = min(picks)
        report = self._report(found[rank], place, buffers, best)
        others = self._alternatives(found, rank, place, buffers, best)
        return found[rank].choice(place), replace(report, alternatives=others)

    def _alternatives(
        self, found: list[Group], rank: int, place: int, buffers: int, best_ps: int
    ) -> tuple[dict[str, Any], ...]:
        """The cheapest candidates of other groups, and the cheapest of the chosen group when it is not the chosen one."""
        cheapest = [(int(group.cost.min()), other, int(group.cost.argmin())) for other, group in enumerate(found)]
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
        found = Candidates(tb, tm, tn, tk, b, m, n, k_units)
        if len(axes[2]) > 1:
            found = found.keep(np.isin(tn, coarse) | (tk >= k_units))
        bounded = self._within_bound(found)
        return bounded if len(bounded.tb) else (found if self.pin and self.pin.tile else None)

    def _bytes_of(
        self, tiles: Candidates, flow: type[Dataflow] | None, parts: int
    ) -> tuple[Array, Array, Array, Array | int]:
        """Scratchpad bytes of one A, B and result block per candidate, and of blocks from cores that share K."""
        shape, geometry = self.shape, self.geometry
        k = tiles.tk * geometry.k_unit
        kept = kept_array(k, shape.sparsity)
        zero = np.zeros_like(k)
        a = shape.a.transferred(bits_to_bytes(tiles.tb * geometry.m_factor(tiles.tm) * tiles.tk, shape.a_bits))
        b = shape.b.transferred(bits_to_bytes(tiles.tb * kept * tiles.tn, shape.b_bits))
        results = tiles.tb * tiles.tm * geometry.m_unit * tiles.tn
        final, partial = bits_to_bytes(results, shape.c_bits), bits_to_bytes(results, Fraction(ACCUMULATE_BITS))
        if parts > 1:
            return a, b, partial, self._sums(parts, results, results).received
        model = self.core.array_model
        held = model.accumulator_holds(results) if model is not None and flow is not None else zero
        whole_k = tiles.tk >= tiles.k
        block = np.where(whole_k | (held == 1), final, partial)
        return a, b, np.where(whole_k & shape.c.local, 0, block), 0

    def _evaluate(
        self, tiles: Candidates, flow: type[Dataflow] | None, split: SplitOverCores, orders: tuple[str, ...],
        buffers: int,
    ) -> list[Group]:  # fmt: skip
        """The candidates that fit, costed, one group per order; none when nothing fits."""
        a, b, block, received = self._bytes_of(tiles, flow, split[3])
        nb, nm, nn, nk = tiles.counts()
        extra = sum(source.transferred(total) for total, source in self.shape.extras)
        blocks = nb * nm * nn
        per_block = ceil_div(extra, blocks * prod(split[:3])) + received
        at_once = buffers if self.shape.b.persistent else smaller(buffers, blocks * nk)
        fits = ((a + b + per_block) * at_once <= self.input_capacity) & (
            block * smaller(buffers, blocks) <= self.output_capacity
        )
        self.considered += int(fits.sum()) * len(orders)
        if not fits.any():
            return []
        tiles, a = tiles.keep(fits), a[fits]
        computed = self._compute(tiles, flow, self.shape.c_bits if split[3] == 1 else Fraction(ACCUMULATE_BITS))
        found = []
        for order in orders:
            cost, count, off_chip, terms = self._cost(tiles, a, computed, split, order)
            off_chip = np.broadcast_to(off_chip, cost.shape)
            found.append(Group(tiles, flow, split, order, cost, count, off_chip, terms))
        return found

    def _cost(
        self, tiles: Candidates, a: Array, computed: tuple[Array, Array, Array], split: SplitOverCores,
        order: str,
    ) -> tuple[Array, Array, Any, dict[str, Any]]:  # fmt: skip
        shape, geometry = self.shape, self.geometry
        nb, nm, nn, nk = tiles.counts()
        used, owners = prod(split), prod(split[:3])
        compute, banks, tile_compute = computed
        a_again = np.where((nk > 1) | ((order == "nm") & (nm > 1)), nn, 1)
        b_again = np.where((nk > 1) | ((order == "mn") & (nn > 1)), nm, 1)
        edge = tiles.m - (nm - 1) * tiles.tm
        m_touched = (nm - 1) * geometry.m_factor(tiles.tm) + geometry.m_factor(edge)
        a_once = shape.a.transferred(bits_to_bytes(tiles.b * m_touched * tiles.k, shape.a_bits))
        kept = kept_k(min(shape.segment.k, tiles.k * geometry.k_unit), shape.sparsity)
        b_once = shape.b.transferred(bits_to_bytes(tiles.b * kept * tiles.n, shape.b_bits))
        units = (tiles.tb, tiles.tm, tiles.tn, tiles.tk)
        a_found, b_found = matrix_reuse(shape, geometry, units, order, split)
        a_bytes, b_bytes = a_once * a_again, b_once * b_again
        results = tiles.b * tiles.m * geometry.m_unit * tiles.n
        c_bytes = int(shape.c.transferred(bits_to_bytes(results, shape.c_bits)))
        a_hit = a_bytes - a_found.missed(shape.a, a_once, a_again)
        b_hit = b_bytes - b_found.missed(shape.b, b_once, b_again)
        flows = [Flow(shape.a, a_bytes, self._sharers(shape.a, split[2]), a_hit),
                 Flow(shape.b, b_bytes, self._sharers(shape.b, split[1]), b_hit),
                 Flow(shape.c, c_bytes, split[3])]  # fmt: skip
        sizes = [(source, ceil_div(source.transferred(total), owners)) for total, source in shape.extras]
        flows += [Flow(source, size, split[3], hit=size if source.cached else 0) for source, size in sizes]
        sums = self._sums(split[3], results, tiles.tb * tiles.tm * geometry.m_unit * tiles.tn)
        memory = self.paths.slowest_ps(flows, used, sums.received)
        moved = sum(flow.amount for flow in flows) + sums.moved
        if shape.operations:  # the fused chain reads and writes each result, and reads its own operands
            moved = (
                moved + 2 * int(bits_to_bytes(results, shape.c_bits)) + sum(size for size, _ in shape.extras) // owners
            )
        banks = banks + rate_ps(moved, self.core.scratchpad_model.bytes_per_s)
        vector_total, vector_tile = self._vector(tiles, owners, sums.additions)
        first = 0 * a if shape.a.persistent or shape.a.local else self.paths.transfer_ps(shape.a, a)
        last = self.paths.transfer_ps(shape.c, ceil_div(c_bytes, nb * nm * nn)) if c_bytes else 0
        slowest = larger(larger(memory, banks), vector_total)
        tail = 0 if shape.b.persistent and self._runs_ahead else tile_compute
        cost = larger(compute + first, slowest + tail) + vector_tile + sums.tail_ps + last
        terms = {"compute": compute, "memory": memory, "scratchpad": banks, "vector": vector_total, "first_tile": first,
                 "last_tile": tail, "last_store": last}  # fmt: skip
        if split[3] > 1:
            terms["partial_sums"] = sums.tail_ps
        return cost, nb * nm * nn * nk, self.paths.off_chip(flows, used), terms

    def _sums(self, parts: int, results: Array | int, block: Array) -> SumsCost:
        tree = self.layout.architecture.policy.reduction == "tree"
        return sums_cost(self.paths, self.core.vector_model, tree, parts, results, block)

    def _sharers(self, source: Sources, cores: int) -> int:
        """Cores that take an operand from one message; behind a cache each loads for itself, and the cache is shared."""
        return cores if self.layout.architecture.policy.multicast and not source.cache else 1

    def _vector(self, tiles: Candidates, owners: int, additions: int) -> tuple[int | Array, int | Array]:
        """Time of all vector stages of a core, and of one; ``additions`` per result are of partial sums."""
        model, operations = self.core.vector_model, self.shape.operations
        if additions:
            operations = (*operations, ("add", additions * self.shape.results))
        if not operations or model is None:
            return 0, 0
        nb, nm, nn, _ = tiles.counts()
        blocks = nb * nm * nn
        per_block = model.cycles([(name, ceil_div(count, blocks * owners)) for name, count in operations])
        tile = rate_ps(per_block, model.clock.hz)
        return tile * blocks, tile

    def _compute(self, tiles: Candidates, flow: type[Dataflow] | None, c_bits: Fraction) -> tuple[Array, Array, Array]:
        """Per candidate: compute time of all tiles, scratchpad time of all tiles, compute time of one full tile.

        ``c_bits``: of one result as it leaves the arrays.
        """
        total = np.zeros_like(tiles.tb)
        moved = np.zeros_like(tiles.tb)
        counts = tiles.counts()
        fulls = (tiles.tb, tiles.tm, tiles.tn, tiles.tk)
        edges = tuple(extent - (count - 1) * full for extent, count, full in
                      zip((tiles.b, tiles.m, tiles.n, tiles.k), counts, fulls, strict=True))  # fmt: skip
        for corner in range(16):
            picked = [edges[axis] if corner >> axis & 1 else fulls[axis] for axis in range(4)]
            times = np.ones_like(tiles.tb)
            for axis in range(4):
                times = times * (1 if corner >> axis & 1 else counts[axis] - 1)
            if not times.any():
                continue
            cycles, traffic = self._tile(picked, flow, bool(corner >> 3 & 1), c_bits)
            total = total + times * cycles
            moved = moved + times * traffic
        first, _ = self._tile(list(fulls), flow, True, c_bits)
        hz = self._unit_hz(flow)
        scratchpad = self.core.scratchpad_model
        return rate_ps(total, hz), rate_ps(moved, scratchpad.bytes_per_s), rate_ps(first, hz)

    def _tile(
        self, units: list[Array], flow: type[Dataflow] | None, last_k: bool, c_bits: Fraction
    ) -> tuple[Array, Array]:
        """Cycles and scratchpad bytes of one tile given in units."""
        shape, geometry = self.shape, self.geometry
        tb, m, n, k = units[0], units[1] * geometry.m_unit, units[2], units[3] * geometry.k_unit
        kept = kept_array(k, shape.sparsity)
        if flow is None:
            assert self.core.vector_model is not None
            macs = tb * m * n * kept
            read = bits_to_bytes(macs, shape.a_bits) + bits_to_bytes(tb * kept * n, shape.b_bits)
            return self.core.vector_model.cycles([("mac", macs)]), read
        model = self.core.array_model
        assert model is not None
        rate = model.rate(shape.compute_type)
        assert rate is not None
        conv = shape.segment.conv
        spread = model.spread(flow, tb, m, n, kept, rate, conv)
        tile = MatrixTile(tb, m, n, k, kept, 0, int(last_k), shape.a_bits, shape.b_bits, c_bits, conv)
        traffic = model.traffic(flow, tile, spread, rate)
        conflicts = self.core.scratchpad_model.conflict_factor(bits_to_bytes(k, shape.a_bits))
        return spread.cycles, (traffic.scratchpad_read + traffic.scratchpad_write) * conflicts

    def _unit_hz(self, flow: type[Dataflow] | None) -> Fraction:
        model = self.core.array_model if flow is not None else self.core.vector_model
        assert model is not None
        return model.clock.hz

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
            tiles=int(group.count[place]),
            considered=self.considered,
            predicted_ps=int(group.cost[place]),
            best_ps=best_ps,
            terms_ps={
                name: int(np.broadcast_to(value, group.cost.shape)[place]) for name, value in group.terms.items()
            },
        )
