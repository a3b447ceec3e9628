"""A layer block that begins at a later layer: extents that grow with its index grow on from there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sim.trace.affine import Affine, affine
from sim.trace.model import Item, Operator, Repeat, Tensor, Use


def shifted(block: Repeat, first: int) -> Repeat:
    """The block whose iteration 0 is iteration ``first`` of ``block``."""
    if first == 0:
        return block
    return replace(block, body=tuple(_item(item, block.index, first) for item in block.body))


def _item(item: Item, index: str, first: int) -> Item:
    if isinstance(item, Tensor):
        return replace(item, shape=_value(item.shape, index, first))
    if isinstance(item, Repeat):
        return replace(item, body=tuple(_item(inner, index, first) for inner in item.body))
    return _operator(item, index, first)


def _operator(operator: Operator, index: str, first: int) -> Operator:
    def uses(found: tuple[Use, ...]) -> tuple[Use, ...]:
        return tuple(Use(use.tensor, _value(use.elements, index, first)) for use in found)

    return replace(
        operator,
        dims={name: _value(value, index, first) for name, value in operator.dims.items()},
        inputs=tuple((port, uses(found)) for port, found in operator.inputs),
        outputs=uses(operator.outputs),
    )


def _value(value: Any, index: str, first: int) -> Any:
    if isinstance(value, tuple):
        return tuple(_value(entry, index, first) for entry in value)
    if isinstance(value, Affine):
        slopes = dict(value.slopes)
        return affine(value.base + slopes.get(index, 0) * first, **slopes)
    return value
