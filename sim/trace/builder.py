"""A small builder of traces, used by frontends and tests.

>>> b = TraceBuilder("one_gemm")
>>> x = b.activation("x", (512, 4096))
>>> w = b.weight("w", (4096, 1024))
>>> y = b.activation("y", (512, 1024))
>>> b.op("proj", "gemm", {"m": 512, "n": 1024, "k": 4096}, {"a": x, "b": w}, y)
>>> trace = b.build(outputs=[y])
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import index
from typing import Any

from sim.core.errors import Place
from sim.trace.affine import Affine, Extent
from sim.trace.model import Dimension, Item, Operator, Repeat, Tensor, Trace, Use

Uses = str | Use | Sequence[str | Use]


def frozen(value: Any) -> Any:
    """Lists made tuples, all the way down; everything else unchanged."""
    if isinstance(value, (list, tuple)):
        return tuple(frozen(entry) for entry in value)
    return value


def part(tensor: str, elements: Extent) -> Use:
    """A use of ``elements`` elements of a tensor."""
    return Use(tensor, elements)


class TraceBuilder:
    """Collects items in program order. ``dtype`` is the type of activations, ``weight_dtype`` that of weights."""

    def __init__(
        self,
        name: str,
        *,
        description: str = "",
        source: str = "",
        dtype: str = "bf16",
        weight_dtype: str | None = None,
    ) -> None:
        self.name = name
        self.description = description
        self.source = source
        self.dtype = dtype
        self.weight_dtype = weight_dtype or dtype
        self._open: list[list[Item]] = [[]]
        self._notes: list[str] = []

    def tensor(
        self, name: str, shape: Sequence[Extent], role: str = "activation", dtype: str | None = None,
        place: Place | None = None,
    ) -> str:  # fmt: skip
        """Declare a tensor in the block that is open; returns its name."""
        default = self.weight_dtype if role == "weight" else self.dtype
        self._open[-1].append(Tensor(name, role, dtype or default, tuple(shape), place))
        return name

    def visible(self, name: str) -> bool:
        """Is a tensor of this name declared in the block that is open, or in one around it?"""
        return any(isinstance(item, Tensor) and item.name == name for items in self._open for item in items)

    def activation(self, name: str, shape: Sequence[Extent], dtype: str | None = None) -> str:
        """Declare an activation."""
        return self.tensor(name, shape, "activation", dtype)

    def weight(self, name: str, shape: Sequence[Extent], dtype: str | None = None) -> str:
        """Declare a weight."""
        return self.tensor(name, shape, "weight", dtype)

    def op(
        self,
        name: str,
        kind: str,
        dims: Mapping[str, Any],
        inputs: Mapping[str, Uses],
        outputs: Uses,
        attributes: Mapping[str, Any] | None = None,
        place: Place | None = None,
    ) -> None:
        """Append an operator. Ports with an empty list of uses are left out."""
        ports = ((port, _uses(uses)) for port, uses in inputs.items())
        self._open[-1].append(
            Operator(
                name=name,
                kind=kind,
                dims={key: _dimension(value) for key, value in dims.items()},
                inputs=tuple((port, uses) for port, uses in ports if uses),
                outputs=_uses(outputs),
                attributes={key: frozen(value) for key, value in (attributes or {}).items()},
                place=place,
            )
        )

    @contextmanager
    def repeat(
        self, over_index: str, count: int, over: str = "layers", carry: Mapping[str, str] | None = None
    ) -> Iterator[None]:
        """Open a repeat block for the items appended inside the ``with``; ``carry`` maps outer names to body names."""
        self._open.append([])
        yield
        body = tuple(self._open.pop())
        self._open[-1].append(Repeat(over_index, count, body, over, tuple((carry or {}).items())))

    def note(self, text: str) -> None:
        """Add a warning of the lowering; the same text once."""
        if text not in self._notes:
            self._notes.append(text)

    def build(self, outputs: Sequence[str] = ()) -> Trace:
        """The trace, checked: a frontend that builds a wrong trace fails here and not in a simulation."""
        from sim.trace.check import check_trace

        trace = Trace(
            self.name, tuple(self._open[0]), tuple(outputs), self.description, self.source, tuple(self._notes)
        )
        check_trace(trace)
        return trace


def _dimension(value: Any) -> Dimension:
    if isinstance(value, (list, tuple)):
        return tuple(_dimension(entry) for entry in value)
    return value if isinstance(value, Affine) else index(value)


def _uses(uses: Uses) -> tuple[Use, ...]:
    if isinstance(uses, (str, Use)):
        uses = [uses]
    return tuple(use if isinstance(use, Use) else Use(use) for use in uses)
