"""Plans of ``kind: roofline``: a region cut into equal tiles, each loaded, computed and stored.

Predicted time: max(compute, slowest memory path) + the first tile's load + the last tile's store. Any region can be
executed whose operands lie in tiers the engine is linked to; every operand comes in once (its caches are ideal).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from sim.hardware.engine import EngineView
from sim.hardware.layout import Layout
from sim.hardware.roofline import RooflineModel
from sim.mapping.engines.engine import Request, compute_type, engine_kinds, pinned_elsewhere, vector_operations
from sim.mapping.paths import rate_ps
from sim.mapping.plan import Choice, Load, Plan, Sources, Split
from sim.trace.work import MatrixWork

TILES = 8
"""Tiles of a region: enough for loads, compute and stores to overlap within an eighth of the region."""


@dataclass(frozen=True)
class RooflineTile:
    """One tile: bytes of each operand, time on the engine, what is counted, and bytes of results."""

    loads: tuple[Load, ...]
    compute_ps: int
    macs: int
    macs_executed: int
    operations: tuple[tuple[str, int], ...]
    stores: Split


@dataclass(frozen=True)
class RooflineSchedule:
    """The tiles of one region."""

    tiles: tuple[RooflineTile, ...]
    slots: int = 1


@engine_kinds.register("roofline")
class RooflineEngine:
    """One roofline engine of a machine."""

    def __init__(self, layout: Layout, view: EngineView) -> None:
        self.layout = layout
        self.name = view.path
        self._model = RooflineModel(view.spec)

    @classmethod
    def of(cls, layout: Layout, resident: dict[int, int]) -> tuple[RooflineEngine, ...]:
        """Every roofline engine of the machine."""
        return tuple(cls(layout, view) for view in layout.engines if view.kind == "roofline")

    def plan(self, request: Request) -> Plan | None:
        """As in :class:`~sim.mapping.engines.engine.PlanningEngine`."""
        region, multiplied = request.region, compute_type(request.region)
        work = region.head.work
        peak = self._model.peak_macs_per_s(multiplied)
        matrix = isinstance(work, MatrixWork)
        if region.parts or pinned_elsewhere(request, self.name) or not self._reaches(request) or (matrix and not peak):
            return None
        macs, kept = _macs(work) if isinstance(work, MatrixWork) else (0, 0)
        schedule = RooflineSchedule(self._tiles(request, macs, kept, multiplied))
        return Plan(
            engine=self.name,
            schedules=(schedule,),
            choices=(self._choice(request, schedule),),
            peak_macs_per_s=peak if matrix else Fraction(0),
            compute_type=multiplied,
        )

    def _reaches(self, request: Request) -> bool:
        ends = [*request.operands, request.output]
        return not any(one.here for one in ends) and all(
            (tier, self.name) in self.layout.engine_routes for one in ends for tier, _ in one.tiers
        )

    def _tiles(self, request: Request, macs: int, kept: int, multiplied: str) -> tuple[RooflineTile, ...]:
        operations = vector_operations(request.region)
        out = sum(one.size_bytes for one in request.region.tail.outputs)
        tiles = []
        for place in range(TILES):

            def part(total: int, place: int = place) -> int:
                return total * (place + 1) // TILES - total * place // TILES

            share = tuple((name, part(count)) for name, count in operations)
            busy = self._model.matrix_ps(part(kept), multiplied) if kept else 0
            busy += self._model.vector_ps(share) if share else 0
            loads = tuple(
                Load(position, source.split(part(size)))
                for position, (source, size) in enumerate(zip(request.operands, request.sizes, strict=True))
                if part(size)
            )
            tiles.append(RooflineTile(loads, busy, part(macs), part(kept), share, request.output.split(part(out))))
        return tuple(tiles)

    def _choice(self, request: Request, schedule: RooflineSchedule) -> Choice:
        compute = sum(tile.compute_ps for tile in schedule.tiles)
        flows = list(zip(request.operands, request.sizes, strict=True))
        out = sum(one.size_bytes for one in request.region.tail.outputs)
        memory = self._memory_ps([*flows, (request.output, out)])
        first = max((self._memory_ps([(source, -(-size // TILES))]) for source, size in flows), default=0)
        last = self._memory_ps([(request.output, -(-out // TILES))])
        cost = max(compute, memory) + first + last
        terms = {"compute": compute, "memory": memory, "first_tile": first, "last_store": last}
        return Choice("roofline", None, {}, "tiles", {}, 2, TILES, 1, cost, cost, terms)

    def _memory_ps(self, flows: list[tuple[Sources, int]]) -> int:
        """Time of the busiest tier or link for these bytes."""
        tiers: dict[int, int] = {}
        for source, amount in flows:
            for tier, size in source.split(amount):
                tiers[tier] = tiers.get(tier, 0) + size
        slowest = 0
        for tier, amount in sorted(tiers.items()):
            rates = [self.layout.tiers[tier].bytes_per_s]
            rates += [
                self.layout.link(hop.link).model.bytes_per_s for hop in self.layout.engine_routes[tier, self.name]
            ]
            slowest = max(slowest, max(int(rate_ps(amount, rate)) for rate in rates))
        return slowest


def _macs(work: MatrixWork) -> tuple[int, int]:
    """Dense multiply-accumulates and those left under structured sparsity of the weights."""
    if work.sparsity is None:
        return work.macs, work.macs
    kept, block = work.sparsity
    return work.macs, sum(
        one.batch * one.m * one.n * (one.k // block * kept + min(kept, one.k % block)) for one in work.segments
    )
