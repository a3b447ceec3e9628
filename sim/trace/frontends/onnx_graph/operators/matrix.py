"""Matrix products: MatMul with broadcasting, Gemm, and einsum of two operands.

All are one contraction: dimensions that both operands and the result have are the batch, those of one operand and the
result are m or n, those that the result lacks are k. So a B that all batch items share gives one item with a larger m.
"""

from __future__ import annotations

from math import prod

from sim.trace.frontends.onnx_graph.document import Node
from sim.trace.frontends.onnx_graph.lowering import Lowering, Unsupported, lowerings
from sim.trace.frontends.onnx_graph.values import Value
from sim.trace.model import Use

Dims = dict[str, int]


@lowerings.register("MatMul")
def matmul(node: Node, lowering: Lowering) -> None:
    """MatMul -> ``gemm``."""
    a, b = lowering.value(node, 0), lowering.value(node, 1)
    emit_product(node, lowering, a, b, matmul_dims(a.shape, b.shape))


def matmul_dims(a: tuple[int, ...], b: tuple[int, ...]) -> Dims:
    """batch, m, n, k of numpy's ``a @ b``."""
    a = (1, *a) if len(a) == 1 else a
    b = (*b, 1) if len(b) == 1 else b
    rank = max(len(a), len(b)) - 2
    batch, m, n = 1, a[-2], b[-1]
    for one, two in zip((1,) * (rank + 2 - len(a)) + a[:-2], (1,) * (rank + 2 - len(b)) + b[:-2], strict=True):
        if one == two:
            batch *= one
        elif two == 1:
            m *= one
        else:
            n *= two
    return {"batch": batch, "m": m, "n": n, "k": a[-1]}


def emit_product(node: Node, lowering: Lowering, a: Value, b: Value, dims: Dims, bias: Value | None = None) -> Value:
    """Emit a ``gemm`` that makes the node's output."""
    return emit_matrix(node, lowering, a, b, dims, lowering.tensor(node.outputs[0], *lowering.result(node)), bias)


def emit_matrix(
    node: Node, lowering: Lowering, a: Value, b: Value, dims: Dims, output: Value, bias: Value | None = None
) -> Value:
    """Emit a ``gemm``; a constant stands at port ``b``, which transposes the product."""
    a, b = lowering.materialised(node, a), lowering.materialised(node, b)
    if a.constant and not b.constant:
        a, b, dims = b, a, {**dims, "m": dims["n"], "n": dims["m"]}
    ports: list[tuple[str, tuple[Use, ...]]] = [("a", a.uses), ("b", b.uses)]
    if bias is not None:
        ports.append(("bias", bias.uses))
    return lowering.emit(node, "gemm", dims, ports, output)


@lowerings.register("Gemm")
def gemm(node: Node, lowering: Lowering) -> None:
    """Gemm -> ``gemm``; a constant C is its bias, any other is added after it. Scales other than 1 are products."""
    a, b, c = lowering.value(node, 0), lowering.value(node, 1), lowering.optional(node, 2)
    m, k = reversed(a.shape) if node.attribute("transA", 0) else a.shape
    n = b.shape[0] if node.attribute("transB", 0) else b.shape[1]
    dims = {"batch": 1, "m": m, "n": n, "k": k}
    bias = c if c is not None and c.constant and c.elements in (1, n) else None
    alpha, beta = float(node.attribute("alpha", 1.0)), float(node.attribute("beta", 1.0))
    rest = c if c is not None and bias is None and beta != 0 else None
    scaled = alpha != 1 and not b.constant and not a.constant
    if rest is None and not scaled:
        emit_product(node, lowering, a, b, dims, bias if beta != 0 else None)
        return
    shape, element_type = lowering.result(node)
    product = lowering.tensor(f"{node.outputs[0]}.product", shape, element_type)
    emit_matrix(node, lowering, a, b, dims, product, bias)
    if scaled and rest is not None:
        next_value = lowering.tensor(f"{node.outputs[0]}.scaled", shape, element_type)
        product = lowering.emit(
            node, "elementwise", {"elements": m * n}, [("x", product.uses)], next_value, part="alpha", function="scale"
        )
    output = lowering.tensor(node.outputs[0], shape, element_type)
    last = [("x", product.uses)] + ([("y", rest.uses)] if rest is not None else [])
    function = ("scale_shift" if beta != 1 else "add") if rest is not None else "scale"
    lowering.emit(node, "elementwise", {"elements": m * n}, last, output, part="add", function=function)


@lowerings.register("Einsum")
def einsum(node: Node, lowering: Lowering) -> None:
    """Einsum of two operands -> ``gemm``; of one -> its sum (``reduce``) or its other order (``copy``)."""
    operands = [lowering.value(node, position) for position in range(len(node.inputs))]
    terms, result = _letters(node.attributes["equation"].replace(" ", ""), [len(value.shape) for value in operands])
    if any(len(set(term)) < len(term) for term in terms) or len(terms) > 2:
        raise Unsupported(f"equation {node.attributes['equation']!r}; products of two operands are")
    if len(terms) == 1:
        _rearranged(node, lowering, lowering.materialised(node, operands[0]), terms[0], result)
        return
    sizes: Dims = {}
    for term, operand in zip(terms, operands, strict=True):
        for letter, extent in zip(term, operand.shape, strict=True):
            sizes[letter] = max(extent, sizes.get(letter, 1))
    one, two, kept = set(terms[0]), set(terms[1]), set(result)
    if (one ^ two) - kept:
        raise Unsupported(f"equation {node.attributes['equation']!r} sums an index of one operand alone")
    groups = {"batch": one & two & kept, "m": (one - two) & kept, "n": (two - one) & kept, "k": (one & two) - kept}
    a, b = operands
    emit_product(node, lowering, a, b, {name: prod(sizes[i] for i in indices) for name, indices in groups.items()})


def _letters(equation: str, ranks: list[int]) -> tuple[list[str], str]:
    """The terms and the result of an equation, with letters in place of ``...`` and the result written out."""
    left, arrow, result = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise Unsupported(f"equation {equation!r} for {len(ranks)} operands")
    unnamed = max((rank - len(term.replace("...", "")) for term, rank in zip(terms, ranks, strict=True)), default=0)
    extra = "".join(chr(0x3B1 + position) for position in range(unnamed))
    if not arrow:
        letters = sorted({letter for letter in left if letter.isalpha() and left.count(letter) == 1})
        result = ("..." if "..." in left else "") + "".join(letters)
    full = [
        term.replace("...", extra[unnamed - (rank - len(term.replace("...", ""))) :])
        for term, rank in zip(terms, ranks, strict=True)
    ]
    return full, result.replace("...", extra)


def _rearranged(node: Node, lowering: Lowering, source: Value, term: str, result: str) -> None:
    rows = prod(extent for letter, extent in zip(term, source.shape, strict=True) if letter in result)
    if rows == source.elements:
        lowering.make(node, "copy", {"elements": rows}, [("x", source.uses)])
    else:
        lowering.make(node, "reduce", {"rows": rows, "width": source.elements // rows}, [("x", source.uses)])
