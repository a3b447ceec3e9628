"""Plans of vector work and of copies: rows cut evenly into tiles, streamed through the scratchpad.

What it models: each tile loads its share of every input, is computed on the vector unit (or not at all: a copy), and is
stored. The number of tiles per core is chosen by the same rule as for matrices: the least of

    max(compute + first load, memory path + one tile's compute) + last store

over powers of two, among those that fit the scratchpad; the fewest tiles within the search's tolerance are taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sim.core.arith import ceil_div
from sim.hardware.layout import CoreView, Layout
from sim.mapping.geometry import share
from sim.mapping.paths import Flow, Paths, rate_ps
from sim.mapping.plan import ALTERNATIVES, RESULTS, Choice, Load, Sources, Step, TilePlace, VectorStep
from sim.mapping.selection import limit_ps

MAX_TILES_PER_CORE = 64
"""Bound on tiles of one operator on one core: finer cuts would cost events and gain nothing a double buffer does not."""


@dataclass(frozen=True)
class RowRegionShape:
    """Vector or copy work: ``rows`` that may be cut anywhere, whole-operator totals, operands as (bytes, source)."""

    rows: int
    operations: tuple[tuple[str, int], ...]
    inputs: tuple[tuple[int, Sources], ...]
    output_bytes: int
    output: Sources


class RowNest:
    """The steps of one shape cut into ``cores`` x ``tiles`` blocks of rows."""

    def __init__(self, shape: RowRegionShape, cores: int, tiles: int) -> None:
        self.shape = shape
        self.slots = cores
        self.tiles = tiles
        self._steps: dict[tuple[object, ...], Step] = {}

    def steps(self, slot: int) -> Iterator[Step]:
        """Tile steps of one core slot. Shares of bytes and operations add up exactly over all tiles of all slots."""
        first, count = share(self.shape.rows, self.slots, slot)
        cuts = [share(count, self.tiles, place) for place in range(self.tiles)]
        cuts = [(first + start, size) for start, size in cuts if size]
        for place, (start, size) in enumerate(cuts):
            yield self._placed(self._step(start, size, place == len(cuts) - 1), start)

    def _placed(self, step: Step, start: int) -> Step:
        """The step with the places of its tiles: operands and results lie by rows."""
        positions = [load.operand for load in step.loads] + ([RESULTS] if step.stores else [])
        rows = self.shape.rows
        return step._replace(places=tuple(TilePlace(self.extent_bytes(one) * start // rows) for one in positions))

    def extent_bytes(self, position: int) -> int:
        """As in :class:`~sim.mapping.plan.StepSchedule`."""
        shape = self.shape
        total, source = (shape.output_bytes, shape.output) if position == RESULTS else shape.inputs[position]
        return int(source.transferred(total))

    def _part(self, total: int, start: int, size: int) -> int:
        rows = self.shape.rows
        return total * (start + size) // rows - total * start // rows

    def _step(self, start: int, size: int, last: bool) -> Step:
        shape = self.shape
        inputs = tuple(self._part(total, start, size) for total, _ in shape.inputs)
        operations = tuple((name, self._part(count, start, size)) for name, count in shape.operations)
        output = self._part(shape.output_bytes, start, size)
        key = (inputs, operations, output, last)
        if key not in self._steps:
            self._steps[key] = self._make(inputs, operations, output, last)
        return self._steps[key]

    def _make(self, inputs: tuple[int, ...], operations: tuple[tuple[str, int], ...], output: int, last: bool) -> Step:
        shape = self.shape
        pairs = [
            (position, source.transferred(size), source)
            for position, (size, (_, source)) in enumerate(zip(inputs, shape.inputs, strict=True))
        ]
        loads = tuple(
            Load(position, source.split(size), hit=size if source.cached else 0)
            for position, size, source in pairs
            if size
        )
        acquire = sum(size for _, size, _ in pairs)
        kept = shape.output.transferred(output)
        vector = VectorStep(operations, sum(inputs), output, 0, 0) if operations else None
        return Step(
            loads=loads,
            acquire=acquire,
            release_after_array=0,
            release_after_vector=acquire,
            open_output=kept,
            array=None,
            vector=vector,
            stores=shape.output.split(kept),
            close_output=kept,
            last=last,
        )


def plan_rows(
    layout: Layout, cores: tuple[CoreView, ...], shape: RowRegionShape, capacity: tuple[int, int]
) -> tuple[RowNest, Choice] | None:
    """The best cut of ``shape`` over ``cores``, or None when not even single rows fit."""
    core = cores[0]
    used = min(len(cores), shape.rows)
    rows = ceil_div(shape.rows, used)
    found: list[tuple[int, int, dict[str, int], int]] = []
    tiles = 1
    while True:
        cut = min(tiles, rows)
        costed = _cost(layout, core, shape, capacity, used, cut)
        if costed is not None:
            found.append((cut, *costed))
        if tiles >= rows or (found and tiles >= MAX_TILES_PER_CORE):
            break
        tiles *= 2
    if not found:
        return None
    best = min(cost for _, cost, _, _ in found)
    cut, cost, terms, buffers = next(one for one in found if one[1] <= limit_ps(best))

    def report(cut: int, cost: int, terms: dict[str, int], buffers: int) -> Choice:
        return Choice("vector" if shape.operations else "dma", None, {"rows": ceil_div(rows, cut)}, "rows",
                      {"rows": used}, buffers, cut, len(found), cost, best, terms)  # fmt: skip

    others = sorted((one for one in found if one[0] != cut), key=lambda one: (one[1], one[0]))[:ALTERNATIVES]
    choice = replace(
        report(cut, cost, terms, buffers), alternatives=tuple(report(*one).to_alternative() for one in others)
    )
    return RowNest(shape, used, cut), choice


def _cost(
    layout: Layout, core: CoreView, shape: RowRegionShape, capacity: tuple[int, int], used: int, tiles: int
) -> tuple[int, dict[str, int], int] | None:
    blocks = used * tiles
    rows = ceil_div(ceil_div(shape.rows, used), tiles)
    inputs = sum(ceil_div(source.transferred(total) * rows, shape.rows) for total, source in shape.inputs)
    written = shape.output.transferred(shape.output_bytes)
    output = ceil_div(written * rows, shape.rows)
    buffers = min(core.scratchpad_model.spec.buffers, tiles)
    if inputs * buffers > capacity[0] or output * buffers > capacity[1]:
        return None
    paths = Paths(layout, core)
    sizes = [(source, ceil_div(source.transferred(total), used)) for total, source in shape.inputs]
    flows = [Flow(source, size, hit=size if source.cached else 0) for source, size in sizes]
    memory = paths.slowest_ps([*flows, Flow(shape.output, ceil_div(written, used))], used)
    moved = sum(total for total, _ in shape.inputs) + shape.output_bytes
    banks = rate_ps(ceil_div(moved, used), core.scratchpad_model.bytes_per_s)
    tile = 0
    if shape.operations:
        assert core.vector_model is not None
        per_tile = [(name, ceil_div(count, blocks)) for name, count in shape.operations]
        tile = rate_ps(core.vector_model.cycles(per_tile), core.vector_model.clock.hz)
    first = max((paths.transfer_ps(source, ceil_div(total, blocks)) for total, source in shape.inputs
                 if not source.local and not source.persistent), default=0)  # fmt: skip
    last = 0 if shape.output.local else paths.transfer_ps(shape.output, output)
    cost = max(tile * tiles + first, max(memory, banks) + tile) + last
    terms = {"compute": tile * tiles, "memory": memory, "scratchpad": banks, "first_tile": first, "last_tile": tile,
             "last_store": last}  # fmt: skip
    return int(cost), {name: int(value) for name, value in terms.items()}, buffers
