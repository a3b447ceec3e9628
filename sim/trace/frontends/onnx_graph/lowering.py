"""What the lowering of an ONNX graph knows and has emitted so far: the state that the lowerings of operator types read
and write, and their registry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sim.core.registry import Registry
from sim.trace.frontends.onnx_graph.blocks import Block, items_of
from sim.trace.frontends.onnx_graph.document import Document, Node
from sim.trace.frontends.onnx_graph.names import OperatorNames
from sim.trace.frontends.onnx_graph.shapes import NodeShapes, first_batch
from sim.trace.frontends.onnx_graph.values import FLOAT_TYPES, STORED_TYPES, Piece, Value
from sim.trace.model import Item, Operator, Tensor, Use

Port = tuple[str, Iterable[Use]]


class Unsupported(Exception):
    """A lowering cannot express this node; the message is the reason, after the operator's type."""


class Lowering:
    """State of one lowering: the values by ONNX name, the operators emitted so far, the tensors that they may use."""

    def __init__(self, document: Document, dtype: str, weights: str | None, batch: int | None) -> None:
        self.document = document
        self.dtype = dtype
        self.weights = weights or dtype
        self.batch_change = (first_batch(document), batch) if batch else (None, None)
        self.shapes = NodeShapes(document)
        self.values: dict[str, Value] = {}
        self.operators: list[Operator] = []
        self.producer: dict[str, int] = {}
        self.tensors: dict[str, Tensor] = {}
        self.blocks: list[Block] = []
        self.unsupported: dict[str, list[tuple[str, str]]] = {}
        self.folded: Counter[str] = Counter()
        self.readers: dict[str, list[Node]] = {}
        self.fixed = {output for node in document.nodes if node.op == "Constant" for output in node.outputs}
        self.fixed |= {proto.name for proto in document.initializers if not hasattr(proto, "values")}
        self._names = OperatorNames()
        for node in document.nodes:
            for name in node.inputs:
                self.readers.setdefault(name, []).append(node)

    def value(self, node: Node, position: int) -> Value:
        """The value at an input that the operator requires."""
        found = self.optional(node, position)
        if found is None:
            raise Unsupported(f"without its input {position}")
        return found

    def optional(self, node: Node, position: int) -> Value | None:
        """The value at an input, or None when it is left out."""
        if position >= len(node.inputs) or not node.inputs[position]:
            return None
        return self.values[node.inputs[position]]

    def data(self, node: Node, position: int) -> Any:
        """The numbers at an input, or None when they are left out or not known."""
        found = self.optional(node, position)
        return None if found is None else found.data

    def result(self, node: Node, position: int = 0) -> tuple[tuple[int, ...], int]:
        """(shape, element type) that the node's output has by the standard's shape rules."""
        known = [(name, self.values[name]) for name in node.inputs if name]
        return self.shapes.output(node, position, [(name, v.shape, v.element_type, v.data) for name, v in known])

    def only_reader(self, name: str) -> Node | None:
        """The one node that reads a value which is no graph output; None when there are more, or none."""
        readers = self.readers.get(name, [])
        return readers[0] if len(readers) == 1 and name not in self.document.outputs else None

    # What a lowering does.

    def tensor(self, name: str, shape: tuple[int, ...], element_type: int, role: str = "activation") -> Value:
        """A trace tensor of its own, as a value. It is declared in the trace only if an operator uses it."""
        if 0 in shape and role == "activation":
            raise Unsupported(f"its result {name!r} has no elements, shape {shape}")
        if element_type not in FLOAT_TYPES and element_type not in STORED_TYPES:
            raise Unsupported(f"element type {element_type} (text, complex or unknown) cannot be stored")
        matrix = role == "weight" and len(shape) >= 2
        dtype = (self.weights if matrix else self.dtype) if element_type in FLOAT_TYPES else STORED_TYPES[element_type]
        self.tensors[name] = Tensor(name, role, dtype, shape)
        whole = 1
        for extent in shape:
            whole *= extent
        return Value(name, shape, element_type, (Piece(name, whole, whole),))

    def emit(
        self,
        node: Node,
        kind: str,
        dims: Mapping[str, Any],
        ports: Iterable[Port],
        output: Value,
        *,
        part: str = "",
        **attributes: Any,
    ) -> Value:
        """Append an operator that writes ``output``; ``part`` tells several operators of one node apart."""
        inputs = tuple((port, tuple(uses)) for port, uses in ports)
        name = self._names.choose(node, inputs, self.tensors, part)
        self.producer[output.name] = len(self.operators)
        self.operators.append(Operator(name, kind, dict(dims), inputs, output.uses, attributes))
        self.values.setdefault(output.name, output)
        return output

    def make(self, node: Node, kind: str, dims: Mapping[str, Any], ports: Iterable[Port], **attributes: Any) -> Value:
        """Append an operator that makes the node's first output, of the shape that the standard gives it."""
        return self.emit(node, kind, dims, ports, self.tensor(node.outputs[0], *self.result(node)), **attributes)

    def alias(self, node: Node, value: Value, position: int = 0) -> None:
        """The node's output is this value, at no cost."""
        self.values[node.outputs[position]] = value

    def whole(self, node: Node, position: int) -> Value:
        """The value at a required input with every element stored."""
        return self.materialised(node, self.value(node, position))

    def materialised(self, node: Node, value: Value) -> Value:
        """The value with every element stored: a broadcast view is written out by a copy."""
        if not value.broadcast:
            return value
        stored = self.tensor(f"{value.name}.repeated", value.shape, value.element_type)
        if stored.name not in self.producer:
            self.emit(node, "copy", {"elements": value.elements}, [("x", value.uses)], stored, part="repeat")
        return stored

    @contextmanager
    def steps(self, count: int, carry: Mapping[str, str]) -> Iterator[None]:
        """What is emitted inside runs ``count`` times; ``carry``: outer tensor -> the inner one that follows on it."""
        first, known = len(self.operators), set(self.tensors)
        yield
        own = frozenset(name for name in self.tensors if name not in known)
        self.blocks.append(Block(first, len(self.operators), count, tuple(carry.items()), own))

    def items(self, inputs: Iterable[str]) -> tuple[Item, ...]:
        """Tensors, operators and blocks of the trace: each tensor declared before its first use, unused ones left out."""
        return items_of(self.operators, self.tensors, self.blocks, tuple(inputs))


lowerings: Registry[Callable[[Node, Lowering], None]] = Registry("onnx_lowerings", "ONNX operator")
