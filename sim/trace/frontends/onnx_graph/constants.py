"""Constant propagation: what follows from initializers and constants alone is a constant too.

A constant that an operator reads is a weight (role ``constant`` when it is a single number, holds integers, or follows from
shapes alone). One that
is only another view of a constant, or its dequantised form, is read from where that constant lies, so that tied weights
count once.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

from sim.trace.frontends.onnx_graph.document import Node
from sim.trace.frontends.onnx_graph.folding import LIMIT, evaluate
from sim.trace.frontends.onnx_graph.lowering import Lowering
from sim.trace.frontends.onnx_graph.values import FLOAT_TYPES, STORED_TYPES, Value

#: Operators whose result, for a constant, is read from where the constant lies.
VIEWS = frozenset({"Identity", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Cast", "CastLike", "Dropout",
                   "DequantizeLinear"})  # fmt: skip
#: Operators without inputs, or random ones, that are no constants.
_NEVER = frozenset(
    {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial"}
)


def add_initializers(lowering: Lowering) -> None:
    """Make a value of every initializer; small ones with their data."""
    from onnx import numpy_helper

    for proto in lowering.document.initializers:
        if hasattr(proto, "values"):
            name, element_type, data = proto.values.name, proto.values.data_type, None
        else:
            name, element_type, data = proto.name, proto.data_type, None
            size = 1
            for extent in proto.dims:
                size *= extent
            if size <= LIMIT and proto.data_location != proto.EXTERNAL and element_type in STORED_TYPES | _FLOATS:
                data = _array(numpy_helper, proto)
        lowering.values[name] = constant(lowering, name, tuple(proto.dims), element_type, data)


_FLOATS = dict.fromkeys(FLOAT_TYPES, "")


def _array(numpy_helper: Any, proto: Any) -> Any:
    try:
        return numpy_helper.to_array(proto)
    except (ValueError, TypeError):
        return None


def constant(
    lowering: Lowering, name: str, shape: tuple[int, ...], element_type: int, data: Any = None, learned: bool = True
) -> Value:
    """A constant of its own, as a value; ``learned``: it holds parameters, or follows from some."""
    if element_type not in FLOAT_TYPES and element_type not in STORED_TYPES:
        return Value(name, shape, element_type, (), constant=True, data=data)
    size = 1
    for extent in shape:
        size *= extent
    role = "weight" if learned and size > 1 and element_type in FLOAT_TYPES | {2, 3, 21, 22} else "constant"
    return replace(lowering.tensor(name, shape, element_type, role), constant=True, data=data)


def constant_outputs(lowering: Lowering, node: Node) -> bool:
    """Make the node's outputs constants if they are; says whether it did."""
    inputs = [lowering.optional(node, position) for position in range(len(node.inputs))]
    if node.op in ("Shape", "Size") and inputs and inputs[0] is not None:
        _sizes(lowering, node, inputs[0])
        return True
    if node.op in _NEVER or not all(value is None or value.constant for value in inputs):
        return False
    if not inputs and node.op != "Constant":
        return False
    arrays = [None if value is None else value.data for value in inputs]
    known = all(value is None or value.data is not None for value in inputs)
    results = evaluate(node, arrays) if known else None
    for position, name in enumerate(node.outputs):
        if not name:
            continue
        data = results[position] if results is not None and position < len(results) else None
        lowering.values[name] = _constant_output(lowering, node, position, inputs, data)
    return True


def _constant_output(lowering: Lowering, node: Node, position: int, inputs: list[Value | None], data: Any) -> Value:
    if data is not None:
        shape, element_type = tuple(data.shape), _element_type(data)
    elif node.op == "Constant":
        shape, element_type = tuple(node.attributes["value"].dims), node.attributes["value"].data_type
    elif node.op == "ConstantOfShape" and inputs[0] is not None and inputs[0].data is not None:
        fill = node.attributes.get("value")
        shape, element_type = tuple(int(n) for n in inputs[0].data), fill.data_type if fill is not None else 1
    else:
        shape, element_type = lowering.result(node, position)
    source = inputs[0] if inputs else None
    if node.op in VIEWS and position == 0 and source is not None and source.pieces:
        return replace(source, name=node.outputs[position], shape=shape, element_type=element_type, data=data)
    return constant(
        lowering, node.outputs[position], shape, element_type, data, _learned(lowering, node, inputs, shape)
    )


def _learned(lowering: Lowering, node: Node, inputs: list[Value | None], shape: tuple[int, ...]) -> bool:
    """Does the result of ``node`` hold parameters? Masks, zero states and places made of shapes alone do not, nor what is
    larger than the parameters it is made of (a bias per distance, laid out per pair of places). A fill of a shape that is
    written down stands for weights: files without weights hold them so."""
    if node.op == "ConstantOfShape":
        return node.inputs[0] in lowering.fixed
    pieces = [piece for value in inputs if value is not None for piece in value.pieces]
    weights = sum(piece.elements for piece in pieces if lowering.tensors[piece.tensor].role == "weight")
    return node.op == "Constant" or 0 < prod(shape) <= weights


def _sizes(lowering: Lowering, node: Node, value: Value) -> None:
    import numpy as np

    sizes: Any = np.array(value.shape, np.int64)
    if node.op == "Size":
        sizes = np.array(value.elements, np.int64)
    else:
        sizes = sizes[slice(node.attribute("start", 0), node.attribute("end", None))]
    name = node.outputs[0]
    lowering.values[name] = constant(lowering, name, tuple(sizes.shape), 7, sizes)


def _element_type(data: Any) -> int:
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(data.dtype))
