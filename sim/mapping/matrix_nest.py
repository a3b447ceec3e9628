"""The loop nest of matrix work: from a mapping choice to tile steps.

Loops, outermost first: batch, then M and N in the chosen order, then K. An operand tile stays in the scratchpad while
its indices do not change and is loaded again when they come back. K is innermost, so partial sums leave a core once per
block at most: where K is split over cores (:mod:`sim.mapping.k_split`). The fused vector stage and the store follow the
last K tile of a block of results.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any, NamedTuple

from sim.core.arith import ceil_div
from sim.hardware.layout import CoreView
from sim.hardware.pe.dataflow import Dataflow
from sim.hardware.pe.systolic import ACCUMULATE_BITS, bits_to_bytes, kept_k
from sim.mapping.array_work import array_work
from sim.mapping.cache_reuse import NO_REUSE, Reuse, reuse, through
from sim.mapping.geometry import Cut, Geometry, share
from sim.mapping.k_split import sources, target, used_parts
from sim.mapping.matrix_places import MatrixPlaces
from sim.mapping.matrix_shape import MatrixRegionShape
from sim.mapping.plan import RESULTS, ArrayWork, Load, PartialSums, Split, Step, VectorStep

SplitOverCores = tuple[int, int, int, int]
"""Cores along batch, M, N and K."""
FIRST, AGAIN = 1, 2
"""Loads of a tile by one core."""


@dataclass(frozen=True)
class MatrixChoice:
    """Tile sizes in units (b, m units, n, k units), order ("mn" or "nm"), cores along b, m, n, k, engine and dataflow."""

    tb: int
    tm: int
    tn: int
    tk: int
    order: str
    split: SplitOverCores
    flow: type[Dataflow] | None


def matrix_reuse(
    shape: MatrixRegionShape, geometry: Geometry, tiles: tuple[Any, Any, Any, Any], order: str,
    split: tuple[Any, Any, Any, int],
) -> tuple[Reuse, Reuse]:  # fmt: skip
    """Hits of A and B in a cache, for tiles in units (b, m, n, k) and cores along these, integers or arrays.

    Between two loads of a tile of A lie one block of rows of A, one of columns of B (in order "nm": all of A) and the
    results; likewise for B. Cores along N share A, those along M share B.
    """
    (tb, tm, tn, tk), (pb, pm, pn, pk), segment = tiles, split, shape.segment
    used = pb * pm * pn * pk
    k_units = int(ceil_div(geometry.k_units, pk))
    kept = kept_k(min(segment.k, k_units * geometry.k_unit), shape.sparsity)
    m_share, n_share = ceil_div(geometry.m_units, pm), ceil_div(segment.n, pn)
    extra = sum(int(ceil_div(through(source, total), shape.results)) for total, source in shape.extras)

    def a(m: Any, k: Any) -> Any:
        return through(shape.a, bits_to_bytes(tb * geometry.m_factor(m) * k, shape.a_bits)) * (pb * pm * pk)

    def b(k: Any, n: Any) -> Any:
        return through(shape.b, bits_to_bytes(tb * k * n, shape.b_bits)) * (pb * pn * pk)

    def c(m: Any, n: Any) -> Any:
        results = tb * m * geometry.m_unit * n
        return (through(shape.c, bits_to_bytes(results, shape.c_bits)) + extra * results) * used

    step = a(tm, tk) + b(tk * geometry.k_unit, tn) + c(tm, tn)
    inner = a(tm, k_units) + b(kept, tn) + c(tm, tn)
    if order == "mn":
        again_a, again_b = inner, a(tm, k_units) + b(kept, n_share) + c(tm, n_share)
    else:
        again_a, again_b = a(m_share, k_units) + b(kept, tn) + c(m_share, tn), inner
    return reuse(shape.a, again_a, step, pn), reuse(shape.b, again_b, step, pm)


class _Block(NamedTuple):
    b: int
    m: Cut
    n: int
    k: Cut
    first_k: bool
    last_k: bool


class MatrixNest:
    """The steps of one segment under one choice, on the cores of one class."""

    def __init__(
        self, shape: MatrixRegionShape, choice: MatrixChoice, core: CoreView, multicast: bool = False,
        tree: bool = False,
    ) -> None:  # fmt: skip
        self.shape = shape
        self._multicast = multicast
        self._tree = tree
        self.choice = choice
        self.core = core
        self.geometry = Geometry(shape.segment)
        self.slots = prod(choice.split)
        self._parts = used_parts(self.geometry.k_units, choice.split[3])
        self._steps: dict[tuple[object, ...], Step] = {}
        self._moved: dict[_Block, tuple[int, int]] = {}
        tiles = (choice.tb, choice.tm, choice.tn, choice.tk)
        self._reuse = matrix_reuse(shape, self.geometry, tiles, choice.order, choice.split)
        self._places = MatrixPlaces(shape, self.geometry)
        self.extent_bytes = self._places.extent_bytes

    def ranges(self, slot: int) -> tuple[tuple[int, int], ...]:
        """(first, count) of batch, M units, N and K units for a core slot; slots are numbered with K innermost."""
        pb, pm, pn, pk = self.choice.split
        segment = self.shape.segment
        place_b, place_m, place_n, place_k = self._place(slot)
        return (
            share(segment.batch, pb, place_b),
            share(self.geometry.m_units, pm, place_m),
            share(segment.n, pn, place_n),
            share(self.geometry.k_units, pk, place_k),
        )

    def _place(self, slot: int) -> SplitOverCores:
        _, pm, pn, pk = self.choice.split
        return slot // (pm * pn * pk), slot // (pn * pk) % pm, slot // pk % pn, slot % pk

    def added_operations(self) -> Counter[str]:
        """Additions of partial sums that come from other cores."""
        return Counter({"add": (self._parts - 1) * self.shape.results}) if self._parts > 1 else Counter()

    def reduced_bytes(self) -> int:
        """Bytes of partial sums that travel between cores."""
        return int(bits_to_bytes((self._parts - 1) * self.shape.results, Fraction(ACCUMULATE_BITS)))

    def steps(self, slot: int) -> Iterator[Step]:
        """Tile steps of one core slot, in order. An empty share yields nothing."""
        visits = self._visits(slot)
        current = next(visits, None)
        loaded_a: object = None
        loaded_b: object = None
        held_a = held_b = 0
        before = self._results_before(slot)
        shared = self.sharers(slot)
        (b_first, _), (m_first, _), (n_first, _), (k_first, _) = self.ranges(slot)
        choice = self.choice
        while current is not None:
            following = next(visits, None)
            block, key_a, key_b = current
            new_a = 0 if key_a == loaded_a else AGAIN if key_b[1] else FIRST
            new_b = 0 if key_b == loaded_b else AGAIN if key_a[1] else FIRST
            loaded_a, loaded_b = key_a, key_b
            keep_a = following is not None and following[1] == key_a
            keep_b = following is not None and following[2] == key_b
            a_bytes, b_bytes = self._moved_bytes(block)
            if new_a:
                held_a = a_bytes
            if new_b:
                held_b = b_bytes
            release = (0 if keep_a else held_a) + (0 if keep_b else held_b)
            ends = block.last_k and following is None
            step = self._step(block, new_a, new_b, release, before, ends, shared, slot)
            first = (b_first + key_a[0], m_first + key_a[1] * choice.tm, n_first + key_b[1] * choice.tn,
                     k_first + key_a[2] * choice.tk)  # fmt: skip
            yield self._placed(step, first, block)
            if block.last_k:
                before += block.b * block.m.extent * block.n
            current = following

    def _placed(self, step: Step, first: tuple[int, int, int, int], block: _Block) -> Step:
        """The step with the places of its tiles, which begin at ``first`` (batch, M unit, N, K unit)."""
        positions = [load.operand for load in step.loads]
        if step.stores:
            positions.append(RESULTS)
        if not positions:
            return step
        size = (block.b, block.m, block.n, block.k.a_factor)
        return step._replace(places=tuple(self._places.of(one, first, size) for one in positions))

    def sharers(self, slot: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The slots whose steps load the same A, and the same B, as those of ``slot`` step by step; () where alone.

        A is shared along N and B along M, among the shares that are cut into equally many tiles.
        """
        if not self._multicast:
            return (), ()
        _, pm, pn, pk = self.choice.split
        place_b, place_m, place_n, place_k = self._place(slot)
        along_n = [((place_b * pm + place_m) * pn + other) * pk + place_k for other in range(pn)]
        along_m = [((place_b * pm + other) * pn + place_n) * pk + place_k for other in range(pm)]
        return self._alike(slot, along_n, 2, self.choice.tn), self._alike(slot, along_m, 1, self.choice.tm)

    def _alike(self, slot: int, others: list[int], axis: int, tile: int) -> tuple[int, ...]:
        own = ceil_div(self.ranges(slot)[axis][1], tile)
        alike = tuple(other for other in others if ceil_div(self.ranges(other)[axis][1], tile) == own)
        return alike if len(alike) > 1 else ()

    def _results_before(self, slot: int) -> int:
        """Results of the slots before this one, so that shares of the vector stage add up exactly."""
        total, pk = 0, self.choice.split[3]
        for earlier in range(0, slot - slot % pk, pk):
            (_, b), (m_first, m), (_, n), _ = self.ranges(earlier)
            total += b * self.geometry.m_cut(m_first, m).extent * n
        return total

    def _visits(self, slot: int) -> Iterator[tuple[_Block, tuple[int, ...], tuple[int, ...]]]:
        (_, b_count), (m_first, m_count), (_, n_count), (_, k_total) = self.ranges(slot)
        if not (b_count and m_count and n_count and k_total):
            return
        choice, geometry = self.choice, self.geometry
        m_cuts = [
            geometry.m_cut(m_first + start, min(choice.tm, m_count - start)) for start in range(0, m_count, choice.tm)
        ]
        n_cuts = [min(choice.tn, n_count - start) for start in range(0, n_count, choice.tn)]
        k_cuts = [geometry.k_cut(min(choice.tk, k_total - start)) for start in range(0, k_total, choice.tk)]
        pairs = [(i, j) for i in range(len(m_cuts)) for j in range(len(n_cuts))]
        if choice.order == "nm":
            pairs.sort(key=lambda pair: (pair[1], pair[0]))
        last = len(k_cuts) - 1
        for start in range(0, b_count, choice.tb):
            tb = min(choice.tb, b_count - start)
            for i, j in pairs:
                for place, cut in enumerate(k_cuts):
                    block = _Block(tb, m_cuts[i], n_cuts[j], cut, place == 0, place == last)
                    yield block, (start, i, place), (start, j, place)

    def _moved_bytes(self, block: _Block) -> tuple[int, int]:
        """What has to be transferred of A and of B for a block."""
        found = self._moved.get(block)
        if found is None:
            shape, kept = self.shape, kept_k(block.k.extent, self.shape.sparsity)
            a = shape.a.transferred(bits_to_bytes(block.b * block.m.a_factor * block.k.a_factor, shape.a_bits))
            b = shape.b.transferred(bits_to_bytes(block.b * kept * block.n, shape.b_bits))
            found = self._moved[block] = int(a), int(b)
        return found

    def _step(
        self, block: _Block, new_a: int, new_b: int, release: int, before: int, last: bool,
        shared: tuple[tuple[int, ...], tuple[int, ...]], slot: int,
    ) -> Step:  # fmt: skip
        shape = self.shape
        results = block.b * block.m.extent * block.n
        extras: tuple[tuple[int, int], ...] = ()
        operations: tuple[tuple[str, int], ...] = ()
        if block.last_k and slot % self.choice.split[3] == 0:
            extras = tuple(
                (position, shape.part(source.transferred(total), before, results))
                for position, (total, source) in enumerate(shape.extras, start=2)
                if not source.local
            )
            operations = tuple((name, shape.part(count, before, results)) for name, count in shape.operations)
        sums = self._sums(slot, results) if block.last_k else None
        key = (block, new_a, new_b, release, extras, operations, last, shared, sums)
        step = self._steps.get(key)
        if step is None:
            step = self._steps[key] = self._make(block, new_a, new_b, release, extras, operations, last, shared, sums)
        return step

    def _sums(self, slot: int, results: int) -> PartialSums | None:
        """What the slot sends and gets of a block's partial sums; None where K is whole."""
        if self._parts == 1:
            return None
        place = slot % self.choice.split[3]
        end = target(place, self._tree)
        return PartialSums(
            int(bits_to_bytes(results, Fraction(ACCUMULATE_BITS))),
            tuple(slot - place + other for other in sources(place, self._parts, self._tree)),
            None if end is None else slot - place + end,
        )

    def _make(
        self, block: _Block, new_a: int, new_b: int, release: int, extras: tuple[tuple[int, int], ...],
        operations: tuple[tuple[str, int], ...], last: bool, shared: tuple[tuple[int, ...], tuple[int, ...]],
        sums: PartialSums | None,
    ) -> Step:  # fmt: skip
        shape = self.shape
        loads, acquire = [], 0
        a_bytes, b_bytes = self._moved_bytes(block)
        for position, wanted, size, source, found in (
            (0, new_a, a_bytes, shape.a, self._reuse[0]),
            (1, new_b, b_bytes, shape.b, self._reuse[1]),
            *((position, FIRST, size, shape.extras[position - 2][1], NO_REUSE) for position, size in extras),
        ):
            if wanted and size:
                together = shared[position] if position < 2 and not source.cache else ()
                loads.append(Load(position, source.split(size), together, found.hit(source, size, wanted == AGAIN)))
                acquire += size
        results = block.b * block.m.extent * block.n
        result_bytes = int(bits_to_bytes(results, shape.c_bits))
        block_bytes = self.block_bytes(results)
        received = sums.size_bytes * len(sums.sources) if sums is not None else 0
        array = self._array_work(block) if self.choice.flow is not None else None
        vector, extra_bytes = None, sum(size for _, size in extras)
        if sums is not None and sums.sources:
            written = result_bytes if sums.target is None else sums.size_bytes
            added = ("add", results * len(sums.sources))
            vector = VectorStep((added, *operations), sums.size_bytes + received + extra_bytes, written, 0, 0)
        elif operations or array is None:
            vector = self._vector_step(block, operations, extra_bytes, result_bytes, array is None)
        complete = block.last_k and (sums is None or sums.target is None)
        stores: Split = shape.c.split(shape.c.transferred(result_bytes)) if complete else ()
        return Step(
            loads=tuple(loads),
            acquire=acquire + received,
            release_after_array=release if array is not None else 0,
            release_after_vector=extra_bytes + received + (0 if array is not None else release),
            open_output=block_bytes if block.first_k else 0,
            array=array,
            vector=vector,
            stores=stores,
            close_output=block_bytes if block.last_k else 0,
            last=last,
            vector_operator=1 if array is not None and operations else 0,
            sums=sums,
        )

    def block_bytes(self, results: int) -> int:
        """Scratchpad bytes that a block of results holds: final values, or partial sums when they live there."""
        if self._parts > 1:
            return int(bits_to_bytes(results, Fraction(ACCUMULATE_BITS)))
        if self.shape.c.local and self.choice.tk >= self.geometry.k_units:
            return 0
        model = self.core.array_model
        partial = self.choice.tk < self.geometry.k_units
        held = model is not None and self.choice.flow is not None and bool(model.accumulator_holds(results))
        bits = Fraction(ACCUMULATE_BITS) if partial and not held else self.shape.c_bits
        return int(bits_to_bytes(results, bits))

    def _array_work(self, block: _Block) -> ArrayWork:
        shape, flow = self.shape, self.choice.flow
        assert flow is not None
        extents = (block.b, block.m.extent, block.n, block.k.extent)
        bits = (shape.a_bits, shape.b_bits, shape.c_bits if self._parts == 1 else Fraction(ACCUMULATE_BITS))
        kept = kept_k(block.k.extent, shape.sparsity)
        return array_work(self.core, flow, shape.compute_type, extents, kept, bits, block.first_k, block.last_k,
                          shape.segment.conv)  # fmt: skip

    def _vector_step(
        self, block: _Block, operations: tuple[tuple[str, int], ...], extra_bytes: int, result_bytes: int, whole: bool
    ) -> VectorStep:
        """The fused chain on a block of results, or (``whole``) the matrix product itself on the vector unit."""
        if not whole:
            return VectorStep(operations, result_bytes + extra_bytes, result_bytes, 0, 0)
        kept = kept_k(block.k.extent, self.shape.sparsity)
        macs = block.b * block.m.extent * block.n * kept
        read = bits_to_bytes(macs, self.shape.a_bits) + bits_to_bytes(block.b * kept * block.n, self.shape.b_bits)
        return VectorStep(
            (("mac", macs), *operations), int(read) + extra_bytes, result_bytes,
            block.b * block.m.extent * block.n * block.k.extent, macs,
        )  # fmt: skip
