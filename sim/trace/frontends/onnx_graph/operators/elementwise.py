"""Element-wise operators, with broadcasting: activations, arithmetic, comparisons, selections."""

from __future__ import annotations

from sim.trace.frontends.onnx_graph.affine_folding import fold_affine
from sim.trace.frontends.onnx_graph.document import Node
from sim.trace.frontends.onnx_graph.lowering import Lowering, lowerings
from sim.trace.frontends.onnx_graph.values import FLOAT_TYPES, Value

#: ONNX operator -> function of the ``elementwise`` kind (:data:`sim.trace.kinds.vector.ELEMENTWISE`).
FUNCTIONS = {
    "Relu": "relu", "LeakyRelu": "leaky_relu", "ThresholdedRelu": "leaky_relu", "PRelu": "prelu", "Elu": "elu",
    "Selu": "elu", "Celu": "elu", "Sigmoid": "sigmoid", "HardSigmoid": "hard_sigmoid", "HardSwish": "hard_swish",
    "Tanh": "tanh", "Softplus": "softplus", "Gelu": "gelu", "Swish": "silu", "Exp": "exp", "Log": "log",
    "Sqrt": "sqrt", "Reciprocal": "reciprocal", "Erf": "erf", "Sin": "sin", "Cos": "sin", "Neg": "neg", "Abs": "abs",
    "Floor": "floor", "Ceil": "floor", "Round": "floor", "Sign": "compare", "Not": "bitwise", "And": "bitwise",
    "Or": "bitwise", "Xor": "bitwise", "BitwiseAnd": "bitwise", "BitwiseOr": "bitwise", "BitwiseXor": "bitwise",
    "BitwiseNot": "bitwise", "BitShift": "bitwise", "Equal": "compare", "Less": "compare", "Greater": "compare",
    "LessOrEqual": "compare", "GreaterOrEqual": "compare", "IsNaN": "compare", "IsInf": "compare", "Where": "where",
    "Tan": "tan", "Asin": "asin", "Acos": "asin", "Atan": "atan", "Sinh": "sinh", "Cosh": "sinh", "Asinh": "asinh",
    "Acosh": "asinh", "Atanh": "atanh", "BitCast": "cast", "Shrink": "where", "CumProd": "mul",
    "Sub": "sub", "Mod": "mod", "com.microsoft.Gelu": "gelu", "com.microsoft.QuickGelu": "silu",
}  # fmt: skip


def emit_elementwise(
    node: Node, lowering: Lowering, function: str, operands: list[Value], output: Value, part: str = ""
) -> Value:
    """Emit one ``elementwise`` operator over the output's elements."""
    ports = [(port, value.uses) for port, value in zip("xyz", operands, strict=False)]
    dims = {"elements": output.elements}
    return lowering.emit(node, "elementwise", dims, ports, output, part=part, function=function)


def result_value(node: Node, lowering: Lowering, position: int = 0) -> Value:
    """The tensor of one of the node's outputs."""
    return lowering.tensor(node.outputs[position], *lowering.result(node, position))


def _operands(node: Node, lowering: Lowering) -> list[Value]:
    return [lowering.values[name] for name in node.inputs if name]


def elementwise(node: Node, lowering: Lowering) -> None:
    """An operator that is one function of the kind."""
    output = result_value(node, lowering)
    emit_elementwise(node, lowering, FUNCTIONS[node.op], _operands(node, lowering), output)


for _op in FUNCTIONS:
    lowerings.register(_op)(elementwise)


@lowerings.register("Clip")
def clip(node: Node, lowering: Lowering) -> None:
    """Clip: its bounds are numbers in the instruction."""
    emit_elementwise(node, lowering, "clip", [lowering.value(node, 0)], result_value(node, lowering))


@lowerings.register("Add")
def add(node: Node, lowering: Lowering) -> None:
    """Add; of a constant per channel it folds into the convolution or product in front of it, as a bias."""
    if not fold_affine(node, lowering, shift=True):
        emit_elementwise(node, lowering, "add", _operands(node, lowering), result_value(node, lowering))


@lowerings.register("Mul")
def mul(node: Node, lowering: Lowering) -> None:
    """Mul; by a constant per channel it folds into the weights of the convolution in front of it."""
    if not fold_affine(node, lowering, shift=False):
        emit_elementwise(node, lowering, "mul", _operands(node, lowering), result_value(node, lowering))


@lowerings.register("Div")
def div(node: Node, lowering: Lowering) -> None:
    """Div; by a constant it is a product with the reciprocal."""
    constant = lowering.value(node, 1).constant and lowering.value(node, 1).element_type in FLOAT_TYPES
    emit_elementwise(node, lowering, "mul" if constant else "div", _operands(node, lowering),
                     result_value(node, lowering))  # fmt: skip


@lowerings.register("Pow")
def power(node: Node, lowering: Lowering) -> None:
    """Pow; a constant exponent of 2, 0.5, -0.5, -1 or 3 is a square, root, its reciprocal, reciprocal, or product."""
    exponent = lowering.data(node, 1)
    base, output = lowering.value(node, 0), result_value(node, lowering)
    number = float(exponent.reshape(-1)[0]) if exponent is not None and exponent.size == 1 else None
    functions = {2.0: "square", 0.5: "sqrt", -0.5: "rsqrt", -1.0: "reciprocal"}
    if number == 3.0:
        square = lowering.tensor(f"{node.outputs[0]}.square", base.shape, base.element_type)
        emit_elementwise(node, lowering, "square", [base], square, part="square")
        emit_elementwise(node, lowering, "mul", [square, base], output)
    elif number in functions:
        emit_elementwise(node, lowering, functions[number], [base], output)
    else:
        emit_elementwise(node, lowering, "pow", [base, lowering.value(node, 1)], output)


@lowerings.register("Sum")
@lowerings.register("Mean")
@lowerings.register("Max")
@lowerings.register("Min")
def n_ary(node: Node, lowering: Lowering) -> None:
    """An operator of n operands: n - 1 operators of two; a mean is scaled at the end."""
    function = {"Sum": "add", "Mean": "add", "Max": "max", "Min": "min"}[node.op]
    operands = _operands(node, lowering)
    shape, element_type = lowering.result(node)
    scaled = node.op == "Mean" and len(operands) > 1
    if len(operands) == 1:
        lowering.alias(node, operands[0])
        return
    value = operands[0]
    for position, operand in enumerate(operands[1:], start=1):
        last = position == len(operands) - 1 and not scaled
        output = lowering.tensor(node.outputs[0] if last else f"{node.outputs[0]}.{position}", shape, element_type)
        value = emit_elementwise(node, lowering, function, [value, operand], output, part="" if last else str(position))
    if scaled:
        emit_elementwise(
            node, lowering, "scale", [value], lowering.tensor(node.outputs[0], shape, element_type), "scale"
        )


@lowerings.register("Softsign")
def softsign(node: Node, lowering: Lowering) -> None:
    """x / (1 + |x|), as its three functions."""
    value = lowering.value(node, 0)
    for function in ("abs", "add"):
        step = lowering.tensor(f"{node.outputs[0]}.{function}", value.shape, value.element_type)
        value = emit_elementwise(node, lowering, function, [value], step, part=function)
    emit_elementwise(node, lowering, "div", [lowering.value(node, 0), value], result_value(node, lowering))


@lowerings.register("Mish")
def mish(node: Node, lowering: Lowering) -> None:
    """x * tanh(softplus(x)), as its three functions."""
    value = lowering.value(node, 0)
    for function in ("softplus", "tanh"):
        step = lowering.tensor(f"{node.outputs[0]}.{function}", value.shape, value.element_type)
        value = emit_elementwise(node, lowering, function, [value], step, part=function)
    emit_elementwise(node, lowering, "mul", [lowering.value(node, 0), value], result_value(node, lowering))


@lowerings.register("ImageScaler")
def image_scaler(node: Node, lowering: Lowering) -> None:
    """The old experimental ImageScaler: one scale and one bias per channel."""
    source = lowering.value(node, 0)
    output = lowering.tensor(node.outputs[0], source.shape, source.element_type)
    emit_elementwise(node, lowering, "scale_shift", [source], output)


@lowerings.register("Cast")
@lowerings.register("CastLike")
def cast(node: Node, lowering: Lowering) -> None:
    """Cast: nothing between types that the trace holds alike (all floats are ``dtype``), else one conversion each."""
    source, output = lowering.value(node, 0), result_value(node, lowering)
    types = {lowering.tensors[piece.tensor].dtype for piece in source.pieces}
    if types == {lowering.tensors[output.name].dtype}:
        lowering.alias(node, source.typed(output.element_type))
    else:
        emit_elementwise(node, lowering, "cast", [source], output)
