"""Regions: the unit the mapper plans. One compute operator, with the element-wise chain behind it fused in.

``fusion: elementwise``: an element-wise operator joins the region before it when it reads the whole of that region's
result, nobody else does, and it yields as many elements. Its other operands (a residual, a scale) become extra operands
of the region; the intermediate never leaves the core. A single operator is a region of one.

``fusion: attention``: besides, scores, softmax and value product become one region when each has no other reader; the
score matrix is then never stored (:mod:`sim.mapping.attention_nest`).

``fusion: pipeline`` and ``auto`` join several such regions (the ``parts`` of a joined region): what one part makes and
later parts read stays in stage buffers on chip (:mod:`sim.mapping.fusion` decides which, :mod:`sim.mapping.pipeline_nest`
executes them).

Executor and report never assume that a region is one operator.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from sim.trace.expand import Event, Free, OperatorInstance, Slice, TensorInstance
from sim.trace.work import CollectiveWork, CopyWork, MatrixWork

ATTENTION = ("attention_score", "attention_softmax", "attention_value")
"""Kinds of a fused attention region, head first."""
GRADIENT = (
    "attention_score", "attention_probabilities", "attention_grad_keys", "attention_score", "attention_grad_softmax",
    "attention_value", "attention_grad_keys",
)  # fmt: skip
"""Kinds of the parts of attention's backward pass, which ``attention`` and ``auto`` join."""
SPILL = -1
"""Position, in loads, of a region's own partial sums that come back: nobody else makes them."""


class Appended(NamedTuple):
    """What a region appends to a cache, as the ``reader`` (a kind of attention) takes it apart: per request (tokens
    appended, tokens then), of ``kv_heads`` heads of ``head_dim`` elements."""

    reader: str
    requests: tuple[tuple[int, int], ...]
    kv_heads: int
    head_dim: int


@dataclass(frozen=True)
class Region:
    """Operators executed as one, head first; ``frees`` are the tensors that nobody needs after it.

    ``parts``: the regions a joined region consists of, in program order; empty for any other. ``inner``: keys of the
    tensors that pass between operators on chip and are never stored.
    """

    number: int
    operators: tuple[OperatorInstance, ...]
    frees: tuple[TensorInstance, ...]
    parts: tuple[Region, ...] = ()
    inner: frozenset[Any] = frozenset()
    appended: Appended | None = None

    def __str__(self) -> str:
        return self.head.name + "".join(f"[{name}={value}]" for name, value in self.head.indices)

    @property
    def head(self) -> OperatorInstance:
        return self.operators[0]

    @property
    def tail(self) -> OperatorInstance:
        return self.operators[-1]

    @cached_property
    def outputs(self) -> tuple[Slice, ...]:
        """The results that leave the region, in program order."""
        return tuple(one for results in self.leaving for one in results)

    @cached_property
    def leaving(self) -> tuple[tuple[Slice, ...], ...]:
        """For each part of a joined region (else for the region), those of its results that leave the region."""
        if not self.parts:
            return (self.tail.outputs,)
        return tuple(tuple(one for one in part.tail.outputs if one.tensor.key not in self.inner) for part in self.parts)

    @cached_property
    def operands(self) -> list[tuple[Slice, ...]]:
        """What the region reads, by position, as the loads of its plan name it: the head's ports, then the extras.

        Of a joined region: the operands of its parts in turn, without what other parts make for them on chip.
        """
        if self.is_gradient:
            q, k, lse, do, _, v, o, *_ = [one for part in self.parts for one in part.operands if not self.is_inner(one)]
            return [q, k, v, do, o, lse]
        if self.parts:
            return [one for part in self.parts for one in part.operands if not self.is_inner(one)]
        head = self.head
        if self.is_attention:
            return [head.port("a"), head.port("b"), self.tail.port("b")]
        if isinstance(head.work, MatrixWork):
            return [head.port("a"), head.port("b"), *((one,) for one in self.extras)]
        own = [slices for port, slices in head.inputs if port != "bias"]
        return [*own, *((one,) for one in self.extras)]

    @cached_property
    def saved_bytes(self) -> int:
        """Bytes that its operators would store and load again if each were executed by itself, and that this does not.

        Counted once per store and per reader, wherever the tensor would have lived. What a pipeline's blocks load more
        often than its operators would have is not set against it: compare the runs for the net.
        """
        leaving = {one.tensor.key for one in self.outputs}
        made: set[Any] = set()
        total = 0
        for operator in self.operators:
            total += sum(one.size_bytes for _, slices in operator.inputs for one in slices if one.tensor.key in made)
            total += sum(one.size_bytes for one in operator.outputs if one.tensor.key not in leaving)
            made |= {one.tensor.key for one in operator.outputs}
        return total

    def is_inner(self, operand: tuple[Slice, ...]) -> bool:
        """Is this operand of a part made by another part, on chip?"""
        return bool(operand) and operand[0].tensor.key in self.made

    @cached_property
    def wiring(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """Per part and operand, the parts that make it (none: it comes from outside): the graph of a joined region."""
        makers: dict[Any, int] = {}
        found = []
        for place, part in enumerate(self.parts):
            found.append(tuple(
                tuple(makers[one.tensor.key] for one in slices if one.tensor.key in makers) for slices in part.operands
            ))  # fmt: skip
            makers |= {one.tensor.key: place for one in part.tail.outputs}
        return tuple(found)

    @cached_property
    def made(self) -> frozenset[Any]:
        """Keys of the results of the parts that a later part reads, whether or not they are stored as well."""
        found: set[Any] = set()
        before: set[Any] = set()
        for part in self.parts:
            found |= {one.tensor.key for slices in part.operands for one in slices} & before
            before |= {one.tensor.key for one in part.tail.outputs}
        return frozenset(found)

    @property
    def is_attention(self) -> bool:
        """Scores, softmax and values in one."""
        return len(self.operators) == len(ATTENTION) and tuple(one.operator.kind for one in self.operators) == ATTENTION

    @cached_property
    def is_gradient(self) -> bool:
        """The backward pass of attention, its seven operators wired as :mod:`sim.mapping.attention_grad_nest` has it."""
        return tuple(one.head.operator.kind for one in self.parts) == GRADIENT and self.wiring == _GRADIENT_WIRING

    @property
    def extras(self) -> tuple[Slice, ...]:
        """Operands beside the head's own: its bias, and what the fused operators read besides the running result."""
        found = list(self.head.port("bias"))
        for before, operator in zip(self.operators, self.operators[1:], strict=False):
            running = before.outputs[0].tensor.key
            for _, slices in operator.inputs:
                found += [one for one in slices if one.tensor.key != running]
        return tuple(found)


_GRADIENT_WIRING = (
    ((), ()), ((0,), ()), ((1,), ()), ((), ()), ((1,), (3,), (), ()), ((4,), ()), ((4,), ())
)  # fmt: skip
"""Per part and operand of a backward pass, the part that makes it."""


def join(parts: tuple[Region, ...]) -> Region:
    """The region that executes ``parts`` as one. What nobody needs after it and a later part reads is never stored."""
    operators = tuple(operator for part in parts for operator in part.operators)
    frees = tuple(tensor for part in parts for tensor in part.frees)
    joined = Region(parts[0].number, operators, frees, parts)
    inner = joined.made & {tensor.key for tensor in frees}
    return Region(parts[0].number, operators, tuple(one for one in frees if one.key not in inner), parts, inner)


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
    if fusion in ("attention", "auto") and kinds == ATTENTION[: len(kinds)]:
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


def split_attention(region: Region) -> tuple[Region, ...]:
    """The operators of a fused attention region as regions of their own, each freeing what it is the last to use."""
    found = []
    left = {tensor.key: tensor for tensor in region.frees}
    for place, operator in enumerate(region.operators):
        dying = tuple(operator.dying)
        for tensor in dying:
            left.pop(tensor.key, None)
        rest = tuple(left.values()) if place == len(region.operators) - 1 else ()
        found.append(Region(region.number, (operator,), dying + rest))
    return tuple(found)
