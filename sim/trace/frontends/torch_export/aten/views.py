"""ATen operators that name elements anew, put them together, take them apart, or make them out of nothing."""

from __future__ import annotations

from typing import Any

from sim.trace.frontends.torch_export.aten.elementwise import _first, base
from sim.trace.frontends.torch_export.program import Call, Ref, evaluated
from sim.trace.frontends.torch_export.writer import BOOL, INT64, GraphWriter, NotTranslated, translations

RESHAPES = ("view", "_unsafe_view", "reshape", "flatten", "unflatten", "unsqueeze", "squeeze", "view_copy",
            "_reshape_copy", "squeeze_copy", "unsqueeze_copy")  # fmt: skip


def _integer(value: Any, graph: GraphWriter) -> int:
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        return evaluated(value, graph.symbols)
    raise NotTranslated(f"with {value!r} where a number must be")


def reshape(call: Call, graph: GraphWriter) -> None:
    """The same elements under the shape that the program gives."""
    source, shape = _first(call), graph.shape(Ref(call.outputs[0]))
    if source.name in graph.repeated and graph.shape(source) == shape:
        graph.repeated[call.outputs[0]] = graph.repeated[source.name]
    graph.emit("Reshape", [graph.name(_first(call)), graph.integers(shape)], call, call.outputs[0])


for _name in RESHAPES:
    translations.register(f"aten.{_name}")(reshape)


@translations.register("aten.expand")
@translations.register("aten.expand_as")
@translations.register("aten.broadcast_to")
def expand(call: Call, graph: GraphWriter) -> None:
    """A view that repeats; a product reads what is repeated along its batch once (decompositions of linear do that)."""
    source, shape = _first(call), graph.shape(Ref(call.outputs[0]))
    if graph.shape(source) == shape[-len(graph.shape(source)) :] and len(graph.shape(source)) == 2:
        graph.repeated[call.outputs[0]] = graph.name(source)
    graph.emit("Expand", [graph.name(_first(call)), graph.integers(shape)], call, call.outputs[0])


@translations.register("aten.repeat")
def repeat(call: Call, graph: GraphWriter) -> None:
    """Copies side by side."""
    source, shape = _first(call), graph.shape(Ref(call.outputs[0]))
    old = (1,) * (len(shape) - len(graph.shape(source))) + graph.shape(source)
    same_rank = graph.emit("Reshape", [graph.name(source), graph.integers(old)], call)
    times = [new // extent for new, extent in zip(shape, old, strict=True)]
    graph.emit("Tile", [same_rank, graph.integers(times)], call, call.outputs[0])


@translations.register("aten.permute")
@translations.register("aten.transpose")
@translations.register("aten.t")
@translations.register("aten.numpy_T")
@translations.register("aten.movedim")
def permute(call: Call, graph: GraphWriter) -> None:
    """Dimensions in another order."""
    source, rank = _first(call), len(graph.shape(_first(call)))
    order = list(range(rank))
    if base(call) == "permute":
        order = [axis % rank for axis in call.arguments["dims"]]
    elif base(call) == "transpose":
        one, two = call.arguments["dim0"] % rank, call.arguments["dim1"] % rank
        order[one], order[two] = order[two], order[one]
    elif base(call) == "movedim":
        raise NotTranslated("before decomposition (run_decompositions() first)")
    else:
        order.reverse()
    graph.emit("Transpose", [graph.name(source)], call, call.outputs[0], perm=order)


@translations.register("aten.slice")
def slice_(call: Call, graph: GraphWriter) -> None:
    """Every step-th element of a range of one dimension."""
    a, source = call.arguments, _first(call)
    axis, step = a.get("dim") or 0, a.get("step") or 1
    start = 0 if a.get("start") is None else _integer(a["start"], graph)
    end = graph.shape(source)[axis] if a.get("end") is None else _integer(a["end"], graph)
    bounds = [graph.integers([value]) for value in (start, end, axis, step)]
    graph.emit("Slice", [graph.name(source), *bounds], call, call.outputs[0])


@translations.register("aten.narrow")
def narrow(call: Call, graph: GraphWriter) -> None:
    """A range of one dimension."""
    a = call.arguments
    start = _integer(a["start"], graph)
    bounds = [graph.integers([value]) for value in (start, start + _integer(a["length"], graph), a["dim"])]
    graph.emit("Slice", [graph.name(_first(call)), *bounds], call, call.outputs[0])


@translations.register("aten.select")
def select(call: Call, graph: GraphWriter) -> None:
    """One place of one dimension."""
    index = graph.number(_integer(call.arguments["index"], graph), INT64)
    graph.emit("Gather", [graph.name(_first(call)), index], call, call.outputs[0], axis=call.arguments["dim"])


@translations.register("aten.split")
@translations.register("aten.split_with_sizes")
@translations.register("aten.chunk")
@translations.register("aten.tensor_split")
@translations.register("aten.unbind")
def split(call: Call, graph: GraphWriter) -> None:
    """Parts along one dimension; unbind drops it."""
    source, axis = _first(call), call.arguments.get("dim") or 0
    if not any(call.outputs):
        return
    shapes = [graph.shape(Ref(name)) if name in graph.program.metas else None for name in call.outputs]
    known = next(shape for shape in shapes if shape is not None)
    if base(call) == "unbind":
        for position, name in enumerate(call.outputs):
            if name:
                index = graph.number(position, INT64)
                graph.emit("Gather", [graph.name(source), index], call, name, axis=axis)
        return
    sizes = [known[axis] if shape is None else shape[axis] for shape in shapes]
    graph.emit("Split", [graph.name(source), graph.integers(sizes)], call, call.outputs, axis=axis)


@translations.register("aten.cat")
@translations.register("aten.stack")
@translations.register("aten.concat")
def cat(call: Call, graph: GraphWriter) -> None:
    """Values side by side, along a dimension of theirs or (stack) a new one."""
    kind, axis = graph.element_type(Ref(call.outputs[0])), call.arguments.get("dim") or 0
    values = [graph.cast(ref, kind, call) for ref in call.arguments["tensors"]]
    if base(call) == "stack":
        values = [graph.emit("Unsqueeze", [value, graph.integers([axis])], call) for value in values]
    graph.emit("Concat", values, call, call.outputs[0], axis=axis)


@translations.register("aten.full")
@translations.register("aten.full_like")
@translations.register("aten.zeros")
@translations.register("aten.zeros_like")
@translations.register("aten.ones")
@translations.register("aten.ones_like")
@translations.register("aten.empty")
@translations.register("aten.empty_like")
@translations.register("aten.new_zeros")
@translations.register("aten.new_ones")
@translations.register("aten.new_full")
@translations.register("aten.scalar_tensor")
def filled(call: Call, graph: GraphWriter) -> None:
    """A constant of one number."""
    output = Ref(call.outputs[0])
    value = call.arguments.get("fill_value", call.arguments.get("s", 1 if "ones" in call.target else 0))
    value = float(value) if value in ("Infinity", "-Infinity", "NaN") else value
    kind = graph.element_type(output)
    plain = value if isinstance(value, (bool, int, float)) else 0
    graph.filled(graph.shape(output), bool(plain) if kind == BOOL else plain, kind, call, call.outputs[0])


@translations.register("aten.arange")
def arange(call: Call, graph: GraphWriter) -> None:
    """Numbers one after the other."""
    output = Ref(call.outputs[0])
    (count,), kind = graph.shape(output), graph.element_type(output)
    ends = [graph.number(value, kind) for value in (0, count, 1)]
    graph.emit("Range", ends, call, call.outputs[0])


@translations.register("aten.constant_pad_nd")
@translations.register("aten.pad")
def pad(call: Call, graph: GraphWriter) -> None:
    """Elements added around; ``pad`` counts from the last dimension."""
    source = _first(call)
    rank, amounts = len(graph.shape(source)), [_integer(one, graph) for one in call.arguments["pad"]]
    low, high = [0] * rank, [0] * rank
    for position in range(len(amounts) // 2):
        low[rank - 1 - position], high[rank - 1 - position] = amounts[2 * position], amounts[2 * position + 1]
    graph.emit("Pad", [graph.name(source), graph.integers(low + high)], call, call.outputs[0])


@translations.register("aten.tril")
@translations.register("aten.triu")
def triangle(call: Call, graph: GraphWriter) -> None:
    """The part of a matrix on one side of a diagonal."""
    graph.emit("Trilu", [graph.name(_first(call))], call, call.outputs[0], upper=int(base(call) == "triu"))


@translations.register("aten.embedding")
def embedding(call: Call, graph: GraphWriter) -> None:
    """Rows of a table."""
    inputs = [graph.name(call.arguments["weight"]), graph.cast(call.arguments["indices"], INT64, call)]
    graph.emit("Gather", inputs, call, call.outputs[0])


@translations.register("aten.index_select")
@translations.register("aten.gather")
def gather(call: Call, graph: GraphWriter) -> None:
    """Places of one dimension, the same for all others or not."""
    op = "Gather" if base(call) == "index_select" else "GatherElements"
    inputs = [graph.name(_first(call)), graph.cast(call.arguments["index"], INT64, call)]
    graph.emit(op, inputs, call, call.outputs[0], axis=call.arguments["dim"])


@translations.register("aten.index")
@translations.register("aten.flip")
@translations.register("aten.roll")
def index(call: Call, graph: GraphWriter) -> None:
    """Elements in other places, by several indices or none: a look-up of every element of the result."""
    source, output = _first(call), Ref(call.outputs[0])
    given = [ref for ref in call.arguments.get("indices") or [] if isinstance(ref, Ref)]
    if len(given) == 1 and isinstance(call.arguments["indices"][0], Ref) and graph.element_type(given[0]) != BOOL:
        inputs = [graph.name(source), graph.cast(given[0], INT64, call)]
        graph.emit("Gather", inputs, call, call.outputs[0])
        return
    if any(graph.element_type(ref) == BOOL for ref in given):
        raise NotTranslated("with a mask: the size of its result depends on the data")
    flat = graph.emit("Reshape", [graph.name(source), graph.integers([-1])], call)
    if given:
        shape = graph.shape(output)
        fits = len(graph.shape(given[0])) <= len(shape)
        first = graph.cast(given[0], INT64, call)
        places = graph.emit("Expand", [first, graph.integers(shape)], call) if fits else first
        try:
            import numpy as np

            np.broadcast_shapes(graph.shape(given[0]), shape)
        except ValueError:
            places = graph.filled(shape, 0, INT64, call)
    else:
        places = graph.filled(graph.shape(output), 0, INT64, call)
    graph.emit("Gather", [flat, places], call, call.outputs[0])


@translations.register("aten.index_put")
@translations.register("aten.slice_scatter")
@translations.register("aten.select_scatter")
@translations.register("aten.scatter")
@translations.register("aten.copy")
def put(call: Call, graph: GraphWriter) -> None:
    """New elements in some places: the whole is copied with them (``TensorScatter`` says so of a cache)."""
    new = next((call.arguments[name] for name in ("values", "src", "value") if name in call.arguments), None)
    if not isinstance(new, Ref):
        raise NotTranslated("with a number as its source")
    source = _first(call)
    graph.emit("ScatterElements", [graph.name(source), graph.filled(graph.shape(new), 0, INT64, call), graph.name(new)],
               call, call.outputs[0])  # fmt: skip
