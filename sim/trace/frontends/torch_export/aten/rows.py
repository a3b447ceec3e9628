"""Normalizations, softmax, reductions, sorting."""

from __future__ import annotations

from sim.trace.frontends.torch_export.aten.elementwise import _first, base
from sim.trace.frontends.torch_export.program import Call, Ref
from sim.trace.frontends.torch_export.writer import BOOL, FLOAT, GraphWriter, NotTranslated, translations

#: ATen operator -> ONNX reduction.
REDUCTIONS = {
    "mean": "ReduceMean", "sum": "ReduceSum", "amax": "ReduceMax", "amin": "ReduceMin", "max": "ReduceMax",
    "min": "ReduceMin", "prod": "ReduceProd", "logsumexp": "ReduceLogSumExp", "any": "ReduceMax", "all": "ReduceMin",
    "linalg_vector_norm": "ReduceL2", "norm": "ReduceL2",
}  # fmt: skip


@translations.register("aten.batch_norm")
@translations.register("aten._native_batch_norm_legit_no_training")
@translations.register("aten.native_batch_norm")
@translations.register("aten.cudnn_batch_norm")
def batch_norm(call: Call, graph: GraphWriter) -> None:
    """Batch normalization of inference."""
    a = call.arguments
    if a.get("training"):
        raise NotTranslated("in training mode: export the module in eval()")
    names = ("weight", "bias", "running_mean", "running_var")
    if not all(isinstance(a.get(name), Ref) for name in names):
        raise NotTranslated("without weight, bias and running statistics")
    inputs = [graph.name(_first(call)), *(graph.name(a[name]) for name in names)]
    graph.emit("BatchNormalization", inputs, call, call.outputs[0])


@translations.register("aten.layer_norm")
@translations.register("aten.native_layer_norm")
@translations.register("aten.rms_norm")
@translations.register("aten._fused_rms_norm")
def layer_norm(call: Call, graph: GraphWriter) -> None:
    """Normalization over the last dimensions."""
    a, source = call.arguments, _first(call)
    kind = graph.element_type(source)
    rms = "rms" in call.target
    weight = a.get("weight")
    scale = graph.name(weight) if isinstance(weight, Ref) else graph.number(1.0, kind)
    inputs = [graph.name(source), scale]
    if isinstance(a.get("bias"), Ref):
        inputs.append(graph.name(a["bias"]))
    op = "RMSNormalization" if rms else "LayerNormalization"
    graph.emit(op, inputs, call, call.outputs[0], axis=-len(a["normalized_shape"]))


@translations.register("aten.group_norm")
@translations.register("aten.native_group_norm")
def group_norm(call: Call, graph: GraphWriter) -> None:
    """Normalization over groups of channels."""
    a, source = call.arguments, _first(call)
    weights = [graph.name(a[name]) for name in ("weight", "bias") if isinstance(a.get(name), Ref)]
    groups = a.get("num_groups", a.get("group"))
    graph.emit("GroupNormalization", [graph.name(source), *weights], call, call.outputs[0], num_groups=groups)


@translations.register("aten.softmax")
@translations.register("aten._softmax")
@translations.register("aten._safe_softmax")
@translations.register("aten.log_softmax")
@translations.register("aten._log_softmax")
def softmax(call: Call, graph: GraphWriter) -> None:
    """Softmax along a dimension, or its logarithm."""
    source = graph.cast(_first(call), graph.element_type(Ref(call.outputs[0])), call)
    op = "LogSoftmax" if "log" in call.target else "Softmax"
    graph.emit(op, [source], call, call.outputs[0], axis=call.arguments["dim"])


def reduction(call: Call, graph: GraphWriter) -> None:
    """A reduction of all elements, or along dimensions; ``max`` and ``min`` of two operands are element-wise."""
    a, source = call.arguments, _first(call)
    kind = graph.element_type(Ref(call.outputs[0]))
    if isinstance(a.get("other"), Ref):
        op = "Max" if base(call) == "max" else "Min"
        graph.emit(op, [graph.name(source), graph.cast(a["other"], kind, call)], call, call.outputs[0])
        return
    axes = a.get("dim")
    axes = list(range(len(graph.shape(source)))) if axes in (None, []) else [axes] if isinstance(axes, int) else axes
    value = graph.cast(source, FLOAT if kind == BOOL else kind, call)
    inputs = [value, graph.integers(axes)]
    keep = int(bool(a.get("keepdim")))
    if kind == BOOL:
        reduced = graph.emit(REDUCTIONS[base(call)], inputs, call, keepdims=keep)
        graph.emit("Cast", [reduced], call, call.outputs[0], to=BOOL)
        return
    graph.emit(REDUCTIONS[base(call)], inputs, call, call.outputs[0], keepdims=keep)


for _name in REDUCTIONS:
    translations.register(f"aten.{_name}")(reduction)


@translations.register("aten.var")
@translations.register("aten.std")
@translations.register("aten.var_mean")
def variance(call: Call, graph: GraphWriter) -> None:
    """Mean, difference, its square, mean of that (and its root)."""
    a, source = call.arguments, _first(call)
    axes = a.get("dim")
    axes = list(range(len(graph.shape(source)))) if axes in (None, []) else [axes] if isinstance(axes, int) else axes
    x, kind = graph.name(source), graph.element_type(source)
    keep = int(bool(a.get("keepdim")))
    mean = graph.emit("ReduceMean", [x, graph.integers(axes)], call, keepdims=1)
    centred = graph.emit("Sub", [x, mean], call)
    square = graph.emit("Mul", [centred, centred], call)
    last = call.outputs[0] if base(call) != "std" else ""
    spread = graph.emit("ReduceMean", [square, graph.integers(axes)], call, last, keepdims=keep)
    if base(call) == "std":
        graph.emit("Pow", [spread, graph.number(0.5, kind)], call, call.outputs[0])
    if base(call) == "var_mean" and len(call.outputs) > 1 and call.outputs[1]:
        shape = graph.integers(graph.shape(Ref(call.outputs[1])))
        graph.emit("Reshape", [mean, shape], call, call.outputs[1])


@translations.register("aten.argmax")
@translations.register("aten.argmin")
def arg_max(call: Call, graph: GraphWriter) -> None:
    """The place of the largest, of all elements or along a dimension."""
    a, source = call.arguments, _first(call)
    name, axis = graph.name(source), a.get("dim")
    if axis is None:
        name, axis = graph.emit("Reshape", [name, graph.integers([-1])], call), 0
    graph.emit("ArgMax", [name], call, call.outputs[0], axis=axis, keepdims=int(bool(a.get("keepdim"))))


@translations.register("aten.topk")
@translations.register("aten.sort")
def top_k(call: Call, graph: GraphWriter) -> None:
    """The largest along a dimension, with their places; all of them when sorting."""
    a, source = call.arguments, _first(call)
    axis = a.get("dim", -1)
    count = a["k"] if base(call) == "topk" else graph.shape(source)[axis]
    graph.emit("TopK", [graph.name(source), graph.integers([count])], call, call.outputs, axis=axis)


@translations.register("aten.cumsum")
def cumulative(call: Call, graph: GraphWriter) -> None:
    """Running sums."""
    source = graph.cast(_first(call), graph.element_type(Ref(call.outputs[0])), call)
    graph.emit("CumSum", [source, graph.number(call.arguments["dim"], 7)], call, call.outputs[0])
