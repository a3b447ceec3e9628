"""The trace: tensors, operators and repeat blocks, as written.

A trace is an ordered list of items. Order is a valid execution order (producers before consumers); the data
dependencies are those of the tensors. Three kinds of item:

* :class:`Tensor` declares a name with role, data type and shape;
* :class:`Operator` reads and writes tensors, by *ports* (``a``, ``b``, ``x`` ...), each port a list of uses, so that a
  concatenation of channels is several uses and a slice is a use of fewer elements;
* :class:`Repeat` is a block executed ``count`` times. Extents inside may grow with its ``index``
  (:mod:`sim.trace.affine`).

Scope rules of a repeat block:

* activations declared in the body are new in every iteration;
* ``carry = (("x", "y"),)``: what iteration i wrote to ``y`` is what iteration i+1 reads as ``x``; iteration 0 reads the
  ``x`` of the enclosing scope, and after the block that scope's ``x`` is the last ``y``;
* weights, KV caches and other persistent roles declared anywhere exist once per combination of the enclosing *layer*
  blocks (``over="layers"``) and are shared by all iterations of *step* blocks (``over="steps"``).

Nothing here depends on a machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from sim.core.errors import Place
from sim.trace.affine import Extent
from sim.trace.dtypes import data_type

FORMAT = "tilesim-trace"
VERSION = 1

#: role -> does it live for the whole run? An open table: plug-ins may add roles.
ROLES: dict[str, bool] = {
    "activation": False,
    "weight": True,
    "kv_cache": True,
    "gradient": False,
    "optimizer_state": True,
    "index": False,
    "constant": True,
}


PARALLEL = ("tp", "pp", "ep", "dp")
"""Tensor, pipeline, expert and data parallelism."""
MAX_RANKS = 2**16


@dataclass(frozen=True)
class Tensor:
    """A declared tensor. ``shape`` entries are extents; an empty shape is a scalar (one element)."""

    name: str
    role: str
    dtype: str
    shape: tuple[Extent, ...]
    place: Place | None = field(default=None, compare=False)

    @property
    def persistent(self) -> bool:
        return ROLES[self.role]

    def elements(self, indices: Mapping[str, int]) -> int:
        """Number of elements under the given loop indices."""
        product = 1
        for extent in self.shape:
            product *= extent if isinstance(extent, int) else extent.at(indices)
        return product

    def size_bytes(self, indices: Mapping[str, int]) -> int:
        """Bytes of the tensor under the given loop indices."""
        return data_type(self.dtype).size_bytes(self.elements(indices))


@dataclass(frozen=True)
class Use:
    """A use of a tensor by an operator; ``elements`` is how many of its elements (None: all of them)."""

    tensor: str
    elements: Extent | None = None


#: A dimension: an extent, or (for per-request and per-expert lists) nested tuples of extents.
Dimension = Extent | tuple[Any, ...]


@dataclass(frozen=True)
class Operator:
    """One operator as written. ``dims`` and ``attributes`` are what its kind asks for (:mod:`sim.trace.kinds`)."""

    name: str
    kind: str
    dims: Mapping[str, Dimension]
    inputs: tuple[tuple[str, tuple[Use, ...]], ...]
    outputs: tuple[Use, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Repeat:
    """A block run ``count`` times; see the scope rules in the module docstring."""

    index: str
    count: int
    body: tuple[Item, ...]
    over: str = "layers"
    carry: tuple[tuple[str, str], ...] = ()
    place: Place | None = field(default=None, compare=False)


Item = Tensor | Operator | Repeat


@dataclass(frozen=True)
class Trace:
    """A whole trace. ``source`` says what it was lowered from; ``notes`` are warnings of the lowering.

    ``outputs`` names the tensors that must end in the machine's backing memory. ``parallel``: degrees of parallelism
    ("tp", 8), where the trace is that of one chip of several; with "pp" it is cut into stages when it is executed, each
    of which executes it ``micro_batches`` times.
    """

    name: str
    items: tuple[Item, ...]
    outputs: tuple[str, ...] = ()
    description: str = ""
    source: str = ""
    notes: tuple[str, ...] = ()
    parallel: tuple[tuple[str, int], ...] = ()
    micro_batches: int = 1

    @property
    def chips(self) -> int:
        """How many chips the trace is executed on."""
        return prod(degree for _, degree in self.parallel)

    def operators(self) -> Iterator[tuple[Operator, tuple[Repeat, ...]]]:
        """Every operator as written, once, with the blocks around it (outermost first)."""
        yield from _operators(self.items, ())

    def tensors(self) -> Iterator[tuple[Tensor, tuple[Repeat, ...]]]:
        """Every tensor declaration, once, with the blocks around it (outermost first)."""
        yield from _tensors(self.items, ())


def _operators(items: tuple[Item, ...], around: tuple[Repeat, ...]) -> Iterator[tuple[Operator, tuple[Repeat, ...]]]:
    for item in items:
        if isinstance(item, Operator):
            yield item, around
        elif isinstance(item, Repeat):
            yield from _operators(item.body, (*around, item))


def _tensors(items: tuple[Item, ...], around: tuple[Repeat, ...]) -> Iterator[tuple[Tensor, tuple[Repeat, ...]]]:
    for item in items:
        if isinstance(item, Tensor):
            yield item, around
        elif isinstance(item, Repeat):
            yield from _tensors(item.body, (*around, item))
