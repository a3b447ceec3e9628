"""Is a trace well formed? All that can be said without a machine, and without unrolling a repeat block.

Two halves: this module walks the scopes (names, order of production and use, carries, persistent tensors), and
:mod:`sim.trace.check_operator` looks at one operator (kind, dimensions, ports, element counts). Extents that grow with
a loop index are checked at the ends of every loop, which is enough because they are linear.

Rules beyond those of :mod:`sim.trace.model`: an activation that no operator produces is an input of the trace and
stands in the outermost scope (inside a block it would be new in every iteration; data of role ``index`` may be);
nothing writes an activation after it was read; a name is unique where it is visible, an operator's name everywhere; a
persistent tensor declared again in another block is the same tensor and is declared the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sim.core.errors import Place, Problems
from sim.trace.bounds import MAX_COUNT, MAX_DEPTH, MAX_ELEMENTS, Loops, corners, indices_of
from sim.trace.check_operator import Locate, OperatorCheck, Path, extent_problem
from sim.trace.dtypes import data_type, plain_names
from sim.trace.model import ROLES, Item, Operator, Repeat, Tensor, Trace

REPEAT_OVER = ("layers", "steps")


def check_trace(trace: Trace) -> None:
    """Raise :class:`InputError` with all problems of ``trace``, if there are any."""
    problems = Problems()
    find_problems(trace, problems)
    problems.raise_if_any()


def find_problems(
    trace: Trace, problems: Problems, locate: Locate | None = None, broken: frozenset[Place] = frozenset()
) -> None:
    """Add all problems of ``trace``. A reader says where keys stand (``locate``) and which items are known bad already
    (``broken``, by place), so that nothing follows from those."""
    _Walk(problems, locate or _place_of_item, broken).trace(trace)


def _place_of_item(place: Place | None, path: Path) -> Place | None:
    return place


@dataclass
class _State:
    """What is known of a declared tensor while walking."""

    tensor: Tensor
    written: bool = False
    reader: str | None = None
    reported: bool = False


@dataclass
class _Scope:
    block: Repeat | None
    states: dict[str, _State] = field(default_factory=dict)


class _Walk:
    def __init__(self, problems: Problems, locate: Locate, broken: frozenset[Place]) -> None:
        self._problems = problems
        self._locate = locate
        self._broken = broken
        self._untrusted: set[str] = set()  # tensors whose declaration has a problem
        self._scopes: list[_Scope] = [_Scope(None)]
        self._operators: set[str] = set()
        self._closed: dict[str, str] = {}
        self._persistent: dict[str, tuple[Tensor, Loops]] = {}

    def trace(self, trace: Trace) -> None:
        self._items(trace.items)
        if not self._operators:
            self._add("the trace has no operators", None, ())
        top = self._scopes[0].states
        for number, name in enumerate(trace.outputs):
            path: Path = ("outputs", number)
            state = top.get(name)
            if state is None:
                known = [other for other, candidate in top.items() if candidate.written]
                self._add("an output of the trace is not a tensor of its outermost scope", None, path,
                          found=name, allowed=known, suggest_for=name)  # fmt: skip
            elif not state.written and not _persistent(state.tensor):
                self._add(f"output {name!r} of the trace is produced by no operator", None, path)

    def _add(self, message: str, place: Place | None, path: Path, **details: Any) -> None:
        self._problems.add(message, self._locate(place, path), **details)

    def _loops(self) -> Loops:
        return tuple((scope.block.index, scope.block.count) for scope in self._scopes if scope.block)

    def _layers(self) -> Loops:
        blocks = [scope.block for scope in self._scopes if scope.block]
        return tuple((block.index, block.count) for block in blocks if block.over == "layers")

    def _items(self, items: tuple[Item, ...]) -> None:
        for item in items:
            if self._problems.full:
                return
            if isinstance(item, Tensor):
                self._tensor(item)
            elif isinstance(item, Operator):
                self._operator(item)
            else:
                self._repeat(item)

    def _tensor(self, tensor: Tensor) -> None:
        if self._find(tensor.name) is not None:
            self._add(f"tensor {tensor.name!r} is already declared", tensor.place, ("tensor",))
            return
        self._scopes[-1].states[tensor.name] = _State(tensor)
        if tensor.place in self._broken:
            self._untrusted.add(tensor.name)
            return
        sound = self._type(tensor)
        for number, extent in enumerate(tensor.shape):
            problem = extent_problem(extent, self._loops(), 1)
            if problem:
                path: Path = ("shape", number)
                self._add(f"tensor {tensor.name!r}: {problem}", tensor.place, path, found=str(extent))
                sound = False
        if not sound:
            self._untrusted.add(tensor.name)
            return
        sizes = [tensor.elements(indices) for indices in corners(self._loops(), indices_of(tensor.shape))]
        if max(sizes) > MAX_ELEMENTS:
            message = f"tensor {tensor.name!r} is absurdly large: {max(sizes)} elements, the limit is {MAX_ELEMENTS}"
            self._add(message, tensor.place, ("shape",))
        if tensor.persistent:
            self._same_persistent(tensor)

    def _type(self, tensor: Tensor) -> bool:
        sound = True
        if tensor.role not in ROLES:
            message = f"tensor {tensor.name!r}: unknown role"
            self._add(message, tensor.place, ("role",), found=tensor.role, allowed=ROLES, suggest_for=tensor.role)
            sound = False
        try:
            data_type(tensor.dtype)
        except ValueError:
            names = (*plain_names(), "int4_g128", "bits3.0625")
            message = f"tensor {tensor.name!r}: unknown data type"
            self._add(message, tensor.place, ("dtype",), found=tensor.dtype, allowed=names, suggest_for=tensor.dtype)
            sound = False
        return sound

    def _same_persistent(self, tensor: Tensor) -> None:
        """One per combination of layer blocks, shared by all steps: the same wherever it is declared."""
        layers = self._layers()
        steps = indices_of(tensor.shape) - {index for index, _ in layers}
        if steps:
            message = (
                f"tensor {tensor.name!r} outlives the steps, so its shape cannot depend on {', '.join(sorted(steps))}"
            )
            self._add(message, tensor.place, ("shape",))
        known = self._persistent.setdefault(tensor.name, (tensor, layers))
        if known != (tensor, layers):
            message = f"tensor {tensor.name!r} is declared before with another role, type, shape or layers"
            self._add(message, tensor.place, ("tensor",))

    def _find(self, name: str) -> _State | None:
        for scope in reversed(self._scopes):
            if name in scope.states:
                return scope.states[name]
        return None

    def _trusted(self, name: str) -> Tensor | None:
        state = None if name in self._untrusted else self._find(name)
        return state.tensor if state else None

    def _operator(self, operator: Operator) -> None:
        if operator.name in self._operators:
            self._add(f"operator {operator.name!r} is already defined", operator.place, ("op",))
        self._operators.add(operator.name)
        check = OperatorCheck(operator, self._loops(), self._trusted, self._locate, self._problems)
        for path, use in check.all_uses():
            state = self._find(use.tensor)
            if state is None:
                self._undeclared(operator, use.tensor, path)
            elif path[0] == "inputs":
                self._read(operator, state, path)
        for number, use in enumerate(operator.outputs):
            state = self._find(use.tensor)
            if state is not None:
                self._write(operator, state, ("outputs", number))
        if operator.place not in self._broken:
            check.run()

    def _undeclared(self, operator: Operator, name: str, path: Path) -> None:
        message = f"operator {operator.name!r} uses a tensor that is not declared before it"
        if name in self._closed:
            message = (
                f"operator {operator.name!r} uses a tensor outside the block {self._closed[name]!r} that declares it"
            )
        known = [other for scope in self._scopes for other in scope.states]
        self._add(message, operator.place, path, found=name, allowed=known, suggest_for=name)

    def _read(self, operator: Operator, state: _State, path: Path) -> None:
        state.reader = state.reader or operator.name
        tensor = state.tensor
        outermost = tensor.name in self._scopes[0].states
        if state.written or outermost or state.reported or tensor.role == "index" or _persistent(tensor):
            return
        state.reported = True
        message = f"operator {operator.name!r} uses {tensor.name!r}, which nothing has produced in this iteration"
        self._add(message, operator.place, path)

    def _write(self, operator: Operator, state: _State, path: Path) -> None:
        name = state.tensor.name
        if state.reader is not None and not _persistent(state.tensor) and not state.reported:
            state.reported = True
            message = f"operator {operator.name!r} produces {name!r}, which operator {state.reader!r} uses before it"
            if state.written:
                message = f"operator {operator.name!r} writes {name!r} after operator {state.reader!r} has read it"
            self._add(message, operator.place, path)
        state.written = True

    def _repeat(self, block: Repeat) -> None:
        taken = [index for index, _ in self._loops()]
        if not (block.index.isidentifier() and block.index.isascii()):
            message = "the index of a repeat block must be a name"
            self._add(message, block.place, ("repeat",), found=block.index, allowed="letters, digits and _")
        if block.index in taken:
            self._add(f"repeat index {block.index!r} is in use by an enclosing block", block.place, ("repeat",))
        if not 1 <= block.count <= MAX_COUNT:
            message = f"repeat {block.index!r}: not a count"
            self._add(
                message, block.place, ("count",), found=block.count, allowed=f"a whole number from 1 to {MAX_COUNT}"
            )
            return
        if block.over not in REPEAT_OVER:
            message = f"repeat {block.index!r}: unknown meaning"
            self._add(message, block.place, ("over",), found=block.over, allowed=REPEAT_OVER, suggest_for=block.over)
        if len(self._scopes) > MAX_DEPTH:
            self._add(f"repeat blocks are nested more than {MAX_DEPTH} deep", block.place, ("repeat",))
            return
        self._scopes.append(_Scope(block))
        self._items(block.body)
        self._carries(block)
        closed = self._scopes.pop()
        self._closed.update(dict.fromkeys(closed.states, block.index))

    def _carries(self, block: Repeat) -> None:
        """Called at the end of the body, while its scope is open."""
        body = self._scopes[-1].states
        if len(dict(block.carry)) != len(block.carry):
            self._add(f"repeat {block.index!r}: a tensor is carried in twice", block.place, ("carry",))
        for outer_name, body_name in block.carry:
            path: Path = ("carry", outer_name)
            outer = None if outer_name in body else self._find(outer_name)
            inner = body.get(body_name)
            if outer is None:
                known = [name for scope in self._scopes[:-1] for name in scope.states]
                self._add(f"repeat {block.index!r}: the carried tensor is not declared outside the block", block.place,
                          path, found=outer_name, allowed=known, suggest_for=outer_name)  # fmt: skip
            if inner is None:
                self._add(f"repeat {block.index!r}: the tensor to carry on is not declared in the block", block.place,
                          path, found=body_name, allowed=body, suggest_for=body_name)  # fmt: skip
            if outer is None or inner is None:
                continue
            self._carry(block, outer, inner, path)
            outer.written = True

    def _carry(self, block: Repeat, outer: _State, inner: _State, path: Path) -> None:
        names = f"{outer.tensor.name!r} and {inner.tensor.name!r}"
        if not inner.written and inner.tensor.name not in self._untrusted:
            message = f"repeat {block.index!r} carries {inner.tensor.name!r}, which nothing in it produces"
            self._add(message, block.place, path)
        if {outer.tensor.name, inner.tensor.name} & self._untrusted:
            return
        if outer.tensor.persistent or inner.tensor.persistent:
            self._add(
                f"repeat {block.index!r}: {names} cannot be carried, one lives for the whole run", block.place, path
            )
        used = indices_of((outer.tensor.shape, inner.tensor.shape))
        for indices in corners(self._loops(), used):
            sizes = outer.tensor.elements(indices), inner.tensor.elements(indices)
            if sizes[0] != sizes[1] or outer.tensor.dtype != inner.tensor.dtype:
                message = f"repeat {block.index!r}: carried {names} differ: {sizes[0]} and {sizes[1]} elements of "
                self._add(message + f"{outer.tensor.dtype} and {inner.tensor.dtype}", block.place, path)
                return


def _persistent(tensor: Tensor) -> bool:
    return ROLES.get(tensor.role, True)
