"""From ATen calls to an ONNX graph in memory, which the ONNX lowering then turns into a trace.

Every value of an exported program has a known shape, so a call becomes a few standard ONNX nodes with shapes written out;
folding of views, biases and shape arithmetic is then that of the ONNX frontend, and is said once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sim.core.registry import Registry
from sim.trace.frontends.torch_export.program import Call, Program, Ref, evaluated

INT64, BOOL, FLOAT = 7, 9, 1
#: The operator set of the nodes that are written: the newest with the operators used (Swish came with 24).
OPERATOR_SET = 24


class NotTranslated(Exception):
    """A call cannot be expressed; the message is the reason."""


class GraphWriter:
    """Collects nodes and constants. Shapes are concrete: symbols have been given their sizes."""

    def __init__(self, program: Program, symbols: Mapping[str, int]) -> None:
        self.program = program
        self.symbols = symbols
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.repeated: dict[str, str] = {}  # value that repeats another along leading dimensions -> that one
        self._count = 0
        self._names: dict[str, str] = dict(program.weights)

    # What a translation asks.

    def shape(self, ref: Ref) -> tuple[int, ...]:
        """The shape of a value."""
        return tuple(evaluated(extent, self.symbols) for extent in self.program.metas[ref.name].shape)

    def element_type(self, ref: Ref) -> int:
        """The ONNX element type of a value."""
        return self.program.metas[ref.name].element_type

    def name(self, ref: Ref) -> str:
        """The name of a value in the ONNX graph."""
        return self._names.get(ref.name, ref.name)

    # What a translation does.

    def number(self, value: float | int, element_type: int) -> str:
        """A constant of one number."""
        from onnx import helper

        name = self._fresh("number")
        self.constants.append(helper.make_tensor(name, element_type, [], [value]))
        return name

    def integers(self, values: Sequence[int]) -> str:
        """A constant list of whole numbers: a shape, axes, sizes."""
        from onnx import helper

        name = self._fresh("integers")
        self.constants.append(helper.make_tensor(name, INT64, [len(values)], list(values)))
        return name

    def emit(
        self, op: str, inputs: Sequence[str], call: Call, output: str | Sequence[str] = "", **attributes: Any
    ) -> str:
        """Append a node; ``output`` is fresh unless given. Returns its first output. The last node is named as the call."""
        from onnx import helper

        outputs = [output or self._fresh(call.name)] if isinstance(output, str) else list(output)
        self._count += 1
        final = any(name in call.outputs for name in outputs)
        name = call.name if final else f"{call.name}.{op.lower()}{self._count}"
        self.nodes.append(helper.make_node(op, list(inputs), outputs, name=name, **attributes))
        return next(filter(None, outputs))

    def cast(self, ref: Ref, element_type: int, call: Call) -> str:
        """A value in another type; the value itself when it has it."""
        if self.element_type(ref) == element_type:
            return self.name(ref)
        return self.emit("Cast", [self.name(ref)], call, to=element_type)

    def operand(self, value: Any, element_type: int, call: Call) -> str:
        """A value or a plain number, in the type asked for."""
        if isinstance(value, Ref):
            return self.cast(value, element_type, call)
        value = float(value) if value in ("Infinity", "-Infinity", "NaN") else value  # as the files write them
        if isinstance(value, (bool, int, float)):
            return self.number(bool(value) if element_type == BOOL else value, element_type)
        raise NotTranslated(f"with an operand {value!r}")

    def filled(self, shape: Sequence[int], value: float | int, element_type: int, call: Call, output: str = "") -> str:
        """A constant of one number repeated."""
        return self.emit("Expand", [self.number(value, element_type), self.integers(shape)], call, output)

    def same(self, source: str, call: Call) -> None:
        """The call's output is this value."""
        self.emit("Identity", [source], call, call.outputs[0])

    def _fresh(self, what: str) -> str:
        self._count += 1
        return f"{what}.{self._count}"

    # The whole graph.

    def model(self, name: str) -> Any:
        """The finished ``onnx.ModelProto``."""
        from onnx import TensorProto, helper

        def info(value: str) -> Any:
            ref = Ref(value)
            return helper.make_tensor_value_info(self.name(ref), self.element_type(ref), self.shape(ref))

        stored = {target: Ref(value) for value, target in self.program.weights.items()}
        weights = [
            TensorProto(name=target, data_type=self.element_type(ref), dims=self.shape(ref))
            for target, ref in stored.items()
        ]
        for tensor in weights:
            tensor.data_location = TensorProto.EXTERNAL
        outputs = list(dict.fromkeys(self.program.outputs))
        graph = helper.make_graph(
            self.nodes, name, [info(value) for value in self.program.inputs], [info(value) for value in outputs],
            [*weights, *self.constants],
        )  # fmt: skip
        opsets = [helper.make_opsetid("", OPERATOR_SET), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, producer_name="torch.export", opset_imports=opsets)


#: ATen operator without its overload (``aten.conv2d``) -> the function that writes its nodes.
Translation = Callable[[Call, GraphWriter], None]
translations: Registry[Translation] = Registry("aten_translations", "ATen operator")
