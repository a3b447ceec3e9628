"""Cores of one declaration as an engine: the searches for tiles, dataflow and split over cores."""

from __future__ import annotations

from collections import Counter, OrderedDict
from fractions import Fraction

from sim.config.policy import MappingPin
from sim.hardware.layout import CoreView, Layout
from sim.mapping.attention_grad_nest import GradientNest
from sim.mapping.attention_grad_search import GradientSearch, gradient_shapes
from sim.mapping.attention_search import AttentionSearch, attention_shapes
from sim.mapping.engines.engine import Request, compute_type, engine_kinds
from sim.mapping.matrix_nest import MatrixChoice, MatrixNest
from sim.mapping.matrix_search import MatrixSearch
from sim.mapping.matrix_shape import MatrixRegionShape
from sim.mapping.pipeline_search import PipelineSearch
from sim.mapping.pipeline_stages import stages_of
from sim.mapping.plan import Choice, Plan, Schedule, Sources
from sim.mapping.regions import Region
from sim.mapping.row_plan import RowRegionShape, plan_rows
from sim.mapping.twin_tiers import TwinTiers
from sim.trace.dtypes import data_type
from sim.trace.work import CollectiveWork, CopyWork, MatrixWork, VectorWork

KEPT_SEARCHES = 512
"""Results of matrix searches kept for shapes that come again."""


def stream_capacity(core: CoreView, resident_bytes: int) -> tuple[int, int]:
    """(input, output) bytes of a core's scratchpad for streaming tiles, after ``resident_bytes`` of whole tensors."""
    spec = core.scratchpad_model.spec
    space = spec.capacity * spec.count - resident_bytes
    output = int(space * spec.output_share)
    return space - output, output


@engine_kinds.register("core")
class CoreClass:
    """One class of cores; ``name`` is the path of their declaration."""

    def __init__(self, layout: Layout, name: str, cores: tuple[CoreView, ...], capacity: tuple[int, int]) -> None:
        self.layout = layout
        self.name = name
        self.cores = cores
        self.capacity = capacity
        self._twins = TwinTiers(layout, cores[0])
        self._found: OrderedDict[object, tuple[MatrixChoice, Choice] | None] = OrderedDict()

    @classmethod
    def of(cls, layout: Layout, resident: dict[int, int]) -> tuple[CoreClass, ...]:
        """Every class of cores of the machine."""
        return tuple(
            cls(layout, name, cores, stream_capacity(cores[0], resident[cores[0].index]))
            for name, cores in layout.core_classes.items()
        )

    def plan(self, request: Request) -> Plan | None:
        """As in :class:`PlanningEngine`."""
        region, work = request.region, request.region.head.work
        if any(region.operators[1:]) and self.cores[0].vector_model is None:
            return None
        if region.is_gradient:
            found = self._gradient(request)
        elif region.parts:
            found = self._pipeline(request)
        elif region.is_attention:
            found = self._attention(request)
        elif isinstance(work, MatrixWork):
            found = self._matrix(request, work)
        elif isinstance(work, CollectiveWork):
            return None
        else:
            found = self._rows(request, work)
        return None if found is None else self._plan(request, found)

    def _attention(self, request: Request) -> list[tuple[Schedule, Choice]] | None:
        found: list[tuple[Schedule, Choice]] = []
        region = request.region
        for group in attention_shapes(region, list(request.operands), request.output, compute_type(region)):
            best = AttentionSearch(self.layout, self.cores, group, request.pin, self.capacity).best()
            if best is None:
                return None
            found.append(best)
        return found

    def _gradient(self, request: Request) -> list[tuple[Schedule, Choice]] | None:
        region = request.region
        found: list[tuple[Schedule, Choice]] = []
        for group in gradient_shapes(region, request.operands, request.outputs, compute_type(region)) or ():
            best = GradientSearch(self.layout, self.cores, group, request.pin, self.capacity).best()
            if best is None:
                return None
            found.append(best)
        return found or None

    def _pipeline(self, request: Request) -> list[tuple[Schedule, Choice]] | None:
        stages = stages_of(request.region, request.operands, request.sizes, request.outputs)
        if stages is None:
            return None
        best = PipelineSearch(self.layout, self.cores, stages, request.pin, self.capacity).best()
        return None if best is None else [best]

    def _matrix(self, request: Request, work: MatrixWork) -> list[tuple[Schedule, Choice]] | None:
        found: list[tuple[Schedule, Choice]] = []
        policy = self.layout.architecture.policy
        shapes = matrix_shapes(request.region, work, list(request.operands), request.sizes, request.output)
        for shape in shapes:
            best = self.search(shape, request.pin)
            if best is None:
                return None
            found.append(
                (MatrixNest(shape, best[0], self.cores[0], policy.multicast, policy.reduction == "tree"), best[1])
            )
        return found

    def search(self, shape: MatrixRegionShape, pin: MappingPin | None) -> tuple[MatrixChoice, Choice] | None:
        """The best choice for a shape; searched once for all shapes that differ only in which twins hold their tensors."""
        key = self._twins.pattern(shape), pin
        if key not in self._found:
            self._found[key] = MatrixSearch(self.layout, self.cores, shape, pin, self.capacity).best()
            if len(self._found) > KEPT_SEARCHES:
                self._found.popitem(last=False)
        self._found.move_to_end(key)
        return self._found[key]

    def _rows(self, request: Request, work: VectorWork | CopyWork) -> list[tuple[Schedule, Choice]] | None:
        if isinstance(work, VectorWork) and self.cores[0].vector_model is None:
            return None
        shape = _row_shape(request.region, work, list(request.operands), request.sizes, request.output)
        planned = plan_rows(self.layout, self.cores, shape, self.capacity)
        return None if planned is None else [planned]

    def _plan(self, request: Request, found: list[tuple[Schedule, Choice]]) -> Plan:
        region, core = request.region, self.cores[0]
        added: Counter[str] = Counter()
        for schedule, _ in found:
            added += Counter(getattr(schedule, "added_operations", Counter)())
        uses_arrays = any(choice.engine == "array" for _, choice in found)
        multiplied, model = compute_type(region), core.array_model
        matrix = any(isinstance(one.work, MatrixWork) for one in region.operators)
        peak = core.peak_macs_per_s(multiplied if uses_arrays else None) * len(self.cores) if matrix else Fraction(0)
        typed = model is None or model.rate(multiplied) is not None
        return Plan(
            engine=self.name,
            schedules=tuple(schedule for schedule, _ in found),
            choices=tuple(choice for _, choice in found),
            uses_arrays=uses_arrays,
            uses_vector=any(choice.engine == "vector" for _, choice in found) or len(region.operators) > 1,
            local_operands=tuple(place for place, source in enumerate(request.operands) if source.here),
            peak_macs_per_s=peak,
            untyped=matrix and not typed,
            compute_type=multiplied,
            added_operations=tuple(sorted(added.items())),
            spilled_bytes=sum(schedule.spilled_bytes() for schedule, _ in found if isinstance(schedule, GradientNest)),
            reduced_bytes=sum(schedule.reduced_bytes() for schedule, _ in found if isinstance(schedule, MatrixNest)),
        )


def matrix_shapes(
    region: Region, work: MatrixWork, operands: list[Sources], sizes: tuple[int, ...], output: Sources
) -> list[MatrixRegionShape]:
    """One shape per segment; the fused chain and its operands are shared out by results."""
    head = region.head
    results = [segment.batch * segment.m * segment.n for segment in work.segments]
    whole, before = sum(results), 0
    chain: dict[str, int] = {}
    for operator in region.operators[1:]:
        assert isinstance(operator.work, VectorWork)
        for name, count in operator.work.operations:
            chain[name] = chain.get(name, 0) + count
    a_bits, b_bits = (data_type(head.port(port)[0].tensor.dtype).bits for port in ("a", "b"))
    c_bits = data_type(region.tail.outputs[0].tensor.dtype).bits
    shapes = []
    for segment, count in zip(work.segments, results, strict=True):

        def part(total: int, before: int = before, count: int = count) -> int:
            return total * (before + count) // whole - total * before // whole

        shapes.append(MatrixRegionShape(
            segment, work.sparsity, compute_type(region), a_bits, b_bits + _index_bits(work), c_bits,
            operands[0], operands[1], output,
            tuple((part(sizes[place]), operands[place]) for place in range(2, len(operands))),
            tuple((name, part(total)) for name, total in sorted(chain.items())),
        ))  # fmt: skip
        before += count
    return shapes


def _index_bits(work: MatrixWork) -> Fraction:
    """Bits of position per kept value of N:M sparse weights (ceil(log2 M), as in 2:4 formats)."""
    if work.sparsity is None or work.sparsity[0] == work.sparsity[1]:
        return Fraction(0)
    return Fraction((work.sparsity[1] - 1).bit_length())


def _row_shape(
    region: Region, work: VectorWork | CopyWork, operands: list[Sources], sizes: tuple[int, ...], output: Sources
) -> RowRegionShape:
    operations: dict[str, int] = {}
    for operator in region.operators:
        if isinstance(operator.work, VectorWork):
            for name, count in operator.work.operations:
                operations[name] = operations.get(name, 0) + count
    rows = work.rows if isinstance(work, VectorWork) else work.elements
    if isinstance(work, VectorWork) and len(region.operators) > 1:
        assert isinstance(region.tail.work, VectorWork)
        rows = min(rows, region.tail.work.rows)
    return RowRegionShape(
        rows=rows,
        operations=tuple(sorted(operations.items())),
        inputs=tuple(zip(sizes, operands, strict=True)),
        output_bytes=sum(one.size_bytes for one in region.tail.outputs),
        output=output,
    )
