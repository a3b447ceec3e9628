"""Totals of a trace, exact and without unrolling it: parameters, bytes that persist, MACs, operators.

An operator's work depends on few loop indices (usually none, or the step), so it is evaluated once per value of those
and multiplied by the iterations of the other loops.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod

from sim.trace.bounds import indices_of
from sim.trace.dtypes import data_type
from sim.trace.expand import resolve_dims
from sim.trace.kinds import operator_kinds
from sim.trace.model import Operator, Repeat, Trace
from sim.trace.work import MatrixWork


@dataclass(frozen=True)
class Persistent:
    """A persistent tensor with all its instances (one per combination of layers): their number and size together."""

    name: str
    role: str
    dtype: str
    count: int
    elements: int
    size_bytes: int


@dataclass(frozen=True)
class TraceSummary:
    """``parameters``: elements of role weight; ``persistent_bytes`` per role; ``macs``: dense; counts of operators."""

    parameters: int
    persistent_bytes: dict[str, int]
    macs: int
    operators_written: int
    operators_executed: int


def summarize(trace: Trace) -> TraceSummary:
    """Totals of a checked trace."""
    tensors = persistent_tensors(trace)
    size_bytes: dict[str, int] = {}
    for tensor in tensors:
        size_bytes[tensor.role] = size_bytes.get(tensor.role, 0) + tensor.size_bytes
    operators = list(trace.operators())
    return TraceSummary(
        parameters=sum(tensor.elements for tensor in tensors if tensor.role == "weight"),
        persistent_bytes=dict(sorted(size_bytes.items())),
        macs=sum(operator_macs(operator, blocks) for operator, blocks in operators),
        operators_written=len(operators),
        operators_executed=sum(prod(block.count for block in blocks) for _, blocks in operators),
    )


def persistent_tensors(trace: Trace) -> tuple[Persistent, ...]:
    """Weights, caches and the like, in order of declaration; one declared again in another block is the same and is
    counted once."""
    found: dict[str, Persistent] = {}
    for tensor, blocks in trace.tensors():
        if not tensor.persistent or tensor.name in found:
            continue
        layers = tuple(block for block in blocks if block.over == "layers")
        elements = [tensor.elements(indices) for indices in _iterations(layers, indices_of(tensor.shape))]
        times = prod(block.count for block in layers) // len(elements)
        sizes = [data_type(tensor.dtype).size_bytes(count) for count in elements]
        found[tensor.name] = Persistent(
            tensor.name, tensor.role, tensor.dtype, times * len(elements), times * sum(elements), times * sum(sizes)
        )
    return tuple(found.values())


def operator_macs(operator: Operator, blocks: tuple[Repeat, ...]) -> int:
    """Dense MACs of all executions of an operator in these blocks (outermost first); 0 when it is no matrix work."""
    kind = operator_kinds.get(operator.kind, operator.place)
    values, times = 0, prod(block.count for block in blocks)
    total = 0
    for indices in _iterations(blocks, indices_of(tuple(operator.dims.values()))):
        values += 1
        work = kind.work(resolve_dims(operator, indices), operator.attributes)
        if not isinstance(work, MatrixWork):
            return 0
        total += work.macs
    return total * (times // values)


def _iterations(blocks: tuple[Repeat, ...], used: set[str]) -> Iterator[dict[str, int]]:
    """Every combination of the loop indices in ``used``; the other loops stand at 0."""
    ranges = [range(block.count) if block.index in used else range(1) for block in blocks]
    for values in product(*ranges):
        yield {block.index: value for block, value in zip(blocks, values, strict=True)}
