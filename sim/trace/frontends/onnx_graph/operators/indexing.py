"""Look-ups by index: embeddings, gathers, ArgMax, TopK, OneHot."""

from __future__ import annotations

from math import prod

from sim.trace.frontends.onnx_graph.document import Node
from sim.trace.frontends.onnx_graph.lowering import Lowering, lowerings
from sim.trace.frontends.onnx_graph.operators.elementwise import emit_elementwise, result_value
from sim.trace.frontends.onnx_graph.operators.parts import _copy_part, _window


@lowerings.register("Gather")
def gather(node: Node, lowering: Lowering) -> None:
    """Gather of rows of a table -> ``embedding``; at one fixed index a slice; otherwise a ``copy`` of what is read."""
    source, index = lowering.value(node, 0), lowering.value(node, 1)
    axis = node.attribute("axis", 0) % len(source.shape)
    if index.data is not None and index.elements == 1:
        at = int(index.data.reshape(-1)[0]) % source.shape[axis]
        window = tuple((at, at + 1) if i == axis else (0, extent) for i, extent in enumerate(source.shape))
        _window(node, lowering, source, window, 0)
        lowering.alias(node, lowering.values[node.outputs[0]].viewed(source.name, lowering.result(node)[0]))
    elif prod(source.shape[:axis]) == 1:
        embedding(node, lowering, index.elements, axis)
    else:
        _copy_part(node, lowering, source, lowering.result(node)[0], 0)


def embedding(node: Node, lowering: Lowering, rows: int, axis: int = 0) -> None:
    """Emit an ``embedding`` that reads ``rows`` rows of input 0, each row once at most, by the index at input 1."""
    table, index = lowering.value(node, 0), lowering.value(node, 1)
    width = prod(table.shape[axis + 1 :])
    read = min(rows, table.shape[axis]) * width
    ports = [("table", table.part(table.name, (read,), 0).uses), ("index", index.uses)]
    lowering.make(node, "embedding", {"rows": rows, "width": width}, ports)


@lowerings.register("ArgMax")
@lowerings.register("ArgMin")
def arg_max(node: Node, lowering: Lowering) -> None:
    """ArgMax -> ``top_k`` with k = 1."""
    source, output = lowering.whole(node, 0), result_value(node, lowering)
    width = source.shape[node.attribute("axis", 0)]
    dims = {"rows": source.elements // width, "width": width, "k": 1}
    lowering.emit(node, "top_k", dims, [("x", source.uses)], output)


@lowerings.register("TopK")
def top_k(node: Node, lowering: Lowering) -> None:
    """TopK -> ``top_k``; the indices come with the values, from one operator."""
    from dataclasses import replace

    source = lowering.whole(node, 0)
    shape, _ = lowering.result(node)
    axis = node.attribute("axis", -1)
    dims = {"rows": source.elements // source.shape[axis], "width": source.shape[axis], "k": shape[axis]}
    outputs = [result_value(node, lowering, i) for i, name in enumerate(node.outputs) if name]
    lowering.emit(node, "top_k", dims, [("x", source.uses)], outputs[0])
    lowering.operators[-1] = replace(lowering.operators[-1], outputs=tuple(u for value in outputs for u in value.uses))
    for output in outputs:
        lowering.values[output.name] = output


@lowerings.register("OneHot")
def one_hot(node: Node, lowering: Lowering) -> None:
    """OneHot -> one comparison per element of the result."""
    emit_elementwise(node, lowering, "compare", [lowering.value(node, 0)], result_value(node, lowering))


@lowerings.register("CumSum")
def running_sum(node: Node, lowering: Lowering) -> None:
    """CumSum -> one addition per element."""
    emit_elementwise(node, lowering, "add", [lowering.value(node, 0)], result_value(node, lowering))
