"""Regions: the unit the mapper plans. One compute operator, with the element-wise chain behind it fused in.

``fusion: elementwise``: an element-wise operator joins the region before it when it reads the whole of that region's
result, nobody else does, and it yields as many elements. Its other operands (a residual, a scale) become extra operands
of the region; the intermediate never leaves the core. A single operator is a region of one.

``fusion: attention``: besides, scores, softmax and value product become one region when each has no other reader; the
score matrix is then never stored (:mod:`sim.mapping.attention_nest`).

Executor and report never assume that a region is one operator.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sim.trace.expand import Event, Free, OperatorInstance, Slice, TensorInstance
from sim.trace.work import CollectiveWork, CopyWork

ATTENTION = ("attention_score", "attention_softmax", "attention_value")
"""Kinds of a fused attention region, head first."""


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
    def is_attention(self) -> bool:
        """Scores, softmax and values in one."""
        return len(self.operators) == len(ATTENTION) and tuple(one.operator.kind for one in self.operators) == ATTENTION

    @property
    def extras(self) -> tuple[Slice, ...]:
        """Operands beside the head's own: its bias, and what the fused operators read besides the running result."""
        found = list(self.head.port("bias"))
        for before, operator in zip(self.operators, self.operators[1:], strict=False):
            running = before.outputs[0].tensor.key
            for _, slices in operator.inputs:
                found += [one for one in slices if one.tensor.key != running]
        return tuple(found)


def form_regions(events: Iterable[Event], fusion: str) -> Iterator[Region]:
    """Group operator instances into regions, lazily and in program order. ``fusion``: as in ``policy.fusion``."""
    number = 0
    operators: list[OperatorInstance] = []
    frees: list[TensorInstance] = []
    for event in events:
        if isinstance(event, Free):
            frees.append(event.tensor)
            continue
        if not (operators and _joins(operators, event, fusion)):
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


def _joins(operators: list[OperatorInstance], event: OperatorInstance, fusion: str) -> bool:
    """May ``event`` be fused behind ``operators``?"""
    if fusion == "none" or not _only_reader(operators[-1], event):
        return False
    kinds = tuple(one.operator.kind for one in (*operators, event))
    if fusion == "attention" and kinds == ATTENTION[: len(kinds)]:
        return True
    if event.operator.kind != "elementwise" or isinstance(operators[0].work, CopyWork | CollectiveWork):
        return False
    return kinds[0] != ATTENTION[0] or len(operators) == 1 or kinds[1] == "elementwise"


def _only_reader(before: OperatorInstance, event: OperatorInstance) -> bool:
    """Does ``event`` read the whole of ``before``'s only result, as its only reader?"""
    if len(before.outputs) != 1 or len(event.outputs) != 1:
        return False
    result = before.outputs[0]
    uses = [one for _, slices in event.inputs for one in slices if one.tensor.key == result.tensor.key]
    whole = bool(uses) and all(one.elements == result.tensor.elements for one in uses)
    if not whole or result.tensor.key not in {tensor.key for tensor in event.dying}:
        return False
    return event.operator.kind != "elementwise" or result.elements == event.outputs[0].elements
