"""Evaluates the shape arithmetic of a graph: small constants through the operators that exporters build shapes with.

Only values of at most :data:`LIMIT` elements are followed; larger constants are weights, of which only the shape
matters. An operator not listed here simply stays unevaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sim.trace.frontends.onnx_graph.document import Node

#: Elements up to which a constant is evaluated. Shapes, axes, indices and ranges are far smaller, weights far larger.
LIMIT = 1 << 14
Array = Any
_RULES: dict[str, Callable[[Node, list[Array]], Array | list[Array]]] = {}


def evaluate(node: Node, arrays: list[Array | None]) -> list[Array] | None:
    """The outputs of ``node`` for known inputs (None: input left out), or None when it is not evaluated."""
    rule = _RULES.get(node.op)
    if rule is None:
        return None
    try:
        with np.errstate(all="ignore"):
            result = rule(node, list(arrays))
    except (ValueError, IndexError, TypeError, KeyError, ZeroDivisionError, OverflowError, MemoryError):
        return None
    results = result if isinstance(result, list) else [result]
    return results if all(np.size(array) <= LIMIT for array in results) else None


def _rule(*ops: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for op in ops:
            _RULES[op] = function
        return function

    return decorate


_PLAIN: Mapping[str, Callable[..., Any]] = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Neg": np.negative, "Abs": np.abs, "Sqrt": np.sqrt,
    "Floor": np.floor, "Ceil": np.ceil, "Round": np.round, "Exp": np.exp, "Log": np.log, "Not": np.logical_not,
    "And": np.logical_and, "Or": np.logical_or, "Equal": np.equal, "Less": np.less, "Greater": np.greater,
    "LessOrEqual": np.less_equal, "GreaterOrEqual": np.greater_equal, "Where": np.where, "Reciprocal": np.reciprocal,
    "Sign": np.sign, "Tanh": np.tanh, "Cos": np.cos, "Sin": np.sin,
}  # fmt: skip


def _plain(node: Node, arrays: list[Array]) -> Array:
    return _PLAIN[node.op](*arrays)


_RULES.update(dict.fromkeys(_PLAIN, _plain))


@_rule("Pow")
def _pow(node: Node, arrays: list[Array]) -> Array:
    return np.power(arrays[0], arrays[1].astype(arrays[0].dtype))


@_rule("Div")
def _div(node: Node, arrays: list[Array]) -> Array:
    if np.issubdtype(arrays[0].dtype, np.integer):
        quotient = np.abs(arrays[0]) // np.abs(arrays[1])  # ONNX divides integers towards zero
        return (quotient * np.sign(arrays[0]) * np.sign(arrays[1])).astype(arrays[0].dtype)
    return arrays[0] / arrays[1]


@_rule("Mod")
def _mod(node: Node, arrays: list[Array]) -> Array:
    return (np.fmod if node.attribute("fmod", 0) else np.mod)(arrays[0], arrays[1])


@_rule("Max", "Min")
def _extreme(node: Node, arrays: list[Array]) -> Array:
    function = np.maximum if node.op == "Max" else np.minimum
    result = arrays[0]
    for array in arrays[1:]:
        result = function(result, array)
    return result


@_rule("Constant")
def _constant(node: Node, arrays: list[Array]) -> Array:
    from onnx import numpy_helper

    for name, dtype in (("value_float", np.float32), ("value_floats", np.float32), ("value_int", np.int64),
                        ("value_ints", np.int64)):  # fmt: skip
        if name in node.attributes:
            return np.array(node.attributes[name], dtype)
    tensor = node.attributes["value"]
    if np.prod(tensor.dims, dtype=object) > LIMIT or tensor.data_location == tensor.EXTERNAL:
        raise ValueError("not a small constant")
    return numpy_helper.to_array(tensor)


@_rule("ConstantOfShape")
def _constant_of_shape(node: Node, arrays: list[Array]) -> Array:
    from onnx import numpy_helper

    shape = tuple(int(extent) for extent in arrays[0])
    if np.prod(shape, dtype=object) > LIMIT:
        raise ValueError("not a small constant")
    value = node.attributes.get("value")
    fill = np.zeros(1, np.float32) if value is None else numpy_helper.to_array(value)
    return np.full(shape, fill.reshape(-1)[0], fill.dtype)


@_rule("Identity", "Dropout")
def _same(node: Node, arrays: list[Array]) -> Array:
    return arrays[0]


@_rule("Cast")
def _cast(node: Node, arrays: list[Array]) -> Array:
    from onnx import helper

    return arrays[0].astype(helper.tensor_dtype_to_np_dtype(node.attributes["to"]))


@_rule("CastLike")
def _cast_like(node: Node, arrays: list[Array]) -> Array:
    return arrays[0].astype(arrays[1].dtype)


@_rule("Gather")
def _gather(node: Node, arrays: list[Array]) -> Array:
    return np.take(arrays[0], arrays[1], axis=node.attribute("axis", 0))


@_rule("Concat")
def _concat(node: Node, arrays: list[Array]) -> Array:
    return np.concatenate(arrays, axis=node.attribute("axis", 1))


@_rule("Reshape")
def _reshape(node: Node, arrays: list[Array]) -> Array:
    target = [arrays[0].shape[i] if extent == 0 else int(extent) for i, extent in enumerate(arrays[1])]
    return arrays[0].reshape(target)


@_rule("Transpose")
def _transpose(node: Node, arrays: list[Array]) -> Array:
    return np.transpose(arrays[0], node.attribute("perm", None))


@_rule("Expand")
def _expand(node: Node, arrays: list[Array]) -> Array:
    shape = np.broadcast_shapes(arrays[0].shape, tuple(int(extent) for extent in arrays[1]))
    if np.prod(shape, dtype=object) > LIMIT:
        raise ValueError("not a small constant")
    return np.broadcast_to(arrays[0], shape).copy()


@_rule("Tile")
def _tile(node: Node, arrays: list[Array]) -> Array:
    if np.prod(arrays[1], dtype=object) * arrays[0].size > LIMIT:
        raise ValueError("not a small constant")
    return np.tile(arrays[0], tuple(int(count) for count in arrays[1]))


@_rule("Range")
def _range(node: Node, arrays: list[Array]) -> Array:
    start, stop, step = (array.reshape(-1)[0] for array in arrays)
    if (stop - start) / step > LIMIT:
        raise ValueError("not a small constant")
    return np.arange(start, stop, step, dtype=arrays[0].dtype)


def axes_of(node: Node, arrays: list[Array | None], position: int) -> tuple[int, ...] | None:
    """The ``axes`` of an operator that takes them as an attribute in old and as an input in new operator sets."""
    if "axes" in node.attributes:
        return tuple(int(axis) for axis in node.attributes["axes"])
    given = arrays[position] if position < len(arrays) else None
    return None if given is None else tuple(int(axis) for axis in np.reshape(given, -1))


@_rule("Unsqueeze")
def _unsqueeze(node: Node, arrays: list[Array]) -> Array:
    return np.expand_dims(arrays[0], axes_of(node, arrays, 1) or ())


@_rule("Squeeze")
def _squeeze(node: Node, arrays: list[Array]) -> Array:
    return np.squeeze(arrays[0], axes_of(node, arrays, 1))


@_rule("ReduceProd", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceMean")
def _reduce(node: Node, arrays: list[Array]) -> Array:
    function: Callable[..., Any] = getattr(np, node.op.removeprefix("Reduce").lower())
    axes = axes_of(node, arrays, 1)
    if not axes and node.attribute("noop_with_empty_axes", 0):
        return arrays[0]
    keep = bool(node.attribute("keepdims", 1))
    return np.asarray(function(arrays[0], axis=axes or None, keepdims=keep), dtype=arrays[0].dtype)


@_rule("Slice")
def _slice(node: Node, arrays: list[Array]) -> Array:
    return arrays[0][slices_of(node, arrays, arrays[0].shape)]


def slices_of(node: Node, arrays: list[Array | None], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """The numpy slices of a Slice node for an input of ``shape``, one per axis; ``arrays`` are its inputs' data."""
    if "starts" in node.attributes:
        starts, ends = node.attributes["starts"], node.attributes["ends"]
        axes, steps = node.attribute("axes", None), None
    else:
        starts, ends = arrays[1], arrays[2]
        axes = arrays[3] if len(arrays) > 3 else None
        steps = arrays[4] if len(arrays) > 4 else None
    if starts is None or ends is None:
        raise ValueError("the bounds are not constant")
    axes = range(len(starts)) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    result = [slice(0, extent, 1) for extent in shape]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        result[axis] = _bounded(int(start), int(end), int(step), shape[axis])
    return tuple(result)


def _bounded(start: int, end: int, step: int, extent: int) -> slice:
    if step > 0:
        low, high, _ = slice(start, end, step).indices(extent)
        return slice(low, max(low, high), step)
    start = min(start + extent if start < 0 else start, extent - 1)
    end = end + extent if -extent <= end < 0 else end
    return slice(start, None if end < 0 else end, step)


@_rule("Split")
def _split(node: Node, arrays: list[Array]) -> list[Array]:
    axis = node.attribute("axis", 0)
    sizes = node.attribute("split", None) if len(arrays) < 2 or arrays[1] is None else arrays[1]
    if sizes is None:
        size = -(-arrays[0].shape[axis] // len(node.outputs))
        return np.split(arrays[0], range(size, arrays[0].shape[axis], size), axis)
    return np.split(arrays[0], np.cumsum(sizes)[:-1], axis)


@_rule("Trilu")
def _trilu(node: Node, arrays: list[Array]) -> Array:
    offset = int(arrays[1]) if len(arrays) > 1 and arrays[1] is not None else 0
    return (np.triu if node.attribute("upper", 1) else np.tril)(arrays[0], offset)


@_rule("NonZero")
def _nonzero(node: Node, arrays: list[Array]) -> Array:
    return np.array(np.nonzero(arrays[0]), np.int64)


@_rule("CumSum")
def _cumsum(node: Node, arrays: list[Array]) -> Array:
    if node.attribute("exclusive", 0) or node.attribute("reverse", 0):
        raise ValueError("only the plain running sum is evaluated")
    return np.cumsum(arrays[0], axis=int(arrays[1]), dtype=arrays[0].dtype)


@_rule("ScatterND")
def _scatter(node: Node, arrays: list[Array]) -> Array:
    if node.attribute("reduction", "none") != "none":
        raise ValueError("only plain assignment is evaluated")
    result = arrays[0].copy()
    result[tuple(np.moveaxis(arrays[1], -1, 0))] = arrays[2]
    return result
