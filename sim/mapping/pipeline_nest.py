"""A joined region as a streaming pipeline: blocks of rows pass through all stages, from stage buffer to stage buffer.

For each block of the last stage's rows, every stage in turn makes the rows it still lacks: matrix work loops over tiles of
N with the whole of K, so that nothing is accumulated across steps. What a later stage reads goes to the maker's stage
buffer, which keeps the rows that a kernel will need again (a line buffer); what others need besides is stored too.
Weights that fit beside everything else are loaded once and stay; others are loaded again for each block.

Stage buffers are results space, reserved by the first step and given back by the last. A step waits for the step before it
when it reads what that stage has just made; the first stage of the next block need not wait, so blocks overlap, and
buffers hold one block more than the rows in use. Cores share whole images where a kernel spans rows, else rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from sim.hardware.layout import CoreView
from sim.hardware.pe.dataflow import Dataflow
from sim.hardware.pe.systolic import bits_to_bytes
from sim.mapping.array_work import array_work
from sim.mapping.geometry import Geometry, share
from sim.mapping.pipeline_stages import A, B, Stage
from sim.mapping.plan import ArrayWork, Load, Split, Step, TilePlace, VectorStep


@dataclass(frozen=True)
class PipelineChoice:
    """Units of the last stage per block, cores, and per stage (0 and None for vector work): tile of N, dataflow, and
    whether its weights stay."""

    block: int
    cores: int
    tiles: tuple[int, ...]
    flows: tuple[type[Dataflow] | None, ...]
    stay: tuple[bool, ...]


class PipelineNest:
    """The steps of one joined region under one choice."""

    def __init__(self, stages: tuple[Stage, ...], choice: PipelineChoice, core: CoreView) -> None:
        self.stages = stages
        self.choice = choice
        self.core = core
        self.slots = choice.cores
        self._geometry = [Geometry(one.segment) if one.segment is not None else None for one in stages]
        self._grain = grain(stages)
        self._readers = [
            [(reader, feed.place) for reader, stage in enumerate(stages) for feed in stage.feeds if feed.stage == place]
            for place in range(len(stages))
        ]  # fmt: skip
        self._steps: dict[tuple[object, ...], Step] = {}
        self._works: dict[tuple[int, int, int], ArrayWork] = {}

    def ranges(self, slot: int) -> list[tuple[int, int]]:
        """(first unit, end) of each stage for a core slot."""
        parts = self.stages[-1].units // self._grain[-1]
        first, count = share(parts, self.slots, slot)
        return [(first * size, (first + count) * size) for size in self._grain]

    def blocks(self, slot: int) -> Iterator[list[tuple[int, int]]]:
        """Per block of a core slot, the units [from, to) that each stage makes."""
        ranges = self.ranges(slot)
        done = [first for first, _ in ranges]
        first, end = ranges[-1]
        for start in range(first, end, self.choice.block):
            stop = min(end, start + self.choice.block)
            goal = self._goals(stop) if stop < end else [last for _, last in ranges]
            made = [(before, max(before, want)) for before, want in zip(done, goal, strict=True)]
            done = [to for _, to in made]
            yield made

    def _goals(self, stop: int) -> list[int]:
        """Units that every stage must have made for the last stage's units below ``stop``."""
        goal = [0] * len(self.stages)
        goal[-1] = stop
        for place in range(len(self.stages) - 2, -1, -1):
            for reader, where in self._readers[place]:
                stage = self.stages[reader]
                matrix = stage.segment is not None
                goal[place] = max(goal[place], stage.needed(goal[reader]) if matrix and where == A else goal[reader])
            if not self._readers[place]:
                goal[place] = self.stages[place].units * stop // self.stages[-1].units
        return goal

    def buffer_bytes(self) -> tuple[int, ...]:
        """Stage buffer of each stage: the rows in use and one block more; 0 for what no other stage reads."""
        most = [0] * len(self.stages)
        for slot in range(min(self.slots, 1)):
            before = [first for first, _ in self.ranges(slot)]
            for made in self.blocks(slot):
                for place, (start, to) in enumerate(made):
                    low = min((self._lowest(reader, where, before[reader]) for reader, where in self._readers[place]),
                              default=to)  # fmt: skip
                    most[place] = max(most[place], to - low + (to - start))
                before = [to for _, to in made]
        whole = [end - first for first, end in self.ranges(0)]
        return tuple(
            -(-stage.result_bytes * min(rows, 2 * all_rows) // stage.units) if stage.buffered else 0
            for stage, rows, all_rows in zip(self.stages, most, whole, strict=True)
        )

    def _lowest(self, reader: int, where: int, first: int) -> int:
        stage = self.stages[reader]
        return stage.lowest(first) if stage.segment is not None and where == A else first

    def steps(self, slot: int) -> Iterator[Step]:
        """All steps of a core slot, in order."""
        buffers = sum(self.buffer_bytes())
        pending: Step | None = None
        for step in self._sequence(slot):
            if pending is not None:
                yield pending
                pending = step
            else:
                pending = step._replace(open_output=step.open_output + buffers)
        if pending is not None:
            yield pending._replace(close_output=pending.close_output + buffers, last=True)

    def _sequence(self, slot: int) -> Iterator[Step]:
        blocks = list(self.blocks(slot))
        seen: set[int] = set()
        final = {
            place: number for number, made in enumerate(blocks) for place, (low, to) in enumerate(made) if to > low
        }
        for number, made in enumerate(blocks):
            fence, latest = -1, -1
            for place, (start, to) in enumerate(made):
                if to == start:
                    continue
                makers = [feed.stage for feed in self.stages[place].feeds if feed.stage is not None]
                follows = max((one for one in makers if made[one][1] > made[one][0]), default=-1) > fence
                if follows:
                    fence = latest
                edges = (place not in seen, final[place] == number)
                yield from self._stage_steps(place, (start, to - start), follows, edges)
                seen.add(place)
                latest = place

    def extent_bytes(self, position: int) -> int:
        """As in :class:`~sim.mapping.plan.StepSchedule`; 0, for a joined region has no second schedule."""
        return 0

    def _stage_steps(
        self, place: int, rows: tuple[int, int], follows: bool, edges: tuple[bool, bool]
    ) -> Iterator[Step]:
        """``rows``: (first unit, count); ``edges``: is it the stage's first block, its last?"""
        stage = self.stages[place]
        if stage.segment is None:
            yield self._vector_step(place, *rows, follows)
            return
        n, tile = stage.segment.n, self.choice.tiles[place]
        for begin in range(0, n, tile):
            size = min(tile, n - begin)
            ends = (begin == 0, begin + size >= n)
            yield self._matrix_step(place, rows, (begin, size), ends, follows and begin == 0, edges)

    def _matrix_step(
        self, place: int, rows: tuple[int, int], columns: tuple[int, int], ends: tuple[bool, bool], follows: bool,
        edges: tuple[bool, bool],
    ) -> Step:  # fmt: skip
        stage, geometry = self.stages[place], self._geometry[place]
        segment = stage.segment
        assert segment is not None and geometry is not None
        (start, count), (begin, size) = rows, columns
        m = count * geometry.m_unit
        before = start * geometry.m_unit * segment.n + begin * m
        whole = segment.m * segment.n
        loads, places, acquire, released, extra, inner = [], [], 0, 0, 0, 0
        for feed in stage.feeds:
            if feed.source is None:
                if feed.place not in (A, B):
                    inner += -(-self.stages[feed.stage or 0].result_bytes * count * size // (stage.units * segment.n))
                continue
            if feed.place == A:
                amount = int(feed.source.transferred(self.a_bytes(place, start, count)))
                first = self._input_place(place, start, feed.size_bytes)
                wanted, released = ends[0], released + (amount if ends[1] else 0)
            elif feed.place == B:
                amount = int(feed.source.transferred(bits_to_bytes(segment.k * size, stage.b_bits)))
                first = bits_to_bytes(segment.k * begin, stage.b_bits)
                stays = self.choice.stay[place]
                wanted, released = not stays or edges[0], released + (amount if not stays or edges[1] else 0)
            else:
                total = int(feed.source.transferred(feed.size_bytes))
                first, amount = feed.size_bytes * before // whole, _part(total, before, m * size, whole)
                wanted, extra = True, extra + amount
            if wanted and amount:
                loads.append(Load(feed.position, feed.source.split(amount)))
                places.append(TilePlace(int(feed.source.transferred(first))))
                acquire += amount
        result = _part(stage.result_bytes, before, m * size, whole)
        operations = tuple((name, _part(total, before, m * size, whole)) for name, total in stage.operations)
        vector = VectorStep(operations, result + extra + inner, result, 0, 0) if operations else None
        stores, room = self._leaves(stage, result)
        if stores:
            row, pitch = (stage.result_bytes * columns // whole for columns in (size, segment.n))
            places.append(self._stored(place, before, row if row < pitch and m > 1 else 0, pitch))
        return self._kept(Step(
            loads=tuple(loads), acquire=acquire, release_after_array=released + (0 if vector is not None else extra),
            release_after_vector=extra if vector is not None else 0, open_output=room,
            array=self._work(place, m, size), vector=vector, stores=stores, close_output=room, last=False,
            array_operator=stage.operator, vector_operator=stage.chain, follows=follows,
        ), places)  # fmt: skip

    def _vector_step(self, place: int, start: int, count: int, follows: bool) -> Step:
        stage = self.stages[place]

        def part(total: int) -> int:
            return _part(total, start, count, stage.units)

        loads, places, acquire, read = [], [], 0, 0
        for feed in stage.feeds:
            if feed.source is None:
                read += part(self.stages[feed.stage or 0].result_bytes)
                continue
            amount = part(int(feed.source.transferred(feed.size_bytes)))
            read += part(feed.size_bytes)
            if amount:
                loads.append(Load(feed.position, feed.source.split(amount)))
                places.append(TilePlace(int(feed.source.transferred(feed.size_bytes)) * start // stage.units))
                acquire += amount
        result = part(stage.result_bytes)
        stores, room = self._leaves(stage, result)
        if stores:
            places.append(self._stored(place, start, 0, 0))
        operations = tuple((name, part(total)) for name, total in stage.operations)
        return self._kept(Step(
            loads=tuple(loads), acquire=acquire, release_after_array=0, release_after_vector=acquire,
            open_output=room, array=None, vector=VectorStep(operations, read, result, 0, 0), stores=stores,
            close_output=room, last=False, array_operator=stage.operator, vector_operator=stage.operator,
            follows=follows,
        ), places)  # fmt: skip

    def _stored(self, place: int, before: int, row_bytes: int, pitch_bytes: int) -> TilePlace:
        """Where results lie among those of their stage, ``before`` elements (or units) into them."""
        stage = self.stages[place]
        whole = stage.units if stage.segment is None else stage.segment.m * stage.segment.n
        first = stage.result_bytes * before // whole
        return TilePlace(first, row_bytes, pitch_bytes if row_bytes else 0, place)

    def _leaves(self, stage: Stage, result: int) -> tuple[Split, int]:
        """Stores of a tile of results, and the room it needs beside the stage buffers."""
        if stage.output is None:
            return (), 0
        moved = int(stage.output.transferred(result))
        return stage.output.split(moved), 0 if stage.buffered else moved

    def a_bytes(self, place: int, start: int, count: int) -> int:
        """Bytes of A for units [start, start + count) of a matrix stage: the input rows under its kernel."""
        geometry, stage = self._geometry[place], self.stages[place]
        assert geometry is not None
        return int(bits_to_bytes(geometry.m_cut(start, count).a_factor * geometry.k_units, stage.a_bits))

    def _input_place(self, place: int, start: int, size_bytes: int) -> int:
        """Where in A unit ``start`` begins to read. Of a volume, whose slices are read several times: at its share of A."""
        geometry, stage, conv = self._geometry[place], self.stages[place], self.stages[place].conv
        assert geometry is not None
        first = int(bits_to_bytes(geometry.input_row(start) * geometry.k_units, stage.a_bits))
        if conv is None:
            return first
        read = int(bits_to_bytes(conv.images * conv.in_h * conv.in_w * geometry.k_units, stage.a_bits))
        return first * size_bytes // max(read, size_bytes)

    def _work(self, place: int, m: int, n: int) -> ArrayWork:
        if (place, m, n) in self._works:
            return self._works[place, m, n]
        stage, flow = self.stages[place], self.choice.flows[place]
        segment = stage.segment
        assert segment is not None and flow is not None
        bits = (stage.a_bits, stage.b_bits, self.result_bits(stage))
        extents = (1, m, n, segment.k)
        found = array_work(self.core, flow, stage.compute_type, extents, segment.k, bits, True, True)
        return self._works.setdefault((place, m, n), found)

    @staticmethod
    def result_bits(stage: Stage) -> Fraction:
        """Bits per result of a matrix stage."""
        assert stage.segment is not None
        return Fraction(8 * stage.result_bytes, stage.segment.m * stage.segment.n)

    def _kept(self, step: Step, places: list[TilePlace]) -> Step:
        """Equal steps are one object but for the places of their tiles, so that a long plan stays small."""
        return self._steps.setdefault((step,), step)._replace(places=tuple(places))


def _part(total: int, before: int, count: int, whole: int) -> int:
    """The share of ``total`` of units [before, before + count) of ``whole``: exact over all shares."""
    return total * (before + count) // whole - total * before // whole


def grain(stages: tuple[Stage, ...]) -> list[int]:
    """Units of each stage that cores share as one piece: an image where a kernel spans rows, else one row."""
    spans = any(
        feed.stage is not None and feed.place == A and stage.conv is not None and _reaches_over(stage)
        for stage in stages for feed in stage.feeds
    )  # fmt: skip
    if not spans:
        return [1] * len(stages)
    images = max(stage.conv.images for stage in stages if stage.conv is not None)
    return [stage.units // images for stage in stages]


def _reaches_over(stage: Stage) -> bool:
    conv = stage.conv
    return conv is not None and (conv.kernel_h > 1 or conv.stride_h > 1)
