"""Fused attention: scores, softmax and value product in one pass over tiles of the context (flash attention).

A region of three operators: scores (head), softmax, values. Loops, outermost first: KV heads, query rows, context. For
each context tile two steps: the scores of the tile go from the arrays to the vector unit, which keeps a running maximum
and sum per row (Milakov and Gimelshein 2018; Dao et al. 2022); then the values are accumulated. The score matrix never
leaves the core; keys and values are read once per tile of query rows.

Beyond the softmax's own operations the running form costs, per row and context tile after the first: one max, one exp,
one multiply-accumulate for the sum, and head_dim multiplications to rescale the accumulated output.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from sim.hardware.layout import CoreView
from sim.hardware.pe.dataflow import Dataflow
from sim.hardware.pe.systolic import ACCUMULATE_BITS, bits_to_bytes
from sim.mapping.array_work import array_work
from sim.mapping.cache_reuse import NO_REUSE, Reuse, reuse, through
from sim.mapping.geometry import share
from sim.mapping.plan import RESULTS, Load, Sources, Step, TilePlace, VectorStep

SCORES, SOFTMAX, VALUES = 0, 1, 2
"""Positions of the three operators in the region."""
Q, K, V = 0, 1, 2
"""Positions of the operands."""


@dataclass(frozen=True)
class AttentionShape:
    """One group of equal requests: ``batch`` KV heads x requests, each with ``rows`` query rows and ``context`` keys.

    ``operations``: the softmax's, for the whole group. Bits per element of Q, K, V, the probabilities and the output.
    """

    batch: int
    rows: int
    context: int
    head_dim: int
    compute_type: str
    q_bits: Fraction
    kv_bits: Fraction
    p_bits: Fraction
    out_bits: Fraction
    sources: tuple[Sources, Sources, Sources]
    output: Sources
    operations: tuple[tuple[str, int], ...]

    def softmax_operations(self, elements: int, before: int) -> Counter[str]:
        """The softmax's operations on score elements [before, before + elements) of the group: exact in total."""
        whole = self.batch * self.rows * self.context
        return Counter({
            name: count * (before + elements) // whole - count * before // whole for name, count in self.operations
        })  # fmt: skip

    def rescale_operations(self, rows: int) -> Counter[str]:
        """What the running form adds for ``rows`` rows of one context tile."""
        return Counter({"max": rows, "exp": rows, "mac": rows, "mul": rows * self.head_dim})


@dataclass(frozen=True)
class AttentionChoice:
    """Tile sizes (heads, query rows, context), cores along heads and rows, dataflow."""

    tb: int
    tm: int
    tc: int
    split: tuple[int, int]
    flow: type[Dataflow]


class AttentionNest:
    """The steps of one group under one choice."""

    def __init__(self, shape: AttentionShape, choice: AttentionChoice, core: CoreView) -> None:
        self.shape = shape
        self.choice = choice
        self.core = core
        self.slots = choice.split[0] * choice.split[1]
        self._steps: dict[tuple[object, ...], Step] = {}
        self.reuse = self._find_reuse()

    def _find_reuse(self) -> Reuse:
        """Hits of keys and values in a cache: between two loads of a tile lie those of a whole context.

        Cores along the rows share them.
        """
        shape, (tb, tm, tc), (pb, pm) = self.shape, (self.choice.tb, self.choice.tm, self.choice.tc), self.choice.split
        own = self.operand_bytes(Q, tb, tm) if shape.sources[Q].cache else 0
        own += int(through(shape.output, bits_to_bytes(tb * tm * shape.head_dim, shape.out_bits)))

        def keys(extent: int) -> int:
            return sum(self.operand_bytes(place, tb, extent) for place in (K, V) if shape.sources[place].cache)

        kept = min((shape.sources[place] for place in (K, V)), key=lambda source: source.cache)
        return reuse(kept, keys(shape.context) * pb + own * pb * pm, keys(tc) * pb + own * pb * pm, pm)

    def added_operations(self) -> Counter[str]:
        """Operations of the running form beyond the softmax's own, over all cores."""
        total: Counter[str] = Counter()
        tiles = -(-self.shape.context // self.choice.tc)
        for slot in range(self.slots):
            (_, heads), (_, rows) = self.ranges(slot)
            total += self.shape.rescale_operations(heads * rows * (tiles - 1))
        return total

    def ranges(self, slot: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """(first, count) of heads and of query rows for a core slot."""
        place_b, place_m = divmod(slot, self.choice.split[1])
        return share(self.shape.batch, self.choice.split[0], place_b), share(
            self.shape.rows, self.choice.split[1], place_m
        )

    def steps(self, slot: int) -> Iterator[Step]:
        """Pairs of steps, scores then values, for each tile."""
        shape, choice = self.shape, self.choice
        (first_head, heads), (first_row, rows) = self.ranges(slot)
        before = self._elements_before(slot)
        contexts = [min(choice.tc, shape.context - start) for start in range(0, shape.context, choice.tc)]
        blocks = [(b, m) for b in range(0, heads, choice.tb) for m in range(0, rows, choice.tm)]
        for place, (b, m) in enumerate(blocks):
            tb, tm, again = min(choice.tb, heads - b), min(choice.tm, rows - m), m > 0
            for index, tc in enumerate(contexts):
                first, last = index == 0, index == len(contexts) - 1
                operations = shape.softmax_operations(tb * tm * tc, before)
                before += tb * tm * tc
                if not first:
                    operations += shape.rescale_operations(tb * tm)
                score = self._score(tb, tm, tc, first, tuple(sorted(operations.items())), again)
                value = self._value(tb, tm, tc, first, last, last and place == len(blocks) - 1, again)
                origin = (first_head + b, first_row + m, index * choice.tc)
                yield self._placed(score, origin, (tb, tm, tc))
                yield self._placed(value, origin, (tb, tm, tc))

    def extent_bytes(self, position: int) -> int:
        """As in :class:`~sim.mapping.plan.StepSchedule`."""
        shape = self.shape
        if position == RESULTS:
            return int(
                shape.output.transferred(bits_to_bytes(shape.batch * shape.rows * shape.head_dim, shape.out_bits))
            )
        return self.operand_bytes(position, shape.batch, shape.rows if position == Q else shape.context)

    def _placed(self, step: Step, first: tuple[int, int, int], size: tuple[int, int, int]) -> Step:
        """The step with the places of its tiles (heads, query rows, context): each head lies in one piece."""
        positions = [load.operand for load in step.loads] + ([RESULTS] if step.stores else [])
        return step._replace(places=tuple(self._place(one, first, size) for one in positions)) if positions else step

    def _place(self, position: int, first: tuple[int, int, int], size: tuple[int, int, int]) -> TilePlace:
        shape, rows = self.shape, position in (Q, RESULTS)
        whole, begin, extent = (shape.rows, first[1], size[1]) if rows else (shape.context, first[2], size[2])
        total = self.extent_bytes(position)
        elements = shape.batch * whole
        offset = total * (first[0] * whole + begin) // elements
        if size[0] == 1 or extent == whole:
            return TilePlace(offset)
        return TilePlace(offset, total * extent // elements, total * whole // elements)

    def full_tile(self) -> tuple[Step, Step]:
        """The two steps of a full tile in the middle of a context."""
        choice = self.choice
        operations = self.shape.softmax_operations(choice.tb * choice.tm * choice.tc, 0)
        return (
            self._score(choice.tb, choice.tm, choice.tc, False, tuple(sorted(operations.items())), False),
            self._value(choice.tb, choice.tm, choice.tc, False, False, False, False),
        )

    def _elements_before(self, slot: int) -> int:
        total = 0
        for earlier in range(slot):
            (_, heads), (_, rows) = self.ranges(earlier)
            total += heads * rows * self.shape.context
        return total

    def score_bytes(self, tb: int, tm: int, tc: int) -> int:
        """Scratchpad bytes of a tile of scores, kept at accumulation width."""
        return tb * tm * tc * ACCUMULATE_BITS // 8

    def output_bytes(self, tb: int, tm: int) -> int:
        """Scratchpad bytes of a block of outputs being accumulated."""
        return tb * tm * self.shape.head_dim * ACCUMULATE_BITS // 8

    def operand_bytes(self, position: int, tb: int, extent: int) -> int:
        """Bytes to transfer for a tile of Q (``extent`` rows) or of K or V (``extent`` keys)."""
        bits = self.shape.q_bits if position == Q else self.shape.kv_bits
        size = bits_to_bytes(tb * extent * self.shape.head_dim, bits)
        return int(self.shape.sources[position].transferred(size))

    def _load(self, position: int, size: int, again: bool) -> tuple[Load, ...]:
        source, found = self.shape.sources[position], NO_REUSE if position == Q else self.reuse
        return (Load(position, source.split(size), hit=found.hit(source, size, again)),) if size else ()

    def _score(
        self, tb: int, tm: int, tc: int, first: bool, operations: tuple[tuple[str, int], ...], again: bool
    ) -> Step:
        """``again``: this core has loaded the keys before, for other rows."""
        key = (SCORES, tb, tm, tc, first, operations, again)
        if key in self._steps:
            return self._steps[key]
        shape = self.shape
        q = self.operand_bytes(Q, tb, tm) if first else 0
        k = self.operand_bytes(K, tb, tc)
        scores, elements = self.score_bytes(tb, tm, tc), tb * tm * tc
        work = array_work(self.core, self.choice.flow, shape.compute_type, (tb, tm, tc, shape.head_dim), shape.head_dim,
                          (shape.q_bits, shape.kv_bits, Fraction(ACCUMULATE_BITS)), True, True)  # fmt: skip
        step = self._steps[key] = Step(
            loads=self._load(Q, q, False) + self._load(K, k, again),
            acquire=q + k,
            release_after_array=k,
            release_after_vector=0,
            open_output=scores + (self.output_bytes(tb, tm) if first else 0),
            array=work,
            vector=VectorStep(operations, scores, int(bits_to_bytes(elements, shape.p_bits)), 0, 0),
            stores=(),
            close_output=0,
            last=False,
            array_operator=SCORES,
            vector_operator=SOFTMAX,
            follows=False,
        )
        return step

    def _value(self, tb: int, tm: int, tc: int, first: bool, last: bool, final: bool, again: bool) -> Step:
        key = (VALUES, tb, tm, tc, first, last, final, again)
        if key in self._steps:
            return self._steps[key]
        shape = self.shape
        v = self.operand_bytes(V, tb, tc)
        q = self.operand_bytes(Q, tb, tm) if last else 0
        result = int(bits_to_bytes(tb * tm * shape.head_dim, shape.out_bits))
        work = array_work(self.core, self.choice.flow, shape.compute_type, (tb, tm, shape.head_dim, tc), tc,
                          (shape.p_bits, shape.kv_bits, shape.out_bits), first, last)  # fmt: skip
        step = self._steps[key] = Step(
            loads=self._load(V, v, again),
            acquire=v,
            release_after_array=v + q,
            release_after_vector=0,
            open_output=0,
            array=work,
            vector=None,
            stores=shape.output.split(int(shape.output.transferred(result))) if last else (),
            close_output=self.score_bytes(tb, tm, tc) + (self.output_bytes(tb, tm) if last else 0),
            last=final,
            array_operator=VALUES,
            vector_operator=VALUES,
            follows=True,
        )
        return step
