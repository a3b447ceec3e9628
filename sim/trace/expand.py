"""From a trace as written to operator instances in program order, one at a time.

Nothing is unrolled in memory: an 80-layer, 2048-step trace yields its instances lazily, and the only state is the
bindings of the blocks that are open. Every operator says which activations it is the last to use (``dying``), so that a
placement can reuse their space; what only the end of a block sets free comes as a :class:`Free` event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sim.trace.affine import Affine, extent_at
from sim.trace.dtypes import data_type
from sim.trace.kinds import operator_kinds
from sim.trace.model import Item, Operator, Repeat, Tensor, Trace, Use
from sim.trace.work import Work

Indices = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class TensorInstance:
    """One tensor of the run: the declaration and the loop indices that tell it from its siblings."""

    name: str
    indices: Indices
    role: str
    dtype: str
    elements: int
    size_bytes: int
    persistent: bool

    @property
    def key(self) -> tuple[str, Indices]:
        return (self.name, self.indices)

    def __str__(self) -> str:
        return self.name + "".join(f"[{index}={value}]" for index, value in self.indices)


@dataclass(frozen=True)
class Slice:
    """The part of a tensor instance that an operator touches."""

    tensor: TensorInstance
    elements: int
    size_bytes: int


@dataclass(frozen=True)
class OperatorInstance:
    """One operator of the run with everything resolved; ``operator`` is the declaration all its instances share.

    ``stage``: of several streams that take turns, the step in which all of them are (:mod:`sim.trace.sub_batches`).
    """

    operator: Operator
    indices: Indices
    dims: Mapping[str, Any]
    work: Work
    inputs: tuple[tuple[str, tuple[Slice, ...]], ...]
    outputs: tuple[Slice, ...]
    dying: tuple[TensorInstance, ...]
    stage: int = 0

    @property
    def name(self) -> str:
        return self.operator.name

    def port(self, name: str) -> tuple[Slice, ...]:
        """The slices at an input port; empty when the port is not used."""
        for port, slices in self.inputs:
            if port == name:
                return slices
        return ()


@dataclass(frozen=True)
class Free:
    """The tensor had its last use in a block that has just ended."""

    tensor: TensorInstance


Event = OperatorInstance | Free


def resolve_dims(operator: Operator, indices: Mapping[str, int]) -> dict[str, Any]:
    """Integer dimensions of an operator under loop indices, defaults of its kind filled in."""
    kind = operator_kinds.get(operator.kind, operator.place)
    dims: dict[str, Any] = {name: default for name, default in kind.dims.items() if default is not None}
    for name, value in operator.dims.items():
        dims[name] = _resolve(value, indices)
    return dims


def _resolve(value: Any, indices: Mapping[str, int]) -> Any:
    if isinstance(value, tuple):
        return tuple(_resolve(entry, indices) for entry in value)
    return value.at(indices) if isinstance(value, Affine) else value


def last_uses(items: tuple[Item, ...], keep: frozenset[str]) -> dict[int, tuple[str, ...]]:
    """Per item position, the activations of this scope whose last use is there, except those in ``keep``."""
    last: dict[str, int] = {}
    declared = {item.name for item in items if isinstance(item, Tensor) and not item.persistent}
    for position, item in enumerate(items):
        for name in touched(item):
            if name in declared and name not in keep:
                last[name] = position
    by_position: dict[int, list[str]] = {}
    for name, position in last.items():
        by_position.setdefault(position, []).append(name)
    return {position: tuple(names) for position, names in by_position.items()}


def touched(item: Item) -> Iterator[str]:
    """Names of the tensors of the *enclosing* scope that an item reads or writes."""
    if isinstance(item, Operator):
        for _, uses in item.inputs:
            for use in uses:
                yield use.tensor
        for use in item.outputs:
            yield use.tensor
    elif isinstance(item, Repeat):
        own = {inner.name for inner in item.body if isinstance(inner, Tensor)}
        for inner in item.body:
            for name in touched(inner):
                if name not in own:
                    yield name
        for carried, _ in item.carry:
            yield carried


def output_keys(trace: Trace) -> frozenset[tuple[str, Indices]]:
    """Keys of the instances that the trace's outputs mean at its end.

    Where a block carries an output, that is an instance of what the block's last iteration made.
    """
    return frozenset(final_key(trace.items, name, ()) for name in trace.outputs)


def final_key(items: tuple[Item, ...], name: str, indices: Indices) -> tuple[str, Indices]:
    """Key of the instance that ``name`` means behind ``items``, a scope whose loops stand at ``indices``."""
    for position, item in reversed(list(enumerate(items))):
        source = dict(item.carry).get(name) if isinstance(item, Repeat) else None
        if isinstance(item, Repeat) and source is not None:
            if any(isinstance(inner, Tensor) and inner.name == source for inner in item.body):
                return final_key(item.body, source, (*indices, (item.index, item.count - 1)))
            return final_key(items[:position], source, indices)
    return (name, indices)


class _Scope:
    """One open block: its loop indices and what its names mean now. Names not found here are the parent's."""

    def __init__(self, parent: _Scope | None, indices: dict[str, int], layers: tuple[str, ...]) -> None:
        self.parent = parent
        self.indices = indices
        self.layers = layers
        self.bound: dict[str, TensorInstance] = {}
        self.declared: dict[str, Tensor] = {}

    def owner(self, name: str) -> _Scope:
        """The innermost scope that knows ``name``; KeyError when none does."""
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.bound or name in scope.declared:
                return scope
            scope = scope.parent
        raise KeyError(name)

    def instance(self, name: str) -> TensorInstance:
        """The tensor instance that ``name`` means here, made at its first use."""
        owner = self.owner(name)
        if name not in owner.bound:
            owner.bound[name] = owner._new(owner.declared[name])
        return owner.bound[name]

    def _new(self, tensor: Tensor) -> TensorInstance:
        names = self.layers if tensor.persistent else tuple(self.indices)
        return TensorInstance(
            name=tensor.name,
            indices=tuple((index, self.indices[index]) for index in names),
            role=tensor.role,
            dtype=tensor.dtype,
            elements=tensor.elements(self.indices),
            size_bytes=tensor.size_bytes(self.indices),
            persistent=tensor.persistent,
        )


def expand(trace: Trace) -> Iterator[Event]:
    """Yield the operator instances of ``trace`` in program order, with :class:`Free` events between them.

    The trace must have passed :func:`sim.trace.check.check_trace`. Memory does not grow with repeat counts.
    """
    yield from _walk(trace.items, _Scope(None, {}, ()), last_uses(trace.items, frozenset(trace.outputs)))


def _walk(items: tuple[Item, ...], scope: _Scope, frees: Mapping[int, tuple[str, ...]]) -> Iterator[Event]:
    for position, item in enumerate(items):
        if isinstance(item, Tensor):
            scope.declared[item.name] = item
        elif isinstance(item, Operator):
            yield _instance(item, scope, frees.get(position, ()))
        else:
            yield from _repeat(item, scope)
            for name in frees.get(position, ()):
                if name in scope.bound:
                    yield Free(scope.bound[name])


def _repeat(block: Repeat, outer: _Scope) -> Iterator[Event]:
    own = last_uses(block.body, frozenset(name for _, name in block.carry))
    # A carried-in value dies where the body last touches it, except iteration 0's, which belongs to the outer scope.
    later = _merged(own, _carried_last_uses(block))
    carried: dict[str, TensorInstance] = {}
    layers = (*outer.layers, block.index) if block.over == "layers" else outer.layers
    for iteration in range(block.count):
        scope = _Scope(outer, {**outer.indices, block.index: iteration}, layers)
        scope.bound.update(carried)
        yield from _walk(block.body, scope, later if iteration else own)
        carried = {name: scope.instance(source) for name, source in block.carry}
    for name, instance in carried.items():
        owner = outer.owner(name)
        if name in owner.bound:
            yield Free(owner.bound[name])
        owner.bound[name] = instance


def _merged(one: Mapping[int, tuple[str, ...]], two: Mapping[int, tuple[str, ...]]) -> dict[int, tuple[str, ...]]:
    return {position: one.get(position, ()) + two.get(position, ()) for position in {*one, *two}}


def _carried_last_uses(block: Repeat) -> dict[int, tuple[str, ...]]:
    last: dict[str, int] = {}
    names = {name for name, _ in block.carry}
    for position, item in enumerate(block.body):
        for name in touched(item):
            if name in names:
                last[name] = position
    by_position: dict[int, list[str]] = {}
    for name, position in last.items():
        by_position.setdefault(position, []).append(name)
    return {position: tuple(sorted(found)) for position, found in by_position.items()}


def _slice(use: Use, scope: _Scope) -> Slice:
    tensor = scope.instance(use.tensor)
    if use.elements is None:
        return Slice(tensor, tensor.elements, tensor.size_bytes)
    elements = extent_at(use.elements, scope.indices)
    return Slice(tensor, elements, data_type(tensor.dtype).size_bytes(elements))


def _instance(operator: Operator, scope: _Scope, last: tuple[str, ...]) -> OperatorInstance:
    dims = resolve_dims(operator, scope.indices)
    kind = operator_kinds.get(operator.kind, operator.place)
    inputs = tuple((port, tuple(_slice(use, scope) for use in uses)) for port, uses in operator.inputs)
    outputs = tuple(_slice(use, scope) for use in operator.outputs)
    return OperatorInstance(
        operator=operator,
        indices=tuple(scope.indices.items()),
        dims=dims,
        work=kind.work(dims, operator.attributes),
        inputs=inputs,
        outputs=outputs,
        dying=tuple(scope.bound[name] for name in last if name in scope.bound),
    )
