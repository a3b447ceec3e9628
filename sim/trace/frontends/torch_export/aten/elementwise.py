"""Element-wise ATen operators: activations, arithmetic, comparisons, selections, conversions."""

from __future__ import annotations

from sim.trace.frontends.torch_export.program import Call, Ref
from sim.trace.frontends.torch_export.writer import BOOL, GraphWriter, NotTranslated, translations

#: ATen operator -> ONNX operator of one operand and no attributes that matter here.
UNARY = {
    "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "neg": "Neg",
    "abs": "Abs", "erf": "Erf", "sin": "Sin", "cos": "Cos", "tan": "Tan", "atan": "Atan", "asin": "Asin", "acos": "Acos",
    "sinh": "Sinh", "cosh": "Cosh", "asinh": "Asinh", "acosh": "Acosh", "atanh": "Atanh", "floor": "Floor", "ceil": "Ceil",
    "round": "Round", "trunc": "Floor", "sign": "Sign", "reciprocal": "Reciprocal", "gelu": "Gelu", "silu": "Swish",
    "mish": "Mish", "softplus": "Softplus", "hardswish": "HardSwish", "hardsigmoid": "HardSigmoid", "elu": "Elu",
    "selu": "Selu", "leaky_relu": "LeakyRelu", "logical_not": "Not", "bitwise_not": "Not", "isnan": "IsNaN",
    "isinf": "IsInf", "log_sigmoid": "Sigmoid", "expm1": "Exp", "log1p": "Log", "exp2": "Exp", "log2": "Log",
    "celu": "Celu", "softsign": "Softsign", "square": "",
}  # fmt: skip
#: ATen operator -> ONNX operator of two operands with broadcasting.
BINARY = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "maximum": "Max", "minimum": "Min", "floor_divide": "Div",
    "remainder": "Mod", "fmod": "Mod", "_prelu_kernel": "PRelu", "prelu": "PRelu", "atan2": "Div",
}  # fmt: skip
COMPARISONS = {"eq": "Equal", "lt": "Less", "gt": "Greater", "le": "LessOrEqual", "ge": "GreaterOrEqual", "ne": "Equal"}
LOGIC = {"logical_and": "And", "logical_or": "Or", "logical_xor": "Xor", "bitwise_and": "And", "bitwise_or": "Or",
         "bitwise_xor": "Xor", "__and__": "And", "__or__": "Or"}  # fmt: skip
SAME = ("clone", "contiguous", "detach", "alias", "dropout", "lift_fresh_copy", "lift_fresh", "native_dropout",
        "feature_dropout", "to", "_to_copy", "type_as", "_assert_tensor_metadata", "detach_", "dropout_")  # fmt: skip


def base(call: Call) -> str:
    """``relu`` of ``aten.relu_.default``: in-place operators cost what their plain ones do."""
    name = call.target.split(".")[1]
    return name if name.startswith("__") else name.rstrip("_")


def _first(call: Call) -> Ref:
    value = call.arguments.get("self", call.arguments.get("input"))
    if not isinstance(value, Ref):
        raise NotTranslated("without its operand")
    return value


def unary(call: Call, graph: GraphWriter) -> None:
    """One function of one operand."""
    output = Ref(call.outputs[0])
    source = graph.cast(_first(call), graph.element_type(output), call)
    op = UNARY[base(call)]
    inputs = [source] if op else [source, source]
    op = "BitwiseNot" if op == "Not" and graph.element_type(output) != BOOL else op
    graph.emit(op or "Mul", inputs, call, call.outputs[0])


def binary(call: Call, graph: GraphWriter) -> None:
    """One function of two operands; the second may be a number, and ``alpha`` scales it."""
    output = Ref(call.outputs[0])
    kind = graph.element_type(output)
    one, two = call.arguments.get("self"), call.arguments.get("other", call.arguments.get("weight"))
    right = graph.operand(two, kind, call)
    alpha = call.arguments.get("alpha", 1)
    if alpha not in (1, None) and isinstance(alpha, (int, float)):
        right = graph.emit("Mul", [right, graph.number(alpha, kind)], call)
    extra = {"fmod": 1} if BINARY[base(call)] == "Mod" and kind in (1, 10, 11, 16) else {}
    graph.emit(BINARY[base(call)], [graph.operand(one, kind, call), right], call, call.outputs[0], **extra)


def comparison(call: Call, graph: GraphWriter) -> None:
    """A comparison, in the type of its first operand."""
    one, two = call.arguments["self"], call.arguments["other"]
    kind = max((graph.element_type(value) for value in (one, two) if isinstance(value, Ref)), default=1)
    kind = 1 if kind in (10, 16) else kind
    operands = [graph.operand(one, kind, call), graph.operand(two, kind, call)]
    graph.emit(COMPARISONS[base(call)], operands, call, call.outputs[0])


def logic(call: Call, graph: GraphWriter) -> None:
    """A logical operator, or the bitwise one of whole numbers."""
    kind = graph.element_type(Ref(call.outputs[0]))
    op = LOGIC[base(call)] if kind == BOOL else f"Bitwise{LOGIC[base(call)]}"
    operands = [graph.operand(call.arguments[name], kind, call) for name in ("self", "other")]
    graph.emit(op, operands, call, call.outputs[0])


def same(call: Call, graph: GraphWriter) -> None:
    """The same elements; a conversion where the type changes."""
    if not call.outputs:
        return
    source, output = _first(call), Ref(call.outputs[0])
    if graph.element_type(source) != graph.element_type(output):
        graph.emit("Cast", [graph.name(source)], call, call.outputs[0], to=graph.element_type(output))
    else:
        graph.same(graph.name(source), call)


for _table, _function in ((UNARY, unary), (BINARY, binary), (COMPARISONS, comparison), (LOGIC, logic), (SAME, same)):
    for _name in _table:
        translations.register(f"aten.{_name}")(_function)


@translations.register("aten.pow")
def power(call: Call, graph: GraphWriter) -> None:
    """A power; the exponent, or the base, may be a number."""
    kind = graph.element_type(Ref(call.outputs[0]))
    operands = [graph.operand(call.arguments[name], kind, call) for name in ("self", "exponent")]
    graph.emit("Pow", operands, call, call.outputs[0])


@translations.register("aten.rsqrt")
def rsqrt(call: Call, graph: GraphWriter) -> None:
    """A power of -1/2."""
    kind = graph.element_type(Ref(call.outputs[0]))
    operands = [graph.cast(_first(call), kind, call), graph.number(-0.5, kind)]
    graph.emit("Pow", operands, call, call.outputs[0])


@translations.register("aten.rsub")
def reversed_sub(call: Call, graph: GraphWriter) -> None:
    """other - self."""
    kind = graph.element_type(Ref(call.outputs[0]))
    operands = [graph.operand(call.arguments[name], kind, call) for name in ("other", "self")]
    graph.emit("Sub", operands, call, call.outputs[0])


@translations.register("aten.clamp")
@translations.register("aten.clamp_min")
@translations.register("aten.clamp_max")
@translations.register("aten.hardtanh")
@translations.register("aten.relu6")
def clamp(call: Call, graph: GraphWriter) -> None:
    """A clip; its bounds are numbers in the instruction."""
    graph.emit(
        "Clip", [graph.cast(_first(call), graph.element_type(Ref(call.outputs[0])), call)], call, call.outputs[0]
    )


@translations.register("aten.where")
@translations.register("aten.masked_fill")
def where(call: Call, graph: GraphWriter) -> None:
    """A choice by a mask."""
    kind = graph.element_type(Ref(call.outputs[0]))
    a = call.arguments
    if "mask" in a:
        mask, one, two = a["mask"], a["value"], a["self"]
    else:
        mask, one, two = a["condition"], a["self"], a["other"]
    operands = [graph.cast(mask, BOOL, call), graph.operand(one, kind, call), graph.operand(two, kind, call)]
    graph.emit("Where", operands, call, call.outputs[0])


@translations.register("aten.addcmul")
@translations.register("aten.addcdiv")
def add_combined(call: Call, graph: GraphWriter) -> None:
    """self + tensor1 * tensor2, or / tensor2."""
    kind = graph.element_type(Ref(call.outputs[0]))
    one, two, total = (graph.operand(call.arguments[name], kind, call) for name in ("tensor1", "tensor2", "self"))
    part = graph.emit("Mul" if base(call) == "addcmul" else "Div", [one, two], call)
    graph.emit("Add", [total, part], call, call.outputs[0])


@translations.register("aten.glu")
def gated(call: Call, graph: GraphWriter) -> None:
    """Half of the elements times the sigmoid of the other half."""
    source = _first(call)
    shape, axis = graph.shape(source), call.arguments.get("dim", -1)
    halves = [f"{call.name}.{part}" for part in ("value", "gate")]
    graph.emit("Split", [graph.name(source), graph.integers([shape[axis] // 2] * 2)], call, halves, axis=axis)
    graph.emit("Mul", [halves[0], graph.emit("Sigmoid", [halves[1]], call)], call, call.outputs[0])
