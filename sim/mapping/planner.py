"""The planner: region x placement x machine -> plan, with a cache, because networks repeat themselves.

For every class of cores it asks the searches for the best mapping and takes the class that is predicted to finish
first. A region that fits nowhere is refused with what it needs and what there is.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Any

from sim.config.policy import MappingPin
from sim.core.errors import InputError, Problem
from sim.hardware.layout import CoreView, Layout
from sim.mapping.attention_search import AttentionSearch, attention_shapes
from sim.mapping.matrix_nest import MatrixNest, MatrixRegionShape
from sim.mapping.matrix_search import MatrixSearch
from sim.mapping.pins import check_pins
from sim.mapping.plan import Choice, Plan, Schedule, Sources
from sim.mapping.regions import Region
from sim.mapping.row_plan import RowRegionShape, plan_rows
from sim.trace.dtypes import data_type
from sim.trace.expand import Slice
from sim.trace.work import CopyWork, MatrixWork, VectorWork

Homes = Mapping[tuple[str, Any], int]
"""Tensor key -> tier index."""


CACHED_PLANS = 512
"""Plans kept for repeated regions; bounds memory where every decode step has shapes of its own."""


def stream_capacity(core: CoreView, resident_bytes: int) -> tuple[int, int]:
    """(input, output) bytes of a core's scratchpad for streaming tiles, after ``resident_bytes`` of whole tensors."""
    spec = core.scratchpad_model.spec
    space = spec.capacity * spec.count - resident_bytes
    output = int(space * spec.output_share)
    return space - output, output


class Planner:
    """Plans regions on one machine. ``dataflow`` overrides the arrays' own choice for the whole run."""

    def __init__(self, layout: Layout, dataflow: str | None = None) -> None:
        self.layout = layout
        self._pins = layout.architecture.policy.mapping
        self._dataflow = dataflow
        self._cache: OrderedDict[object, Plan] = OrderedDict()
        self.resident = {core.index: 0 for core in layout.cores}
        for tier in layout.tiers:
            if tier.core is not None:
                self.resident[tier.core] = tier.capacity
        check_pins(layout, dataflow)

    def operands(self, region: Region) -> list[tuple[Slice, ...]]:
        """The region's operands by position, as the plan's loads name them: the head's ports, then the extras."""
        head = region.head
        if region.is_attention:
            return [head.port("a"), head.port("b"), region.tail.port("b")]
        if isinstance(head.work, MatrixWork):
            return [head.port("a"), head.port("b"), *((one,) for one in region.extras)]
        own = [slices for port, slices in head.inputs if port != "bias"]
        return [*own, *((one,) for one in region.extras)]

    def plan(self, region: Region, homes: Homes) -> Plan:
        """The best plan for ``region`` with its tensors where ``homes`` says."""
        pin = self._pin(region.head.name)
        operands = [self.sources(slices, homes) for slices in self.operands(region)]
        sizes = tuple(sum(one.size_bytes for one in slices) for slices in self.operands(region))
        key = (self._signature(region), tuple(operands), sizes, self.sources(region.tail.outputs, homes),
               sum(one.size_bytes for one in region.tail.outputs), pin)  # fmt: skip
        found = self._cache.get(key)
        if found is None:
            found = self._cache[key] = self._best(region, operands, sizes, homes, pin)
            if len(self._cache) > CACHED_PLANS:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(key)
        return found

    def _signature(self, region: Region) -> object:
        return tuple(
            (one.operator.kind, one.work, tuple(sorted(one.operator.attributes.items(), key=str)),
             tuple(slices[0].tensor.dtype for _, slices in one.inputs if slices))
            for one in region.operators
        )  # fmt: skip

    def _pin(self, name: str) -> MappingPin | None:
        pin = next((pin for pattern, pin in self._pins.items() if fnmatchcase(name, pattern)), None)
        if self._dataflow is None:
            return pin
        return (pin or MappingPin()).model_copy(update={"dataflow": self._dataflow})

    def sources(self, slices: Sequence[Slice], homes: Homes) -> Sources:
        """Tiers of an operand's parts; what lies in the only core's own scratchpad needs no transfer."""
        tiers: dict[int, int] = {}
        here = 0
        for one in slices:
            tier = homes[one.tensor.key]
            if self.layout.tiers[tier].core is None:
                tiers[tier] = tiers.get(tier, 0) + one.size_bytes
            else:
                here += one.size_bytes
        return Sources(tuple(sorted(tiers.items())), here, all(one.tensor.persistent for one in slices))

    def _best(
        self, region: Region, operands: list[Sources], sizes: tuple[int, ...], homes: Homes, pin: MappingPin | None
    ) -> Plan:
        best: tuple[int, Plan] | None = None
        for name, cores in self.layout.core_classes.items():
            plan = self._on_class(name, cores, region, operands, sizes, homes, pin)
            if plan is None:
                continue
            predicted = sum(choice.predicted_ps for choice in plan.choices)
            if best is None or predicted < best[0]:
                best = (predicted, plan)
        if best is None:
            raise InputError([self._refusal(region, sizes)])
        return best[1]

    def _on_class(
        self, name: str, cores: tuple[CoreView, ...], region: Region, operands: list[Sources], sizes: tuple[int, ...],
        homes: Homes, pin: MappingPin | None,
    ) -> Plan | None:  # fmt: skip
        capacity = stream_capacity(cores[0], self.resident[cores[0].index])
        output = self.sources(region.tail.outputs, homes)
        work = region.head.work
        found: list[tuple[Schedule, Choice]] = []
        added: Counter[str] = Counter()
        if region.is_attention:
            for group in attention_shapes(region, operands, output, _compute_type(region)):
                fused = AttentionSearch(self.layout, cores, group, pin, capacity).best()
                if fused is None:
                    return None
                found.append(fused)
                added += fused[0].added_operations()
        elif isinstance(work, MatrixWork):
            for shape in matrix_shapes(region, work, operands, sizes, output):
                best = MatrixSearch(self.layout, cores, shape, pin, capacity).best()
                if best is None:
                    return None
                found.append((MatrixNest(shape, best[0], cores[0]), best[1]))
        else:
            if isinstance(work, VectorWork) and cores[0].vector_model is None:
                return None
            row_shape = _row_shape(region, work, operands, sizes, output)
            planned = plan_rows(self.layout, cores, row_shape, capacity)
            if planned is None:
                return None
            found.append(planned)
        if any(region.operators[1:]) and cores[0].vector_model is None:
            return None
        uses_arrays = any(choice.engine == "array" for _, choice in found)
        compute_type, model = _compute_type(region), cores[0].array_model
        peak = Fraction(0)
        if isinstance(work, MatrixWork):
            peak = cores[0].peak_macs_per_s(compute_type if uses_arrays else None) * len(cores)
        typed = model is None or model.rate(compute_type) is not None
        return Plan(
            core_class=name,
            schedules=tuple(schedule for schedule, _ in found),
            choices=tuple(choice for _, choice in found),
            uses_arrays=uses_arrays,
            uses_vector=any(choice.engine == "vector" for _, choice in found) or len(region.operators) > 1,
            local_operands=tuple(place for place, source in enumerate(operands) if source.here),
            peak_macs_per_s=peak,
            untyped=isinstance(work, MatrixWork) and not typed,
            compute_type=compute_type,
            added_operations=tuple(sorted(added.items())),
        )

    def _refusal(self, region: Region, sizes: tuple[int, ...]) -> Problem:
        spaces = [
            stream_capacity(cores[0], self.resident[cores[0].index]) for cores in self.layout.core_classes.values()
        ]
        kind = region.head.operator.kind
        chain = [one.name for one in region.operators if isinstance(one.work, VectorWork)]
        if chain and not any(core.vector_model for core in self.layout.cores):
            return Problem(f"no core has a vector_unit, which {', '.join(map(repr, chain))} needs (part of the region of "
                           f"{region.head.name!r})", region.head.operator.place, found=kind)  # fmt: skip
        types = sorted({name for core in self.layout.cores if core.array_model for name in core.array_model.spec.types})
        return Problem(
            f"operator {region.head.name!r} ({kind}) fits no core: its smallest tile needs more scratchpad than there is, "
            f"or no unit can execute it (arrays multiply: {', '.join(types) or 'none'})",
            region.head.operator.place,
            found=f"operands of {', '.join(map(str, sizes))} bytes in {_compute_type(region)}",
            allowed="; ".join(f"{space[0]} bytes for inputs, {space[1]} for results" for space in spaces),
        )


def _compute_type(region: Region) -> str:
    """The element type multiplied: that of the wider of A and B (weights are widened when read, as in W4A16)."""
    head = region.head
    types = [data_type(slices[0].tensor.dtype) for port, slices in head.inputs if slices and port in ("a", "b")]
    if not types:
        return "bf16"
    return max(types, key=lambda one: (one.bits, one.name)).compute


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
            segment, work.sparsity, _compute_type(region), a_bits, b_bits + _index_bits(work), c_bits,
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
