"""Is one operator well formed? Its kind, dimensions, attributes and ports, and that operands have the sizes it needs.

Element counts are compared where the kind fixes them (:meth:`sim.trace.kinds.OperatorKind.elements`), at the first and
last iteration of every loop that matters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sim.core.errors import Place, Problems
from sim.trace.affine import Affine, Extent, extent_at
from sim.trace.bounds import MAX_EXTENT, MAX_OPERATIONS, Loops, corners, extent_range, indices_of
from sim.trace.expand import resolve_dims
from sim.trace.kinds import OperatorKind, operator_kinds
from sim.trace.model import Operator, Tensor, Use
from sim.trace.work import MatrixWork, VectorWork, Work

Path = tuple[str | int, ...]
#: From the place of an item and the path of a key in it to the place of that key.
Locate = Callable[[Place | None, Path], Place | None]


class OperatorCheck:
    """The checks of one operator; ``tensor_of`` gives the declaration of a name, None when it is not to be trusted."""

    def __init__(
        self,
        operator: Operator,
        loops: Loops,
        tensor_of: Callable[[str], Tensor | None],
        locate: Locate,
        problems: Problems,
    ) -> None:
        self.operator = operator
        self.loops = loops
        self.tensor_of = tensor_of
        self._locate = locate
        self._problems = problems

    def run(self) -> None:
        """Add every problem of the operator."""
        kind = self._kind()
        if kind is None:
            return
        self._attributes(kind)
        self._ports(kind)
        if self._dims(kind) and self._uses():
            self._sizes(kind)

    def add(self, message: str, path: Path, **details: Any) -> None:
        """Add a problem at a key of the operator."""
        place = self._locate(self.operator.place, path)
        self._problems.add(f"operator {self.operator.name!r}: {message}", place, **details)

    def _kind(self) -> type[OperatorKind] | None:
        name = self.operator.kind
        if name in operator_kinds:
            return operator_kinds.get(name)
        self.add("unknown kind", ("kind",), found=name, allowed=operator_kinds.names(), suggest_for=name)
        return None

    def _attributes(self, kind: type[OperatorKind]) -> None:
        for name in self.operator.attributes:
            if name not in kind.attributes:
                message = f"kind {self.operator.kind!r} has no such attribute"
                self.add(message, ("attributes", name), found=name, allowed=kind.attributes, suggest_for=name)

    def _ports(self, kind: type[OperatorKind]) -> None:
        allowed = (*kind.ports, *kind.optional_ports)
        used = [port for port, _ in self.operator.inputs]
        for port in used:
            if port not in allowed:
                message = f"kind {self.operator.kind!r} has no such port"
                self.add(message, ("inputs", port), found=port, allowed=allowed, suggest_for=port)
        missing = [port for port in kind.ports if port not in used]
        if missing:
            self.add(f"input port{_plural(missing)} missing: {', '.join(missing)}", ("inputs",), allowed=allowed)
        for port, uses in self.operator.inputs:
            if not uses:
                self.add("an input port without tensors", ("inputs", port))
        if not self.operator.outputs and kind.results:
            self.add("has no outputs", ("outputs",))

    def _dims(self, kind: type[OperatorKind]) -> bool:
        """Check names and values of the dimensions; are they fit for arithmetic?"""
        allowed = (*kind.dims, *kind.lists)
        fit = True
        for name, value in self.operator.dims.items():
            if name not in allowed:
                message = f"kind {self.operator.kind!r} has no such dimension"
                self.add(message, ("dims", name), found=name, allowed=allowed, suggest_for=name)
                fit = False
            elif isinstance(value, tuple) != (name in kind.lists):
                wanted = "a list" if name in kind.lists else "a size"
                self.add(f"dimension {name!r} must be {wanted}", ("dims", name))
                fit = False
            else:
                smallest = 0 if name in kind.lists or kind.dims[name] == 0 else 1
                for path, extent in _extents(value, ("dims", name)):
                    fit = self._extent(extent, path, smallest) and fit
        required = [name for name, default in kind.dims.items() if default is None]
        missing = [name for name in (*required, *kind.lists) if name not in self.operator.dims]
        if missing:
            self.add(f"dimension{_plural(missing)} missing: {', '.join(missing)}", ("dims",))
        return fit and not missing

    def _extent(self, extent: Extent, path: Path, smallest: int) -> bool:
        problem = extent_problem(extent, self.loops, smallest)
        if problem:
            self.add(f"{path[1]}: {problem}", path, found=str(extent))
        return not problem

    def _uses(self) -> bool:
        """Check the partial uses; are all of them fit for arithmetic?"""
        fit = True
        for path, use in self.all_uses():
            if use.elements is None:
                continue
            problem = extent_problem(use.elements, self.loops, 1)
            if problem:
                self.add(f"use of {use.tensor!r}: {problem}", (*path, "elements"), found=str(use.elements))
                fit = False
        return fit

    def all_uses(self) -> Iterator[tuple[Path, Use]]:
        """Every use with its path in the item."""
        for port, uses in self.operator.inputs:
            for number, use in enumerate(uses):
                yield ("inputs", port, number), use
        for number, use in enumerate(self.operator.outputs):
            yield ("outputs", number), use

    def _sizes(self, kind: type[OperatorKind]) -> None:
        """At the ends of the loops: the kind's own rules, the work's size, and the element counts of the operands."""
        for indices in corners(self.loops, self._indices()):
            dims = resolve_dims(self.operator, indices)
            try:
                found = kind.problems(dims, self.operator.attributes)
                work = None if found else kind.work(dims, self.operator.attributes)
                expected = {} if found else dict(kind.elements(dims, self.operator.attributes))
            except (TypeError, ValueError):
                self.add("a list dimension has the wrong form for this kind", ("dims",))
                return
            for message in found:
                self.add(message, ("dims",))
            if work is not None and operations(work) > MAX_OPERATIONS:
                self.add(f"absurdly large: more than {MAX_OPERATIONS} operations", ("dims",))
            self._compare(expected, indices)

    def _indices(self) -> set[str]:
        used = indices_of(tuple(self.operator.dims.values()))
        for _, use in self.all_uses():
            tensor = self.tensor_of(use.tensor)
            used |= indices_of((use.elements, tensor.shape if tensor else ()))
        return used

    def _compare(self, expected: dict[str, int], indices: dict[str, int]) -> None:
        groups = [
            *(((("inputs", port)), uses) for port, uses in self.operator.inputs),
            (("outputs",), self.operator.outputs),
        ]
        for path, uses in groups:
            counts = [self._count(use, (*path, number), indices) for number, use in enumerate(uses)]
            wanted = expected.get(str(path[-1]))
            if wanted is None or None in counts:
                continue
            total = sum(count for count in counts if count is not None)
            if total != wanted:
                what = f"input {path[1]!r}" if len(path) > 1 else "outputs"
                at = "" if not self._indices() else f" at {_at(indices)}"
                message = (
                    f"{what} hold{'s' if len(path) > 1 else ''} {total} elements, the dimensions need {wanted}{at}"
                )
                self.add(message, path)

    def _count(self, use: Use, path: Path, indices: dict[str, int]) -> int | None:
        """Elements of a use; None when its tensor is not known well enough."""
        tensor = self.tensor_of(use.tensor)
        if tensor is None:
            return None
        whole = tensor.elements(indices)
        if use.elements is None:
            return whole
        elements = extent_at(use.elements, indices)
        if elements > whole:
            message = f"uses {elements} elements of {use.tensor!r}, which has {whole}"
            self.add(message, (*path, "elements"))
            return None
        return elements


def extent_problem(extent: Any, loops: Loops, smallest: int) -> str | None:
    """What is wrong with an extent anywhere in the loops; None when nothing is."""
    if isinstance(extent, bool) or not isinstance(extent, (int, Affine)):
        return "not an extent (a whole number, or a sum such as '512 + step')"
    try:
        low, high = extent_range(extent, loops)
    except KeyError as error:
        known = ", ".join(index for index, _ in loops) or "none"
        return f"{error.args[0]!r} is not the index of an enclosing repeat block (those are: {known})"
    if low < smallest:
        return f"must be at least {smallest} in every iteration, falls to {low}"
    if high > MAX_EXTENT:
        return f"absurdly large: {high}, the limit is {MAX_EXTENT}"
    return None


def operations(work: Work) -> int:
    """MACs, vector operations or copied elements: the size of the work."""
    if isinstance(work, MatrixWork):
        return work.macs
    if isinstance(work, VectorWork):
        return sum(count for _, count in work.operations)
    return work.elements


def _extents(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, tuple):
        for number, entry in enumerate(value):
            yield from _extents(entry, (*path, number))
    else:
        yield path, value


def _at(indices: dict[str, int]) -> str:
    return ", ".join(f"{index} = {value}" for index, value in indices.items())


def _plural(names: list[str]) -> str:
    return "s" if len(names) > 1 else ""
