"""The backward pass of attention in one region: nothing of the size of the scores leaves the core.

Seven operators (:data:`GRADIENT`): scores and probabilities made again, then the gradients. Loops, outermost first: KV
heads, tiles of the context, query rows (Dao et al. 2022, Algorithm 4). The gradients of keys and values are accumulated on
chip over the rows of one context tile and stored once; the gradient of the queries is a partial sum at accumulation width
that every context tile but the first loads and every one stores, the last at its final width. The output is read in the
first pass only, for D = rowsum(dO * O), of which one value per row stays on chip.

Left out: that a partial sum must be stored before the next pass loads it again; with one tile of rows per pass a load may
start too early by the time of that store.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from sim.hardware.layout import CoreView
from sim.hardware.pe.dataflow import Dataflow
from sim.hardware.pe.systolic import ACCUMULATE_BITS, bits_to_bytes
from sim.mapping.array_work import array_work
from sim.mapping.cache_reuse import NO_REUSE, Reuse, reuse, through
from sim.mapping.geometry import share
from sim.mapping.plan import ArrayWork, Load, Sources, Split, Step, VectorStep
from sim.mapping.regions import SPILL

Operations = tuple[tuple[str, int], ...]
SCORES, PROBABILITIES, GRAD_V, GRAD_P, GRAD_S, GRAD_Q, GRAD_K = range(7)
"""Positions of the operators in the region."""
Q, K, V, DO, OUT, LSE = range(6)
"""Positions of the operands; partial sums that come back are at :data:`SPILL`."""
LSE_BITS = 32


@dataclass(frozen=True)
class GradientShape:
    """One group of equal requests. ``sources``: of the operands; ``outputs``: of the gradients of Q, K and V.

    ``probabilities`` and ``scores``: operations of the two vector operators, for the whole group.
    """

    batch: int
    rows: int
    context: int
    head_dim: int
    compute_type: str
    bits: Fraction
    sources: tuple[Sources, ...]
    outputs: tuple[Sources, Sources, Sources]
    probabilities: Operations
    scores: Operations

    def part(self, operations: Operations, before: int, elements: int) -> Operations:
        """Operations on score elements [before, before + elements) of the group: exact in total."""
        whole = self.batch * self.rows * self.context
        return tuple((name, n * (before + elements) // whole - n * before // whole) for name, n in operations)


@dataclass(frozen=True)
class GradientChoice:
    """Tile sizes (heads, query rows, context), cores along heads, dataflow."""

    tb: int
    tm: int
    tc: int
    cores: int
    flow: type[Dataflow]


class GradientNest:
    """The steps of one group under one choice."""

    def __init__(self, shape: GradientShape, choice: GradientChoice, core: CoreView) -> None:
        self.shape = shape
        self.choice = choice
        self.core = core
        self.slots = choice.cores
        self._works: dict[tuple[int, ...], ArrayWork] = {}
        self.reuse = self._find_reuse()

    def _find_reuse(self) -> Reuse:
        """Hits in a cache of what every tile of the context loads again: between two loads lies all that one tile moves."""
        shape, choice = self.shape, self.choice
        rows, keys = self.narrow(choice.tb, shape.rows), self.narrow(choice.tb, choice.tc)
        moved = {Q: rows, DO: rows, OUT: rows, K: keys, V: keys, LSE: choice.tb * shape.rows * LSE_BITS // 8}
        amounts = [through(shape.sources[place], amount) for place, amount in moved.items()]
        results = (self.wide(choice.tb, shape.rows), keys, keys)
        amounts += [through(one, amount) for one, amount in zip(shape.outputs, results, strict=True)]
        again = (*(shape.sources[place] for place in (Q, DO, LSE)), shape.outputs[0])
        kept = min(again, key=lambda source: source.cache)
        return reuse(kept, int(sum(amounts)) * choice.cores, 0, 1)

    @property
    def passes(self) -> int:
        """Tiles of the context: how often queries and their gradients come in."""
        return -(-self.shape.context // self.choice.tc)

    def spilled_bytes(self) -> int:
        """Bytes of partial sums stored, beyond the results."""
        shape = self.shape
        return (self.passes - 1) * int(shape.outputs[0].transferred(self.wide(shape.batch, shape.rows)))

    def steps(self, slot: int) -> Iterator[Step]:
        """Five steps for each tile."""
        shape, choice = self.shape, self.choice
        _, heads = share(shape.batch, self.slots, slot)
        before = sum(share(shape.batch, self.slots, one)[1] for one in range(slot)) * shape.rows * shape.context
        for head in range(0, heads, choice.tb):
            tb = min(choice.tb, heads - head)
            for start in range(0, shape.context, choice.tc):
                tc = min(choice.tc, shape.context - start)
                ends = (start == 0, start + tc >= shape.context)
                for row in range(0, shape.rows, choice.tm):
                    tm = min(choice.tm, shape.rows - row)
                    edges = (row == 0, row + tm >= shape.rows)
                    done = head + tb >= heads and ends[1] and edges[1]
                    yield from self.tile((tb, tm, tc), before, ends, edges, done)
                    before += tb * tm * tc

    def extent_bytes(self, position: int) -> int:
        """As in :class:`~sim.mapping.plan.StepSchedule`: its steps say no places."""
        return 0

    def narrow(self, heads: int, extent: int) -> int:
        """Bytes of ``extent`` rows of an operand or result."""
        return int(bits_to_bytes(heads * extent * self.shape.head_dim, self.shape.bits))

    def wide(self, heads: int, extent: int) -> int:
        """Bytes of ``extent`` rows of partial sums."""
        return heads * extent * self.shape.head_dim * ACCUMULATE_BITS // 8

    def tile(
        self, size: tuple[int, int, int], before: int, passes: tuple[bool, bool], rows: tuple[bool, bool], done: bool
    ) -> Iterator[Step]:  # fmt: skip
        """One tile of scores. ``passes``: in the first, in the last context tile? ``rows``: the same of query rows."""
        (tb, tm, tc), shape = size, self.shape
        d, elements, scores = shape.head_dim, tb * tm * tc, 2 * tb * tm * tc * ACCUMULATE_BITS // 8
        wanted = [(Q, self.narrow(tb, tm)), (DO, self.narrow(tb, tm)), (LSE, tb * tm * LSE_BITS // 8)]
        wanted += [(OUT, self.narrow(tb, tm))] if passes[0] else []
        held = sum(self._in(place, amount) for place, amount in wanted)
        keys = [(K, self.narrow(tb, tc)), (V, self.narrow(tb, tc))]
        kept = sum(self._in(place, amount) for place, amount in keys)
        wanted += keys if rows[0] else []
        sums, partial = 2 * self.wide(tb, tc), self.wide(tb, tm)
        probabilities = shape.part(shape.probabilities, before, elements)
        gradients = shape.part(shape.scores, before, elements)
        half = int(bits_to_bytes(elements, shape.bits))
        back = 0 if passes[0] else int(shape.outputs[0].transferred(partial))
        out = int(shape.outputs[0].transferred(self.narrow(tb, tm) if passes[1] else partial))
        grads = [int(one.transferred(self.narrow(tb, tc))) if rows[1] else 0 for one in shape.outputs[1:]]
        yield self._step(SCORES, (tb, tm, tc, d), (True, True), loads=wanted, acquire=held + (kept if rows[0] else 0),
                         again=not passes[0],
                         opens=scores + partial + (sums if rows[0] else 0),
                         vector=VectorStep(probabilities, scores // 2, half, 0, 0), chain=PROBABILITIES)  # fmt: skip
        yield self._step(GRAD_V, (tb, tc, d, tm), rows, follows=True, stores=shape.outputs[2].split(grads[1]))
        yield self._step(GRAD_P, (tb, tm, tc, d), (True, True), chain=GRAD_S,
                         vector=VectorStep(gradients, scores // 2 + half, half, 0, 0))  # fmt: skip
        yield self._step(GRAD_Q, (tb, tm, d, tc), passes, follows=True, loads=[(SPILL, back)], acquire=back, again=True,
                         releases=back, stores=shape.outputs[0].split(out), closes=partial)  # fmt: skip
        yield self._step(GRAD_K, (tb, tc, d, tm), rows, releases=held + (kept if rows[1] else 0), last=done,
                         stores=shape.outputs[1].split(grads[0]), closes=scores + (sums if rows[1] else 0))  # fmt: skip

    def _in(self, place: int, amount: int) -> int:
        return int(self.shape.sources[place].transferred(amount))

    def _step(
        self, operator: int, extents: tuple[int, int, int, int], ends: tuple[bool, bool], *,
        loads: list[tuple[int, int]] | None = None, acquire: int = 0, opens: int = 0, releases: int = 0,
        closes: int = 0, stores: Split = (), vector: VectorStep | None = None, chain: int = 0, follows: bool = False,
        last: bool = False, again: bool = False,
    ) -> Step:  # fmt: skip
        made = tuple(
            self._load(place, amount if place == SPILL else self._in(place, amount), again)
            for place, amount in loads or [] if amount and self._moves(place)
        )  # fmt: skip
        return Step(
            loads=made, acquire=acquire, release_after_array=releases, release_after_vector=0, open_output=opens,
            array=self._work(operator, extents, ends), vector=vector, stores=stores, close_output=closes, last=last,
            array_operator=operator, vector_operator=chain, follows=follows,
        )  # fmt: skip

    def _load(self, place: int, size_bytes: int, again: bool) -> Load:
        """``again``: not the first tile of the context."""
        source = self.shape.outputs[0] if place == SPILL else self.shape.sources[place]
        found, repeated = (self.reuse, again) if place in (Q, DO, LSE, SPILL) else (NO_REUSE, False)
        return Load(place, source.split(size_bytes), hit=found.hit(source, size_bytes, repeated))

    def _moves(self, place: int) -> bool:
        return not (self.shape.outputs[0] if place == SPILL else self.shape.sources[place]).local

    def _work(self, operator: int, extents: tuple[int, int, int, int], ends: tuple[bool, bool]) -> ArrayWork:
        key = (operator, *extents, *ends)
        if key not in self._works:
            shape = self.shape
            result = Fraction(ACCUMULATE_BITS) if operator in (SCORES, GRAD_P) else shape.bits
            self._works[key] = array_work(self.core, self.choice.flow, shape.compute_type, extents, extents[3],
                                          (shape.bits, shape.bits, result), *ends)  # fmt: skip
        return self._works[key]
