"""Regions: the unit the mapper plans. One compute operator, with the element-wise chain behind it fused in.

Rule: an element-wise operator joins the region before it when it reads the whole of that region's result, nobody else
does, and it yields as many elements. Its other operands (a residual, a scale) become extra operands of the region; the
intermediate never leaves the core. A single operator is a region of one. Larger regions (attention, pipelines) are
more of the same: executor and report never assume that a region is one operator.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sim.trace.expand import Event, Free, OperatorInstance, Slice, TensorInstance
from sim.trace.work import CopyWork


@dataclass(frozen=True)
class Region:
    """Operators executed as one, head first; ``frees`` are the tensors that nobody needs after it."""

    number: int
    operators: tuple[OperatorInstance, ...]
    frees: tuple[TensorInstance, ...]

    @property
    def head(self) -> OperatorInstance:
        return self.operators[0]

    @property
    def tail(self) -> OperatorInstance:
        return self.operators[-1]

    @property
    def extras(self) -> tuple[Slice, ...]:
        """Operands beside the head's own: its bias, and what the fused operators read besides the running result."""
        found = list(self.head.port("bias"))
        for before, operator in zip(self.operators, self.operators[1:], strict=False):
            running = before.outputs[0].tensor.key
            for _, slices in operator.inputs:
                found += [one for one in slices if one.tensor.key != running]
        return tuple(found)


def form_regions(events: Iterable[Event], fuse: bool) -> Iterator[Region]:
    """Group operator instances into regions, lazily and in program order."""
    number = 0
    operators: list[OperatorInstance] = []
    frees: list[TensorInstance] = []
    for event in events:
        if isinstance(event, Free):
            frees.append(event.tensor)
            continue
        if not (operators and fuse and _joins(operators, event)):
            if operators:
                yield _region(number, operators, frees)
                number += 1
            operators, frees = [], []
        operators.append(event)
        frees += event.dying
    if operators:
        yield _region(number, operators, frees)


def _region(number: int, operators: list[OperatorInstance], frees: list[TensorInstance]) -> Region:
    """Intermediates between fused operators are never stored, so they are not freed either."""
    inner = {operator.outputs[0].tensor.key for operator in operators[:-1]}
    return Region(number, tuple(operators), tuple(tensor for tensor in frees if tensor.key not in inner))


def _joins(operators: list[OperatorInstance], event: OperatorInstance) -> bool:
    """May ``event`` be fused behind ``operators``?"""
    before = operators[-1]
    if event.operator.kind != "elementwise" or len(before.outputs) != 1 or len(event.outputs) != 1:
        return False
    if isinstance(operators[0].work, CopyWork):
        return False
    result = before.outputs[0]
    uses = [one for _, slices in event.inputs for one in slices if one.tensor.key == result.tensor.key]
    whole = bool(uses) and all(one.elements == result.tensor.elements for one in uses)
    dies_here = result.tensor.key in {tensor.key for tensor in event.dying}
    return whole and dies_here and result.elements == event.outputs[0].elements
