"""Reductions and softmax."""

from __future__ import annotations

from math import prod

from sim.trace.frontends.onnx_graph.document import Node
from sim.trace.frontends.onnx_graph.folding import axes_of
from sim.trace.frontends.onnx_graph.lowering import Lowering, Unsupported, lowerings
from sim.trace.frontends.onnx_graph.operators.elementwise import emit_elementwise, result_value
from sim.trace.frontends.onnx_graph.operators.views import reshaped
from sim.trace.frontends.onnx_graph.values import Value

#: ONNX operator -> function of the ``reduce`` kind (:data:`sim.trace.kinds.vector.REDUCTIONS`).
FUNCTIONS = {
    "ReduceSum": "sum", "ReduceMean": "mean", "ReduceMax": "max", "ReduceMin": "max", "ReduceProd": "product",
    "ReduceSumSquare": "sum_square", "ReduceL1": "l1", "ReduceL2": "l2", "ReduceLogSum": "log_sum",
    "ReduceLogSumExp": "log_sum_exp",
}  # fmt: skip


def reduce(node: Node, lowering: Lowering) -> None:
    """Reduce* -> ``reduce``: rows are the results, the width is what each of them sums up."""
    source = lowering.whole(node, 0)
    shape, _ = lowering.result(node)
    axes = axes_of(node, [lowering.data(node, i) for i in range(len(node.inputs))], 1)
    if axes is None and len(node.inputs) > 1 and node.inputs[1]:
        raise Unsupported("its axes depend on the data")
    if (not axes and node.attribute("noop_with_empty_axes", 0)) or prod(shape) == source.elements:
        reshaped(node, lowering, source, shape)
        return
    dims = {"rows": prod(shape), "width": source.elements // prod(shape)}
    lowering.make(node, "reduce", dims, [("x", source.uses)], function=FUNCTIONS[node.op])


for _op in FUNCTIONS:
    lowerings.register(_op)(reduce)


@lowerings.register("Softmax")
def softmax(node: Node, lowering: Lowering) -> None:
    """Softmax along its axis; before operator set 13, over everything from the axis on."""
    _softmax(node, lowering, result_value(node, lowering))


@lowerings.register("LogSoftmax")
def log_softmax(node: Node, lowering: Lowering) -> None:
    """LogSoftmax -> ``softmax`` and a logarithm per element."""
    output = result_value(node, lowering)
    step = lowering.tensor(f"{output.name}.softmax", output.shape, output.element_type)
    emit_elementwise(node, lowering, "log", [_softmax(node, lowering, step, "softmax")], output)


def _softmax(node: Node, lowering: Lowering, output: Value, part: str = "") -> Value:
    source = lowering.whole(node, 0)
    if node.opset < 13:
        axis = node.attribute("axis", 1) % (len(source.shape) + 1)
        width = prod(source.shape[axis:])
    else:
        width = source.shape[node.attribute("axis", -1)]
    dims = {"rows": source.elements // width, "width": width}
    return lowering.emit(node, "softmax", dims, [("x", source.uses)], output, part=part)
