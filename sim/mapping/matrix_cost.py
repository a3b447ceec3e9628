"""What a mapping of a matrix segment costs in time, by the components' own closed forms, on arrays of candidates at once.

The cost of a candidate, in picoseconds, on the core with the largest share:

    max(compute + first activation tile, slowest memory path + last tile's compute) + vector tail + last store

(and, where K is split over cores, the way of the last block's partial sums through them, :mod:`sim.mapping.k_split`),

where a memory path is a tier, a link port or the scratchpad's banks. With weights (a persistent B), neither their first
tile nor the last tile's compute counts: the executor prefetches weights across operators, so the first tile loads
behind the operator before and the last computes while the next one's weights load (so even a single tile leaves room
for another). Each term only falls with a faster part.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from sim.core.arith import ceil_div, larger, smaller
from sim.hardware.layout import CoreView, Layout
from sim.hardware.pe.dataflow import Dataflow
from sim.hardware.pe.systolic import ACCUMULATE_BITS, MatrixTile, bits_to_bytes, kept_k
from sim.mapping.candidates import Array, Candidates, Costed, kept_array
from sim.mapping.geometry import Geometry
from sim.mapping.k_split import SumsCost, sums_cost
from sim.mapping.matrix_nest import matrix_reuse
from sim.mapping.matrix_shape import MatrixRegionShape
from sim.mapping.paths import Flow, Paths, rate_ps
from sim.mapping.plan import Sources
from sim.mapping.schedulers.policy import Distance, schedulers


class MatrixCost:
    """Costs of one segment on one class of cores."""

    def __init__(self, layout: Layout, core: CoreView, shape: MatrixRegionShape, geometry: Geometry) -> None:
        self.core = core
        self.shape = shape
        self.geometry = geometry
        self.paths = Paths(layout, core)
        self._policy = policy = layout.architecture.policy
        # weights are on chip before a region begins where it is not the only one
        self._runs_ahead = not schedulers.get(policy.scheduler).holds(policy, Distance(1, 1))

    def fits(self, tiles: Candidates, flow: type[Dataflow] | None, buffers: int, capacity: tuple[int, int]) -> Array:
        """Which candidates have room in the scratchpad: ``capacity`` for operands and for results, in bytes."""
        a, b, block, received = self._bytes_of(tiles, flow)
        nb, nm, nn, nk = tiles.counts()
        extra = sum(source.transferred(total) for total, source in self.shape.extras)
        blocks = nb * nm * nn
        per_block = ceil_div(extra, blocks * tiles.owners) + received
        at_once = buffers if self.shape.b.persistent else smaller(buffers, blocks * nk)
        found: Array = ((a + b + per_block) * at_once <= capacity[0]) & (
            block * smaller(buffers, blocks) <= capacity[1]
        )
        return found

    def of(self, tiles: Candidates, flow: type[Dataflow] | None, orders: tuple[str, ...]) -> list[Costed]:
        """The candidates with their costs, once per order."""
        c_bits = self.shape.c_bits if tiles.parts == 1 else Fraction(ACCUMULATE_BITS)
        computed = self._compute(tiles, flow, c_bits)
        return [self._cost(tiles, computed, order) for order in orders]

    def _block_of_a(self, tiles: Candidates) -> Array:
        """Scratchpad bytes of one block of A."""
        elements = tiles.tb * self.geometry.m_factor(tiles.tm) * tiles.tk
        found: Array = self.shape.a.transferred(bits_to_bytes(elements, self.shape.a_bits))
        return found

    def _bytes_of(self, tiles: Candidates, flow: type[Dataflow] | None) -> tuple[Array, Array, Array, Array | int]:
        """Scratchpad bytes of one A, B and result block per candidate, and of blocks from cores that share K."""
        shape, geometry = self.shape, self.geometry
        k = tiles.tk * geometry.k_unit
        a, kept = self._block_of_a(tiles), kept_array(k, shape.sparsity)
        b = shape.b.transferred(bits_to_bytes(tiles.tb * kept * tiles.tn, shape.b_bits))
        results = tiles.tb * tiles.tm * geometry.m_unit * tiles.tn
        final, partial = bits_to_bytes(results, shape.c_bits), bits_to_bytes(results, Fraction(ACCUMULATE_BITS))
        if tiles.parts > 1:
            return a, b, partial, self._sums(tiles.parts, results, results).received
        model = self.core.array_model
        held = model.accumulator_holds(results) if model is not None and flow is not None else np.zeros_like(k)
        whole_k = tiles.tk >= tiles.k
        block = np.where(whole_k | (held == 1), final, partial)
        return a, b, np.where(whole_k & shape.c.local, 0, block), 0

    def _cost(self, tiles: Candidates, computed: tuple[Array, Array, Array], order: str) -> Costed:
        shape, geometry = self.shape, self.geometry
        nb, nm, nn, nk = tiles.counts()
        owners = tiles.owners
        used = owners * tiles.parts
        compute, banks, tile_compute = computed
        results = tiles.b * tiles.m * geometry.m_unit * tiles.n
        flows = self._flows(tiles, order, results)
        sums = self._sums(tiles.parts, results, tiles.tb * tiles.tm * geometry.m_unit * tiles.tn)
        memory = self.paths.slowest_ps(flows, used, sums.received)
        moved = sum(flow.amount for flow in flows) + sums.moved
        if shape.operations:  # the fused chain reads and writes each result, and reads its own operands
            own = sum(size for size, _ in shape.extras) // owners
            moved = moved + 2 * bits_to_bytes(results, shape.c_bits) + own
        banks = banks + rate_ps(moved, self.core.scratchpad_model.bytes_per_s)
        vector_total, vector_tile = self._vector(tiles, sums.additions)
        ahead = shape.a.persistent or shape.a.local
        first = np.zeros_like(nb) if ahead else self.paths.transfer_ps(shape.a, self._block_of_a(tiles))
        last = 0 if shape.c.local else self.paths.transfer_ps(shape.c, ceil_div(flows[2].amount, nb * nm * nn))
        slowest = larger(larger(memory, banks), vector_total)
        tail = 0 if shape.b.persistent and self._runs_ahead else tile_compute
        cost = larger(compute + first, slowest + tail) + vector_tile + sums.tail_ps + last
        terms = {"compute": compute, "memory": memory, "scratchpad": banks, "vector": vector_total, "first_tile": first,
                 "last_tile": tail, "last_store": last}  # fmt: skip
        if tiles.parts > 1:
            terms["partial_sums"] = sums.tail_ps
        alike = {name: np.broadcast_to(value, cost.shape) for name, value in terms.items()}
        off_chip = np.broadcast_to(self.paths.off_chip(flows, used), cost.shape)
        return Costed(tiles, order, cost, nb * nm * nn * nk, off_chip, alike)

    def _flows(self, tiles: Candidates, order: str, results: Array) -> list[Flow]:
        """What one core moves of A, B, the results and the fused chain's operands, in this order."""
        shape, geometry = self.shape, self.geometry
        _, nm, nn, nk = tiles.counts()
        a_again = np.where((nk > 1) | ((order == "nm") & (nm > 1)), nn, 1)
        b_again = np.where((nk > 1) | ((order == "mn") & (nn > 1)), nm, 1)
        edge = tiles.m - (nm - 1) * tiles.tm
        m_touched = (nm - 1) * geometry.m_factor(tiles.tm) + geometry.m_factor(edge)
        a_once = shape.a.transferred(bits_to_bytes(tiles.b * m_touched * tiles.k, shape.a_bits))
        kept = kept_k(min(shape.segment.k, tiles.k * geometry.k_unit), shape.sparsity)
        b_once = shape.b.transferred(bits_to_bytes(tiles.b * kept * tiles.n, shape.b_bits))
        units = (tiles.tb, tiles.tm, tiles.tn, tiles.tk)
        a_found, b_found = matrix_reuse(shape, geometry, units, order, (tiles.pb, tiles.pm, tiles.pn, tiles.parts))
        a_bytes, b_bytes = a_once * a_again, b_once * b_again
        c_bytes = shape.c.transferred(bits_to_bytes(results, shape.c_bits))
        a_hit = a_bytes - a_found.missed(shape.a, a_once, a_again)
        b_hit = b_bytes - b_found.missed(shape.b, b_once, b_again)
        found = [Flow(shape.a, a_bytes, self._sharers(shape.a, tiles.pn), a_hit),
                 Flow(shape.b, b_bytes, self._sharers(shape.b, tiles.pm), b_hit),
                 Flow(shape.c, c_bytes, tiles.parts)]  # fmt: skip
        sizes = [(source, ceil_div(source.transferred(total), tiles.owners)) for total, source in shape.extras]
        return found + [Flow(one, size, tiles.parts, hit=size if one.cached else 0) for one, size in sizes]

    def _sums(self, parts: int, results: Array, block: Array) -> SumsCost:
        tree = self._policy.reduction == "tree"
        return sums_cost(self.paths, self.core.vector_model, tree, parts, results, block)

    def _sharers(self, source: Sources, cores: Array) -> Any:
        """Cores that take an operand from one message; behind a cache each loads for itself, and the cache is shared."""
        return cores if self._policy.multicast and not source.cache else 1

    def _vector(self, tiles: Candidates, additions: int) -> tuple[int | Array, int | Array]:
        """Time of all vector stages of a core, and of one; ``additions`` per result are of partial sums."""
        model, operations = self.core.vector_model, self.shape.operations
        if additions:
            operations = (*operations, ("add", additions * self.shape.results))
        if not operations or model is None:
            return 0, 0
        nb, nm, nn, _ = tiles.counts()
        blocks = nb * nm * nn
        per_block = model.cycles([(name, ceil_div(count, blocks * tiles.owners)) for name, count in operations])
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
            times = np.ones_like(tiles.tb)
            for axis in range(4):
                times = times * (1 if corner >> axis & 1 else counts[axis] - 1)
            there = np.flatnonzero(times)
            if not len(there):
                continue
            picked = [(edges if corner >> axis & 1 else fulls)[axis][there] for axis in range(4)]
            cycles, traffic = self._tile(picked, flow, bool(corner >> 3 & 1), c_bits)
            total[there] += times[there] * cycles
            moved[there] += times[there] * traffic
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
