"""A stage's items once per micro-batch: a step block around them.

Weights are those of all iterations of a step block. What each micro-batch has of its own and outlives it (caches, inputs and
outputs of the trace) becomes one tensor for all, of which each uses its part.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sim.trace.affine import Extent, scaled
from sim.trace.model import Item, Repeat, Tensor, Use

INDEX = "micro_batch"


def every_micro_batch(items: Iterable[Item], count: int, apart: set[str]) -> list[Item]:
    """``items`` for ``count`` micro-batches; tensors named ``apart`` are declared outside the block."""
    whole = list(items)
    parts = {tensor.name: elements_of(tensor) for tensor in _tensors(whole)
             if tensor.name in apart or tensor.role == "kv_cache"}  # fmt: skip
    made = [_item(item, count, parts) for item in whole]
    outside = [item for item in made if isinstance(item, Tensor) and item.name in apart]
    body = tuple(item for item in made if not (isinstance(item, Tensor) and item.name in apart))
    return [*outside, Repeat(INDEX, count, body, over="steps")]


def elements_of(tensor: Tensor) -> Extent:
    """Number of elements, an extent; at most one dimension grows with a loop."""
    count, growing = 1, None
    for extent in tensor.shape:
        if isinstance(extent, int):
            count *= extent
        else:
            assert growing is None, f"{tensor.name}: two growing extents"
            growing = extent
    return count if growing is None else scaled(growing, count)


def _tensors(items: Iterable[Item]) -> list[Tensor]:
    found = []
    for item in items:
        if isinstance(item, Tensor):
            found.append(item)
        elif isinstance(item, Repeat):
            found += _tensors(item.body)
    return found


def _item(item: Item, count: int, parts: dict[str, Extent]) -> Item:
    if isinstance(item, Tensor):
        return replace(item, shape=(count, *item.shape)) if item.name in parts else item
    if isinstance(item, Repeat):
        return replace(item, body=tuple(_item(inner, count, parts) for inner in item.body))
    return replace(
        item,
        inputs=tuple((port, _uses(uses, parts)) for port, uses in item.inputs),
        outputs=_uses(item.outputs, parts),
    )


def _uses(uses: tuple[Use, ...], parts: dict[str, Extent]) -> tuple[Use, ...]:
    """Uses of a tensor of all micro-batches name the elements of one."""
    return tuple(
        Use(use.tensor, parts[use.tensor]) if use.elements is None and use.tensor in parts else use for use in uses
    )
