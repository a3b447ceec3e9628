"""From the flat list of emitted operators to the items of a trace: tensors declared in front of their first use, and
runs of operators that repeat put into blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sim.trace.model import Item, Operator, Repeat, Tensor


@dataclass(frozen=True)
class Block:
    """Operators [first, end) run ``count`` times, one step after the other; ``own`` are the tensors of one step.

    ``carry``: (outer tensor, own tensor that the next step reads in its place).
    """

    first: int
    end: int
    count: int
    carry: tuple[tuple[str, str], ...]
    own: frozenset[str]


def items_of(
    operators: Sequence[Operator], tensors: Mapping[str, Tensor], blocks: Sequence[Block], inputs: tuple[str, ...]
) -> tuple[Item, ...]:
    """The items of the trace; ``inputs`` are declared first, if they are used. Only ``tensors`` are declared here."""
    used = {name for operator in operators for name in _read(operator)}
    items: list[Item] = [tensors[name] for name in inputs if name in used]
    declared = {name for name in inputs if name in used}
    opening = {block.first: block for block in blocks}
    position = 0
    while position < len(operators):
        block = opening.get(position)
        run = operators[position : block.end] if block else operators[position : position + 1]
        own = block.own if block else frozenset[str]()
        carried = [name for name, _ in block.carry] if block else []
        for name in dict.fromkeys([*carried, *(name for operator in run for name in _touched(operator))]):
            if name in tensors and name not in declared and name not in own:
                declared.add(name)
                items.append(tensors[name])
        if block is None:
            items.append(run[0])
        else:
            body = items_of(run, {name: tensors[name] for name in own}, (), ())
            items.append(Repeat("step", block.count, body, "steps", block.carry))
        position += len(run)
    return tuple(items)


def _read(operator: Operator) -> Iterator[str]:
    for _, uses in operator.inputs:
        for use in uses:
            yield use.tensor


def _touched(operator: Operator) -> Iterator[str]:
    yield from _read(operator)
    for use in operator.outputs:
        yield use.tensor
