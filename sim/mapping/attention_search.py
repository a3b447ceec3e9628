"""Search for the tiles of fused attention: heads, query rows and context per tile, and the split over cores.

The cost of a candidate, on the core with the largest share, is that of a pipeline whose stages overlap:

    max(arrays, scratchpad, vector unit, slowest memory path) + first tile in + last tile out

in picoseconds, from the components' closed forms; :mod:`sim.mapping.selection` says which is taken. The tile it reports
is that of the score product: n is the context.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from sim.config.policy import MappingPin
from sim.core.arith import ceil_div
from sim.hardware.layout import CoreView, Layout
from sim.hardware.pe.systolic import bits_to_bytes
from sim.mapping.attention_nest import AttentionChoice, AttentionNest, AttentionShape, K, Q, V
from sim.mapping.cache_reuse import NO_REUSE
from sim.mapping.geometry import sizes
from sim.mapping.matrix_search import MAX_TILES_PER_CORE
from sim.mapping.paths import Flow, Paths, rate_ps
from sim.mapping.plan import Choice, Sources
from sim.mapping.regions import Region
from sim.mapping.selection import Cost, select_deepest
from sim.trace.dtypes import data_type
from sim.trace.work import MatrixWork, VectorWork

EVEN_PARTS = 3


class AttentionSearch:
    """Finds the best choice for one group of requests on one class of cores."""

    def __init__(
        self, layout: Layout, cores: tuple[CoreView, ...], shape: AttentionShape, pin: MappingPin | None,
        capacity: tuple[int, int],
    ) -> None:  # fmt: skip
        self.cores = cores
        self.core = cores[0]
        self.shape = shape
        self.pin = pin
        self.capacity = capacity
        self.paths = Paths(layout, self.core)

    def best(self) -> tuple[AttentionNest, Choice] | None:
        """The best nest and its report, or None when the arrays cannot multiply the type or nothing fits."""
        model = self.core.array_model
        if model is None or self.core.vector_model is None or not model.rate(self.shape.compute_type):
            return None
        found = select_deepest(self.core.scratchpad_model.spec.buffers, self._choices, self._cost)
        if found is None:
            return None
        (choice, cost, least, count), buffers = found
        tile = {"b": choice.tb, "m": choice.tm, "n": choice.tc, "k": self.shape.head_dim}
        split = {"b": choice.split[0], "m": choice.split[1], "n": 1}
        report = Choice("array", choice.flow.name, tile, "bmnk", split, buffers, cost.tiles, count, cost.cost_ps,
                        least, cost.terms)  # fmt: skip
        return AttentionNest(self.shape, choice, self.core), report

    def _choices(self) -> Iterator[AttentionChoice]:
        model, shape = self.core.array_model, self.shape
        assert model is not None
        flows = model.flows((self.pin.dataflow if self.pin else None) or model.spec.dataflow)
        count = len(self.cores)
        splits = [
            (pb, used // pb)
            for used in range(1, count + 1)
            for pb in range(1, used + 1)
            if count % used == 0 and used % pb == 0 and pb <= shape.batch and used // pb <= shape.rows
        ]
        for flow, (pb, pm) in product(flows, splits):
            heads, rows = int(ceil_div(shape.batch, pb)), int(ceil_div(shape.rows, pm))
            for tb, tm, tc in product(
                sizes(heads, 1, 2),
                sizes(rows, model.spec.cols, EVEN_PARTS),
                sizes(shape.context, model.spec.cols, EVEN_PARTS),
            ):
                tiles = ceil_div(heads, tb) * ceil_div(rows, tm) * ceil_div(shape.context, tc)
                if 2 * tiles <= MAX_TILES_PER_CORE:
                    yield AttentionChoice(tb, tm, tc, (pb, pm), flow)

    def _cost(self, choice: AttentionChoice, buffers: int) -> Cost | None:
        """Of a choice, or None when it does not fit."""
        shape, nest = self.shape, AttentionNest(self.shape, choice, self.core)
        tb, tm, tc = choice.tb, choice.tm, choice.tc
        q, k, v = (nest.operand_bytes(place, tb, tm if place == Q else tc) for place in (Q, K, V))
        if q + buffers * (k + v) > self.capacity[0]:
            return None
        if buffers * nest.score_bytes(tb, tm, tc) + nest.output_bytes(tb, tm) > self.capacity[1]:
            return None
        heads, rows = int(ceil_div(shape.batch, choice.split[0])), int(ceil_div(shape.rows, choice.split[1]))
        blocks = int(ceil_div(heads, tb) * ceil_div(rows, tm))
        tiles = int(blocks * ceil_div(shape.context, tc))
        one_tile, banks_tile = self._tile_ps(nest)
        arrays, banks = one_tile * tiles, banks_tile * tiles
        vector = self._vector_ps(tb * tm, tc) * tiles
        used = choice.split[0] * choice.split[1]
        out = int(shape.output.transferred(bits_to_bytes(heads * rows * shape.head_dim, shape.out_bits)))
        again = int(ceil_div(rows, tm))
        moved = [nest.operand_bytes(place, heads, rows if place == Q else shape.context * again) for place in (Q, K, V)]
        once = [nest.operand_bytes(place, heads, shape.context) for place in (K, V)]
        missed = [NO_REUSE.missed(shape.sources[Q], moved[Q], 1)]
        missed += [nest.reuse.missed(shape.sources[place], once[place - K], again) for place in (K, V)]
        flows = [Flow(source, size, hit=size - miss)
                 for source, size, miss in zip(shape.sources, moved, missed, strict=True)]  # fmt: skip
        flows.append(Flow(shape.output, out))
        memory = int(self.paths.slowest_ps(flows, used))
        first = max(int(self.paths.transfer_ps(source, size)) if size else 0
                    for source, size in zip(shape.sources, (q, k, v), strict=True))  # fmt: skip
        last = int(self.paths.transfer_ps(shape.output, ceil_div(out, blocks))) if out else 0
        terms = {"compute": arrays, "memory": memory, "scratchpad": banks, "vector": vector, "first_tile": first,
                 "last_tile": 0, "last_store": last}  # fmt: skip
        return Cost(max(arrays, banks, vector, memory) + first + last, (sum(moved) + out) * used, 2 * tiles, terms)

    def _tile_ps(self, nest: AttentionNest) -> tuple[int, int]:
        """Time of one full tile on the arrays (both products) and in the scratchpad's banks (all three stages)."""
        model = self.core.array_model
        assert model is not None
        stages = nest.full_tile()
        cycles = sum(max(one.array.shares) for one in stages if one.array is not None)
        moved = sum(one.scratchpad_read + one.scratchpad_write for step in stages
                    for one in (step.array, step.vector) if one is not None)  # fmt: skip
        return int(rate_ps(cycles, model.clock.hz)), int(rate_ps(moved, self.core.scratchpad_model.bytes_per_s))

    def _vector_ps(self, rows: int, context: int) -> int:
        """The softmax of one full tile, in its running form."""
        model = self.core.vector_model
        assert model is not None
        operations = self.shape.softmax_operations(rows * context, 0) + self.shape.rescale_operations(rows)
        return int(rate_ps(int(model.cycles(sorted(operations.items()))), model.clock.hz))


def attention_shapes(
    region: Region, operands: list[Sources], output: Sources, compute_type: str
) -> list[AttentionShape]:
    """One shape per group of equal requests of a fused attention region; the softmax is shared out by scores."""
    scores, softmax, values = region.operators
    assert isinstance(scores.work, MatrixWork) and isinstance(softmax.work, VectorWork)
    bits = [data_type(port[0].tensor.dtype).bits for port in (scores.port("a"), scores.port("b"), values.port("a"))]
    whole = sum(one.batch * one.m * one.n for one in scores.work.segments)
    shapes, before = [], 0
    for one in scores.work.segments:
        count = one.batch * one.m * one.n
        operations = tuple(
            (name, total * (before + count) // whole - total * before // whole)
            for name, total in softmax.work.operations
        )
        shapes.append(AttentionShape(
            batch=one.batch, rows=one.m, context=one.n, head_dim=one.k, compute_type=compute_type, q_bits=bits[0],
            kv_bits=bits[1], p_bits=bits[2], out_bits=data_type(values.outputs[0].tensor.dtype).bits,
            sources=(operands[Q], operands[K], operands[V]), output=output, operations=operations,
        ))  # fmt: skip
        before += count
    return shapes
