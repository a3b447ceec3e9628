"""Search for the pipeline of a joined region: block of rows, cores, tile of N, and which weights stay on chip.

A candidate is costed by walking its steps on the core with the largest share, with the components' closed forms:

    max(compute + first activation tile, slowest memory path, scratchpad) + last vector stage + last store

where compute is the arrays' time plus the vector stages that a later stage waits for (or the vector unit's whole time, if
that is more). Weights are prefetched across regions, as in :mod:`sim.mapping.matrix_search`. The least cost wins and,
within that search's tolerance, the fewest bytes through off-chip memory, then the fewest steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from sim.config.policy import MappingPin
from sim.core.arith import ceil_div
from sim.hardware.layout import CoreView, Layout
from sim.hardware.pe.dataflow import Dataflow
from sim.hardware.pe.systolic import bits_to_bytes
from sim.mapping.paths import Flow, Paths, rate_ps
from sim.mapping.pipeline_nest import PipelineChoice, PipelineNest, grain
from sim.mapping.pipeline_stages import A, B, Stage
from sim.mapping.plan import Choice, Sources, Step
from sim.mapping.selection import Cost, select

MOST_BLOCKS = (1, 2, 4, 8, 16, 32, 64)
"""Blocks per core that are tried; more would load weights that do not stay ever more often."""
MOST_STEPS = 1024
"""Steps of one pipeline on one core: bounds what a run and this search, which walks them, take."""
WEIGHT_BUFFERS = 2
"""Tiles of weights that must fit at once, so that the next one loads behind the one in use."""


class PipelineSearch:
    """Finds the best pipeline of ``stages`` on one class of cores."""

    def __init__(
        self, layout: Layout, cores: tuple[CoreView, ...], stages: tuple[Stage, ...], pin: MappingPin | None,
        capacity: tuple[int, int],
    ) -> None:  # fmt: skip
        self.layout = layout
        self.cores = cores
        self.core = cores[0]
        self.stages = stages
        self.pin = pin
        self.capacity = capacity
        self.paths = Paths(layout, self.core)

    def best(self) -> tuple[PipelineNest, Choice] | None:
        """The best nest and its report, or None when the core lacks a unit or a type, or nothing fits."""
        if not self._able():
            return None
        found = []
        for choice in self._choices():
            nest = PipelineNest(self.stages, choice, self.core)
            costed = self._cost(nest) if sum(nest.buffer_bytes()) <= self.capacity[1] else None
            if costed is not None:
                found.append((costed, nest))
        taken = select(found)
        if taken is None:
            return None
        nest, cost, least, count = taken
        names = {flow.name for flow in nest.choice.flows if flow is not None}
        report = Choice(
            "array" if names else "vector", "+".join(sorted(names)) or None, {"rows": nest.choice.block}, "rows stages n",
            {"rows": nest.choice.cores}, WEIGHT_BUFFERS, cost.tiles, count, cost.cost_ps, least,
            cost.terms,
        )  # fmt: skip
        return nest, report

    def _able(self) -> bool:
        model = self.core.array_model
        matrix = [stage.compute_type for stage in self.stages if stage.segment is not None]
        vector = any(stage.operations for stage in self.stages)
        return not (matrix and (model is None or not all(model.rate(one) for one in matrix))) and not (
            vector and self.core.vector_model is None
        )

    def _choices(self) -> Iterator[PipelineChoice]:
        model = self.core.array_model
        flows: list[type[Dataflow] | None] = [None]
        if model is not None:
            name = (self.pin.dataflow if self.pin else None) or model.spec.dataflow
            flows = [*model.flows(name)]
        pieces = self.stages[-1].units // grain(self.stages)[-1]
        counts = [used for used in range(1, len(self.cores) + 1) if len(self.cores) % used == 0 and used <= pieces]
        for flow, cores in product(flows, counts):
            most = ceil_div(pieces, cores) * grain(self.stages)[-1]
            for parts in MOST_BLOCKS:
                if parts <= most:
                    yield from self._with_block(flow, cores, int(ceil_div(most, parts)))

    def _with_block(self, flow: type[Dataflow] | None, cores: int, block: int) -> Iterator[PipelineChoice]:
        """With all weights staying where they fit beside the activations, else the small ones, else none."""
        flows = tuple(flow if stage.segment is not None else None for stage in self.stages)
        sizes = [self._weights(stage) for stage in self.stages]
        order = sorted((size, place) for place, size in enumerate(sizes) if size)
        base = PipelineChoice(block, cores, self._whole(), flows, (False,) * len(self.stages))
        activations = self._activations(PipelineNest(self.stages, base, self.core))
        for count in sorted({len(order), 0, *range(len(order))}, reverse=True):
            stay = {place for _, place in order[:count]}
            room = self.capacity[0] - activations - sum(sizes[place] for place in stay)
            tiles = self._tiles(stay, room)
            if tiles is not None:
                yield PipelineChoice(block, cores, tiles, flows, tuple(place in stay for place in range(len(sizes))))
                return

    def _whole(self) -> tuple[int, ...]:
        return tuple(stage.segment.n if stage.segment is not None else 0 for stage in self.stages)

    def _weights(self, stage: Stage) -> int:
        if stage.segment is None:
            return 0
        return sum(int(feed.source.transferred(bits_to_bytes(stage.segment.k * stage.segment.n, stage.b_bits)))
                   for feed in stage.feeds if feed.place == B and feed.source is not None)  # fmt: skip

    def _activations(self, nest: PipelineNest) -> int:
        """The most input space that operands other than weights take at once, for two steps in flight."""
        most = 0
        for made in nest.blocks(0):
            for place, (start, to) in enumerate(made):
                stage, total = self.stages[place], 0
                for feed in stage.feeds:
                    if feed.source is None or (stage.segment is not None and feed.place == B):
                        continue
                    if stage.segment is not None and feed.place == A:
                        total += int(feed.source.transferred(nest.a_bytes(place, start, to - start)))
                    else:
                        total += ceil_div(int(feed.source.transferred(feed.size_bytes)) * (to - start), stage.units)
                most = max(most, total)
        return 2 * most

    def _tiles(self, stay: set[int], room: int) -> tuple[int, ...] | None:
        """The widest tiles of N for which the weights that do not stay fit twice; None when one granule does not."""
        model = self.core.array_model
        tiles = []
        for place, stage in enumerate(self.stages):
            if stage.segment is None:
                tiles.append(0)
                continue
            assert model is not None
            n, granule = stage.segment.n, model.spec.cols
            if place in stay or not self._weights(stage):
                tiles.append(n)
                continue
            column = int(bits_to_bytes(stage.segment.k, stage.b_bits))
            fits = room // (WEIGHT_BUFFERS * column)
            if fits < min(n, granule):
                return None
            tiles.append(n if fits >= n else fits // granule * granule)
        return tuple(tiles) if room >= 0 else None

    def _cost(self, nest: PipelineNest) -> Cost | None:
        """Of a candidate (off-chip bytes, steps as tiles), or None when it does not fit."""
        buffers, steps = sum(nest.buffer_bytes()), []
        for step in nest.steps(0):
            steps.append(step)
            if len(steps) > MOST_STEPS:
                return None
        room = max(step.open_output for step in steps[1:]) if len(steps) > 1 else 0
        if max(buffers + room, steps[0].open_output) > self.capacity[1]:
            return None
        if max(step.acquire for step in steps) > self.capacity[0]:
            return None
        used = nest.choice.cores
        arrays, waited, vector, banks = self._busy(steps)
        flows = _flows(steps)
        memory = int(self.paths.slowest_ps(flows, used))
        first = max((int(self.paths.transfer_ps(source, amount)) for source, amount in self._first(nest)), default=0)
        tail = self._vector_ps(steps[-1])
        last = sum(size for _, size in steps[-1].stores)
        store = int(self.paths.transfer_ps(Sources(((steps[-1].stores[0][0], 1),), 0, False), last)) if last else 0
        compute = max(arrays + waited, vector)
        terms = {"compute": compute, "memory": memory, "scratchpad": banks, "vector": vector, "first_tile": first,
                 "last_tile": 0, "last_store": store}  # fmt: skip
        cost = max(compute + first, memory, banks) + tail + store
        return Cost(cost, int(self.paths.off_chip(flows, used)), len(steps), terms)

    def _first(self, nest: PipelineNest) -> Iterator[tuple[Sources, int]]:
        """The activations that the first step waits for."""
        stage, (start, to) = self.stages[0], next(nest.blocks(0))[0]
        for feed in stage.feeds:
            if feed.source is not None and not feed.source.persistent and not feed.source.local:
                yield feed.source, ceil_div(int(feed.source.transferred(feed.size_bytes)) * (to - start), stage.units)

    def _busy(self, steps: list[Step]) -> tuple[int, int, int, int]:
        """Arrays, vector stages that a later stage waits for, all vector stages, scratchpad: picoseconds of one core."""
        model, pad = self.core.array_model, self.core.scratchpad_model
        cycles = waited = vector = moved = 0
        for step, after in zip(steps, [*steps[1:], None], strict=True):
            if step.array is not None:
                cycles += max(step.array.shares)
                moved += (step.array.scratchpad_read + step.array.scratchpad_write) * step.array.conflicts
            if step.vector is not None:
                time = self._vector_ps(step)
                vector += time
                waited += time if after is not None and after.follows else 0
                moved += step.vector.scratchpad_read + step.vector.scratchpad_write
            moved += sum(size for load in step.loads for _, size in load.split) + sum(size for _, size in step.stores)
        arrays = int(rate_ps(cycles, model.clock.hz)) if model is not None else 0
        return arrays, waited, vector, int(rate_ps(moved, pad.bytes_per_s))

    def _vector_ps(self, step: Step) -> int:
        model = self.core.vector_model
        if step.vector is None or model is None:
            return 0
        return int(rate_ps(int(model.cycles(step.vector.operations)), model.clock.hz))


def _flows(steps: list[Step]) -> list[Flow]:
    """Bytes that the steps move per tier, as flows."""
    tiers: dict[int, int] = {}
    for step in steps:
        for split in (*(load.split for load in step.loads), step.stores):
            for tier, size in split:
                tiers[tier] = tiers.get(tier, 0) + size
    return [Flow(Sources(((tier, 1),), 0, False), amount) for tier, amount in sorted(tiers.items())]
