"""The stages of a joined region: what each part does per row, what it reads from other stages, and what leaves it.

A stage is one part: matrix work with its element-wise chain, or row-wise vector work. Stages advance by *units*: a row of
a matrix (a token), or one row of an output image. A block of the last stage's units needs certain units of the stages
before it: as many for rows, the rows under the kernel for a convolution.

Left out: matrix work of several segments or batch items, sliding pooling (its geometry is not in the trace), and parts that
read a piece of a tensor that another part makes; these are never joined.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from sim.mapping.geometry import Geometry
from sim.mapping.plan import Sources
from sim.mapping.regions import Region
from sim.trace.dtypes import data_type
from sim.trace.expand import OperatorInstance
from sim.trace.work import ConvShape, MatrixSegment, MatrixWork, VectorWork

A, B = 0, 1
"""Positions of the operands of matrix work."""
ROW_KINDS = ("elementwise", "layer_norm", "rms_norm", "softmax", "rotary")
"""Vector work of which each row of results needs the same row of its operands and no other."""


@dataclass(frozen=True)
class Feed:
    """One operand of a stage. ``place``: its position in the part; ``stage``: the stage that makes it, or None.

    From outside: ``position`` in the region, ``size_bytes`` and ``source``.
    """

    place: int
    stage: int | None
    position: int
    size_bytes: int
    source: Sources | None


@dataclass(frozen=True)
class Stage:
    """One part. ``operations``: of its vector work, or of the chain behind its matrix work, for the whole stage.

    ``output``: where its results go, None when they stay on chip; ``buffered``: do later stages read them? ``operator``:
    place of its head in the region; ``chain``: of the operator that its vector step is charged to.
    """

    units: int
    segment: MatrixSegment | None
    compute_type: str
    a_bits: Fraction
    b_bits: Fraction
    operations: tuple[tuple[str, int], ...]
    result_bytes: int
    feeds: tuple[Feed, ...]
    output: Sources | None
    buffered: bool
    operator: int
    chain: int

    @property
    def conv(self) -> ConvShape | None:
        return self.segment.conv if self.segment is not None else None

    def needed(self, end: int) -> int:
        """Units of the stage that feeds A needed for units [0, end) of this one."""
        conv = self.conv
        if conv is None:
            return end
        images, row = divmod(end, conv.out_h)
        if row == 0:
            return images * conv.in_h
        last = (row - 1) * conv.stride_h - conv.pad_top + (conv.kernel_h - 1) * conv.dilation_h + 1
        return images * conv.in_h + min(conv.in_h, max(0, last))

    def lowest(self, first: int) -> int:
        """The first unit of the stage that feeds A that units from ``first`` on still need."""
        conv = self.conv
        if conv is None:
            return first
        images, row = divmod(first, conv.out_h)
        return images * conv.in_h + max(0, row * conv.stride_h - conv.pad_top)


def joinable(part: Region) -> bool:
    """May this region be a stage at all?"""
    if part.is_attention:
        return False
    work = part.head.work
    if isinstance(work, MatrixWork):
        return part.head.operator.kind in ("gemm", "conv") and work.segments[0].batch == 1 and not work.sparsity
    return isinstance(work, VectorWork) and part.head.operator.kind in ROW_KINDS


def units_of(region: Region) -> list[int] | None:
    """Units of each stage of a joined region, or None when the stages do not advance together."""
    found: list[int | None] = []
    for place, part in enumerate(region.parts):
        work = part.head.work
        if isinstance(work, MatrixWork):
            segment = work.segments[0]
            found.append(Geometry(segment).m_units)
        else:
            made = [found[maker] for makers in region.wiring[place] for maker in makers]
            found.append(made[0] if made else None)
    whole = [one if one is not None else _wanted(region, place, found) for place, one in enumerate(found)]
    if any(one is None for one in whole):
        return None
    units = [one for one in whole if one is not None]
    return units if all(_fits(region, place, units) for place in range(len(units))) else None


def _wanted(region: Region, place: int, found: list[int | None]) -> int | None:
    """Units of vector work at the head of a region: those that its first reader wants."""
    for reader in range(place + 1, len(region.parts)):
        for position, makers in enumerate(region.wiring[reader]):
            if place in makers:
                conv = _conv(region.parts[reader])
                wanted = conv.images * conv.in_h if conv is not None and position == A else found[reader]
                work = region.parts[place].head.work
                rows = work.rows if isinstance(work, VectorWork) else 0
                return wanted if wanted and rows % wanted == 0 else None
    return None


def _conv(part: Region) -> ConvShape | None:
    work = part.head.work
    return work.segments[0].conv if isinstance(work, MatrixWork) else None


def _fits(region: Region, place: int, units: list[int]) -> bool:
    """Does every operand that another stage makes advance with this stage, read whole and one tensor at a time?"""
    part = region.parts[place]
    for position, (slices, makers) in enumerate(zip(part.operands, region.wiring[place], strict=True)):
        if not makers:
            continue
        if len(slices) != 1 or slices[0].elements != slices[0].tensor.elements:
            return False
        conv, matrix = _conv(part), isinstance(part.head.work, MatrixWork)
        if matrix and position == B:
            return False
        wanted = conv.images * conv.in_h if conv is not None and position == A else units[place]
        if units[makers[0]] != wanted or slices[0].elements % units[makers[0]]:
            return False
        if len(region.parts[makers[0]].tail.outputs) != 1:
            return False
    work = part.head.work
    return not isinstance(work, VectorWork) or work.rows % units[place] == 0


def stages_of(
    region: Region, operands: tuple[Sources, ...], sizes: tuple[int, ...], outputs: tuple[Sources | None, ...],
) -> tuple[Stage, ...] | None:  # fmt: skip
    """The stages of a joined region, or None when it cannot be executed as a pipeline."""
    units = units_of(region) if all(joinable(part) for part in region.parts) else None
    if units is None:
        return None
    read = {maker for part in region.wiring for makers in part for maker in makers}
    found, position, first = [], 0, 0
    for place, part in enumerate(region.parts):
        feeds = []
        for where, makers in enumerate(region.wiring[place]):
            if makers:
                feeds.append(Feed(where, makers[0], 0, 0, None))
            else:
                feeds.append(Feed(where, None, position, sizes[position], operands[position]))
                position += 1
        found.append(_stage(part, units[place], tuple(feeds), outputs[place], place in read, first))
        first += len(part.operators)
    return tuple(found)


def _stage(
    part: Region, units: int, feeds: tuple[Feed, ...], output: Sources | None, buffered: bool, first: int
) -> Stage:  # fmt: skip
    work = part.head.work
    matrix = isinstance(work, MatrixWork)
    operations: dict[str, int] = {}
    for operator in part.operators[1 if matrix else 0 :]:
        assert isinstance(operator.work, VectorWork)
        for name, count in operator.work.operations:
            operations[name] = operations.get(name, 0) + count
    a_bits, b_bits, multiplied = _types(part.head) if matrix else (Fraction(0), Fraction(0), "")
    return Stage(
        units=units,
        segment=work.segments[0] if isinstance(work, MatrixWork) else None,
        compute_type=multiplied,
        a_bits=a_bits,
        b_bits=b_bits,
        operations=tuple(sorted(operations.items())),
        result_bytes=sum(one.size_bytes for one in part.tail.outputs),
        feeds=feeds,
        output=output,
        buffered=buffered,
        operator=first,
        chain=first + (1 if matrix and len(part.operators) > 1 else 0),
    )


def _types(head: OperatorInstance) -> tuple[Fraction, Fraction, str]:
    """Bits per element of A and B, and the type they are multiplied in: the wider one's."""
    a, b = (data_type(head.port(port)[0].tensor.dtype) for port in ("a", "b"))
    return a.bits, b.bits, max((a, b), key=lambda one: (one.bits, one.name)).compute
