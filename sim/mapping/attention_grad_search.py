"""Search for the tiles of fused attention's backward pass, as :mod:`sim.mapping.attention_search` does for the forward.

The cost of a candidate, on the core with the largest share, is that of a pipeline whose stages overlap:

    max(arrays, scratchpad, vector unit, slowest memory path) + first tile in + last tile out

Within the search's tolerance of the least cost, the fewest bytes moved win, then the fewest tiles.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from sim.config.policy import MappingPin
from sim.core.arith import ceil_div
from sim.hardware.layout import CoreView, Layout
from sim.hardware.pe.systolic import ACCUMULATE_BITS
from sim.mapping.attention_grad_nest import (
    DO,
    GRAD_K,
    GRAD_Q,
    GRAD_S,
    GRAD_V,
    LSE_BITS,
    OUT,
    PROBABILITIES,
    SCORES,
    GradientChoice,
    GradientNest,
    GradientShape,
    K,
    Q,
    V,
)  # fmt: skip
from sim.mapping.cache_reuse import NO_REUSE
from sim.mapping.geometry import sizes
from sim.mapping.matrix_search import EVEN_PARTS, MAX_TILES_PER_CORE
from sim.mapping.paths import Flow, Paths, rate_ps
from sim.mapping.plan import Choice, Sources
from sim.mapping.regions import Region
from sim.mapping.selection import Cost, select_deepest
from sim.trace.dtypes import data_type
from sim.trace.work import MatrixWork, VectorWork

STEPS = 5
"""Steps of one tile of scores."""


class GradientSearch:
    """Finds the best choice for one group of requests on one class of cores."""

    def __init__(
        self, layout: Layout, cores: tuple[CoreView, ...], shape: GradientShape, pin: MappingPin | None,
        capacity: tuple[int, int],
    ) -> None:  # fmt: skip
        self.cores = cores
        self.core = cores[0]
        self.shape = shape
        self.pin = pin
        self.capacity = capacity
        self.paths = Paths(layout, self.core)

    def best(self) -> tuple[GradientNest, Choice] | None:
        """The best nest and its report, or None when the core lacks a unit or the type, or nothing fits."""
        model = self.core.array_model
        if model is None or self.core.vector_model is None or not model.rate(self.shape.compute_type):
            return None
        found = select_deepest(self.core.scratchpad_model.spec.buffers, self._choices, self._cost)
        if found is None:
            return None
        (choice, cost, least, count), buffers = found
        tile = {"b": choice.tb, "m": choice.tm, "n": choice.tc, "k": self.shape.head_dim}
        report = Choice("array", choice.flow.name, tile, "bnmk", {"b": choice.cores, "m": 1, "n": 1}, buffers,
                        STEPS * cost.tiles, count, cost.cost_ps, least, cost.terms)  # fmt: skip
        return GradientNest(self.shape, choice, self.core), report

    def _choices(self) -> Iterator[GradientChoice]:
        model, shape = self.core.array_model, self.shape
        assert model is not None
        name = (self.pin.dataflow if self.pin else None) or model.spec.dataflow
        flows = model.flows(name)
        counts = [n for n in range(1, len(self.cores) + 1) if len(self.cores) % n == 0 and n <= shape.batch]
        for flow, cores in product(flows, counts):
            heads = int(ceil_div(shape.batch, cores))
            for tb, tm, tc in product(
                sizes(heads, 1, 2),
                sizes(shape.rows, model.spec.cols, EVEN_PARTS),
                sizes(shape.context, model.spec.cols, EVEN_PARTS),
            ):
                tiles = ceil_div(heads, tb) * ceil_div(shape.rows, tm) * ceil_div(shape.context, tc)
                if STEPS * tiles <= STEPS * MAX_TILES_PER_CORE and self._fits(tb, tm, tc, 1):
                    yield GradientChoice(tb, tm, tc, cores, flow)

    def _fits(self, tb: int, tm: int, tc: int, buffers: int) -> bool:
        shape = self.shape
        row = tb * shape.head_dim
        narrow, wide = row * shape.bits / 8, row * ACCUMULATE_BITS // 8
        inputs = 2 * tc * narrow + buffers * tm * (3 * narrow + tb * LSE_BITS // 8) + tm * wide
        results = 2 * tc * wide + buffers * (tm * wide + 2 * tb * tm * tc * ACCUMULATE_BITS // 8)
        return inputs <= self.capacity[0] and results <= self.capacity[1]

    def _cost(self, choice: GradientChoice, buffers: int) -> Cost | None:
        """Of a choice, or None when it does not fit."""
        if not self._fits(choice.tb, choice.tm, choice.tc, buffers):
            return None
        shape, nest = self.shape, GradientNest(self.shape, choice, self.core)
        heads = int(ceil_div(shape.batch, choice.cores))
        tiles = int(ceil_div(heads, choice.tb) * ceil_div(shape.rows, choice.tm) * nest.passes)
        arrays, vector, banks = (one * tiles for one in self._tile_ps(nest))
        flows = self._flows(nest, heads)
        memory = int(self.paths.slowest_ps(flows, choice.cores))
        first = max(int(self.paths.transfer_ps(shape.sources[place], nest.narrow(choice.tb, extent)))
                    for place, extent in ((Q, choice.tm), (K, choice.tc)))  # fmt: skip
        last = int(self.paths.transfer_ps(shape.outputs[1], nest.narrow(choice.tb, choice.tc)))
        terms = {"compute": arrays, "memory": memory, "scratchpad": banks, "vector": vector, "first_tile": first,
                 "last_tile": 0, "last_store": last}  # fmt: skip
        cost = max(arrays, banks, vector, memory) + first + last
        return Cost(cost, sum(flow.amount for flow in flows) * choice.cores, tiles, terms)

    def _flows(self, nest: GradientNest, heads: int) -> list[Flow]:
        """Bytes that one core moves: queries and their gradients once per context tile, the rest once."""
        shape, again = self.shape, nest.passes
        rows, keys = nest.narrow(heads, shape.rows), nest.narrow(heads, shape.context)
        loads = {Q: (rows, again), DO: (rows, again), OUT: (rows, 1), K: (keys, 1), V: (keys, 1)}
        flows = []
        for place, (once, times) in loads.items():
            found = nest.reuse if place in (Q, DO) else NO_REUSE
            flows.append(Flow(shape.sources[place], once * times,
                              hit=once * times - found.missed(shape.sources[place], once, times)))  # fmt: skip
        partial = (again - 1) * nest.wide(heads, shape.rows)
        flows.append(Flow(shape.outputs[0], partial, hit=partial * nest.reuse.again))
        return [*flows, *(Flow(*one) for one in zip(shape.outputs, (rows + partial, keys, keys), strict=True))]

    def _tile_ps(self, nest: GradientNest) -> tuple[int, int, int]:
        """Arrays, vector unit and scratchpad for one full tile in the middle."""
        model, unit, pad = self.core.array_model, self.core.vector_model, self.core.scratchpad_model
        assert model is not None and unit is not None
        choice = nest.choice
        inside = (False, False)
        cycles = operations = moved = 0
        for step in nest.tile((choice.tb, choice.tm, choice.tc), 0, inside, inside, False):
            assert step.array is not None
            cycles += max(step.array.shares)
            moved += step.array.scratchpad_read + step.array.scratchpad_write
            if step.vector is not None:
                operations += int(unit.cycles(step.vector.operations))
                moved += step.vector.scratchpad_read + step.vector.scratchpad_write
        return (
            int(rate_ps(cycles, model.clock.hz)),
            int(rate_ps(operations, unit.clock.hz)),
            int(rate_ps(moved, pad.bytes_per_s)),
        )


def gradient_shapes(
    region: Region, operands: tuple[Sources, ...], outputs: tuple[Sources | None, ...], compute_type: str
) -> list[GradientShape] | None:
    """One shape per group of equal requests; None when a gradient is not wanted by anybody."""
    gradients = (outputs[GRAD_Q], outputs[GRAD_K], outputs[GRAD_V])
    if any(one is None for one in gradients):
        return None
    work, vectors = region.operators[SCORES].work, (PROBABILITIES, GRAD_S)
    assert isinstance(work, MatrixWork)
    totals = [region.operators[place].work for place in vectors]
    whole = sum(one.batch * one.m * one.n for one in work.segments)
    bits = data_type(region.operators[SCORES].port("a")[0].tensor.dtype).bits
    shapes, before = [], 0
    for one in work.segments:
        count = one.batch * one.m * one.n
        shares = [
            tuple((name, n * (before + count) // whole - n * before // whole) for name, n in total.operations)
            for total in totals if isinstance(total, VectorWork)
        ]  # fmt: skip
        shapes.append(GradientShape(
            batch=one.batch, rows=one.m, context=one.n, head_dim=one.k, compute_type=compute_type, bits=bits,
            sources=operands, outputs=gradients, probabilities=shares[0], scores=shares[1],  # type: ignore[arg-type]
        ))  # fmt: skip
        before += count
    return shapes
