"""Element-wise and row-wise operator kinds, with the operations they cost per element, row or output.

Counts are those of the textbook definition in the docstring of each kind, one vector operation per arithmetic
operation; a machine that does better has a higher rate for that function, not a lower count here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.trace.kinds import OperatorKind, Resolved, operator_kinds
from sim.trace.kinds.matrix import request_sums
from sim.trace.work import VectorWork, Work

#: function of an ``elementwise`` operator -> operations per element. sigmoid(x) = 1 / (1 + exp(-x)),
#: silu = x * sigmoid, gelu = tanh form, tanh(u) = 1 - 2 / (1 + exp(2u)); erf-form gelu is charged the same. Inverse
#: circular functions are the polynomials 4.4.45 and 4.4.47 of Abramowitz and Stegun; the hyperbolic ones their definitions.
ELEMENTWISE: dict[str, dict[str, int]] = {
    "add": {"add": 1}, "sub": {"add": 1}, "mul": {"mul": 1}, "div": {"div": 1}, "max": {"max": 1}, "min": {"max": 1},
    "relu": {"max": 1}, "leaky_relu": {"mul": 1, "max": 1}, "prelu": {"mul": 1, "max": 1}, "clip": {"max": 2},
    "relu6": {"max": 2}, "neg": {"mul": 1}, "abs": {"max": 1}, "exp": {"exp": 1}, "log": {"log": 1},
    "sqrt": {"rsqrt": 1, "mul": 1},
    "rsqrt": {"rsqrt": 1}, "reciprocal": {"div": 1}, "square": {"mul": 1}, "pow": {"log": 1, "mul": 1, "exp": 1},
    "sigmoid": {"exp": 1, "add": 1, "div": 1}, "tanh": {"exp": 1, "mul": 1, "add": 2, "div": 1},
    "silu": {"exp": 1, "add": 1, "div": 1, "mul": 1}, "erf": {"exp": 1, "mul": 6, "add": 5, "div": 1},
    "gelu": {"mul": 5, "add": 4, "exp": 1, "div": 1}, "hard_sigmoid": {"mul": 1, "add": 1, "max": 2},
    "hard_swish": {"mul": 2, "add": 1, "max": 2}, "softplus": {"exp": 1, "add": 1, "log": 1}, "sin": {"sin": 1},
    "cos": {"sin": 1},
    "where": {"max": 1}, "compare": {"max": 1}, "cast": {"copy": 1}, "scale": {"mul": 1}, "scale_shift": {"mac": 1},
    "softcap": {"exp": 1, "mul": 3, "add": 2, "div": 1}, "swiglu": {"exp": 1, "add": 1, "div": 1, "mul": 2},
    "geglu": {"mul": 6, "add": 4, "exp": 1, "div": 1}, "bitwise": {"max": 1}, "floor": {"add": 1},
    "mod": {"div": 1, "add": 1, "mac": 1}, "elu": {"exp": 1, "add": 1, "max": 1},
    "tan": {"sin": 2, "div": 1}, "asin": {"add": 2, "rsqrt": 1, "mul": 2, "mac": 3}, "atan": {"mul": 2, "mac": 4},
    "sinh": {"exp": 1, "div": 1, "add": 1, "mul": 1}, "asinh": {"mac": 1, "rsqrt": 1, "mul": 1, "add": 1, "log": 1},
    "atanh": {"add": 2, "div": 1, "log": 1, "mul": 1},
}  # fmt: skip


def _total(per_element: Mapping[str, int], elements: int) -> tuple[tuple[str, int], ...]:
    return tuple((name, count * elements) for name, count in sorted(per_element.items()))


class _Rows(OperatorKind):
    """A kind over ``rows`` x ``width`` elements with a fixed cost ``per_element`` and ``per_row``."""

    dims = {"rows": None, "width": None}
    per_element: Mapping[str, int] = {}
    per_row: Mapping[str, int] = {}

    @classmethod
    def work(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Work:
        rows, elements = dims["rows"], dims["rows"] * dims["width"]
        total = dict(_total(cls.per_element, elements))
        for name, count in cls.per_row.items():
            total[name] = total.get(name, 0) + count * rows
        return VectorWork(rows, elements, tuple(sorted(total.items())))

    @classmethod
    def elements(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Mapping[str, int]:
        elements = dims["rows"] * dims["width"]
        return {"x": elements, "outputs": elements}


@operator_kinds.register("elementwise")
class Elementwise(OperatorKind):
    """y = f(x, ...) element by element; ``function`` is a key of :data:`ELEMENTWISE`."""

    dims = {"elements": None}
    optional_ports = ("y", "z")
    attributes = ("function",)

    @classmethod
    def work(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Work:
        elements = dims["elements"]
        return VectorWork(elements, elements, _total(ELEMENTWISE[attributes["function"]], elements))

    @classmethod
    def problems(cls, dims: Resolved, attributes: Mapping[str, Any]) -> list[str]:
        if attributes.get("function") in ELEMENTWISE:
            return []
        return [f"function must be one of {', '.join(sorted(ELEMENTWISE))}, found {attributes.get('function')!r}"]

    @classmethod
    def elements(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Mapping[str, int]:
        return {"outputs": dims["elements"]}


@operator_kinds.register("softmax")
class Softmax(_Rows):
    """Per row: max, subtract, exp, sum, one reciprocal, multiply."""

    per_element = {"max": 1, "add": 2, "exp": 1, "mul": 1}
    per_row = {"div": 1}


@operator_kinds.register("attention_softmax")
class AttentionSoftmax(OperatorKind):
    """Softmax over the context of every query row of every head, with scaling; one (query, context) pair a request.

    ``sinks``: learned logits per head that take part in the maximum and the sum of each of its rows.
    """

    dims = {"heads": None, "sinks": 0}
    lists = ("requests",)
    optional_ports = ("sinks",)

    @classmethod
    def work(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Work:
        rows = sum(query for query, _ in dims["requests"]) * dims["heads"]
        elements = sum(query * context for query, context in dims["requests"]) * dims["heads"]
        total = dict(_total({"max": 1, "add": 2, "exp": 1, "mul": 2}, elements))
        for name, count in _total({"max": 1, "add": 2, "exp": 1}, dims["sinks"] * rows):
            total[name] += count
        total["div"] = rows
        return VectorWork(rows, elements, tuple(sorted(total.items())))

    @classmethod
    def elements(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Mapping[str, int]:
        scores = request_sums(dims["requests"])[2] * dims["heads"]
        return {"x": scores, "sinks": dims["heads"] * dims["sinks"], "outputs": scores}


@operator_kinds.register("layer_norm")
class LayerNorm(_Rows):
    """Per element: mean (add), centre (add), square-accumulate (mac), normalise (mul), scale and shift (mac).

    Per row: one rsqrt, and the two divisions by the width as products.
    """

    optional_ports = ("weight",)
    per_element = {"add": 2, "mac": 2, "mul": 1}
    per_row = {"rsqrt": 1, "mul": 2}


@operator_kinds.register("rms_norm")
class RmsNorm(_Rows):
    """Per element: square-accumulate (mac), normalise (mul), scale (mul); per row one rsqrt."""

    optional_ports = ("weight",)
    per_element = {"mac": 1, "mul": 2}
    per_row = {"rsqrt": 1, "mul": 1}


@operator_kinds.register("rotary")
class Rotary(_Rows):
    """Rotary position embedding: each element takes two products and one sum; sines and cosines are tabulated."""

    per_element = {"mul": 1, "mac": 1}


@operator_kinds.register("local_response_norm")
class LocalResponseNorm(_Rows):
    """Across ``window`` channels: square (mul), window sum (add each), scale, power -beta (log, mul, exp), product."""

    dims = {"rows": None, "width": None, "window": 5}

    @classmethod
    def work(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Work:
        elements = dims["rows"] * dims["width"]
        per_element = {"mul": 3, "add": dims["window"], "mac": 1, "log": 1, "exp": 1}
        return VectorWork(dims["rows"], elements, _total(per_element, elements))


@operator_kinds.register("pool")
class Pool(OperatorKind):
    """Pooling: ``window`` inputs per output; ``function`` is max, sum, or average (one multiply per output more)."""

    dims = {"outputs": None, "window": None}
    attributes = ("function",)

    @classmethod
    def work(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Work:
        outputs, operations = dims["outputs"], dims["outputs"] * dims["window"]
        if attributes["function"] == "max":
            return VectorWork(outputs, outputs, (("max", operations),))
        scaled = (("mul", outputs),) if attributes["function"] == "average" else ()
        return VectorWork(outputs, outputs, (("add", operations), *scaled))

    @classmethod
    def problems(cls, dims: Resolved, attributes: Mapping[str, Any]) -> list[str]:
        if attributes.get("function") in ("max", "average", "sum"):
            return []
        return [f"function must be max, average or sum, found {attributes.get('function')!r}"]

    @classmethod
    def elements(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Mapping[str, int]:
        return {"outputs": dims["outputs"]}


#: function of a ``reduce`` operator -> (operations per input element, operations per result). The log-sum-exp is the
#: stable one: maximum, difference, exponential, sum.
REDUCTIONS: dict[str, tuple[dict[str, int], dict[str, int]]] = {
    "sum": ({"add": 1}, {}), "mean": ({"add": 1}, {"mul": 1}), "max": ({"max": 1}, {}), "product": ({"mul": 1}, {}),
    "sum_square": ({"mac": 1}, {}), "l1": ({"add": 1, "max": 1}, {}), "l2": ({"mac": 1}, {"rsqrt": 1, "mul": 1}),
    "log_sum": ({"add": 1}, {"log": 1}), "log_sum_exp": ({"max": 1, "add": 2, "exp": 1}, {"log": 1, "add": 1}),
}  # fmt: skip


@operator_kinds.register("reduce")
class Reduce(_Rows):
    """``rows`` results, each over ``width`` elements; ``function`` is a key of :data:`REDUCTIONS` (default: sum)."""

    attributes = ("function",)

    @classmethod
    def work(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Work:
        rows, elements = dims["rows"], dims["rows"] * dims["width"]
        per_element, per_row = REDUCTIONS[attributes.get("function", "sum")]
        total = dict(_total(per_element, elements))
        for name, count in per_row.items():
            total[name] = total.get(name, 0) + count * rows
        return VectorWork(rows, elements, tuple(sorted(total.items())))

    @classmethod
    def problems(cls, dims: Resolved, attributes: Mapping[str, Any]) -> list[str]:
        if attributes.get("function", "sum") in REDUCTIONS:
            return []
        return [f"function must be one of {', '.join(sorted(REDUCTIONS))}, found {attributes.get('function')!r}"]

    @classmethod
    def elements(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Mapping[str, int]:
        return {"x": dims["rows"] * dims["width"], "outputs": dims["rows"]}


@operator_kinds.register("interpolate")
class Interpolate(OperatorKind):
    """Resampling of an image: every output is a weighted sum of ``taps`` inputs, the weights tabulated."""

    dims = {"outputs": None, "taps": None}

    @classmethod
    def work(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Work:
        outputs = dims["outputs"]
        return VectorWork(outputs, outputs, (("mac", outputs * dims["taps"]),))

    @classmethod
    def elements(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Mapping[str, int]:
        return {"outputs": dims["outputs"]}


@operator_kinds.register("embedding")
class Embedding(_Rows):
    """``rows`` rows of ``width`` elements gathered from a table; only the rows read are moved."""

    ports = ("table",)
    optional_ports = ("index",)
    per_element = {"copy": 1}

    @classmethod
    def elements(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Mapping[str, int]:
        return {"outputs": dims["rows"] * dims["width"]}


@operator_kinds.register("top_k")
class TopK(_Rows):
    """Router selection: one comparison per element and selected place (``k``)."""

    dims = {"rows": None, "width": None, "k": 1}

    @classmethod
    def work(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Work:
        elements = dims["rows"] * dims["width"]
        return VectorWork(dims["rows"], elements, (("max", elements * dims["k"]),))

    @classmethod
    def elements(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Mapping[str, int]:
        return {"x": dims["rows"] * dims["width"]}
