"""What one rank of tensor parallelism does of each kind of operator (Shoeybi et al., Megatron-LM, arXiv:1909.08053).

A product with a weight whose operand is whole is divided by columns, one whose operand is divided by rows, which leaves
partial sums; heads go with the columns of the query projection, KV heads too, each held by several ranks where there are
fewer of them than ranks; a table looked up by token is divided by vocabulary. What is linear passes partial sums on, so
that they are reduced once, as late as possible. A kind without a rule works on whole tensors, on every rank alike.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from sim.trace.affine import Extent, extent_at
from sim.trace.model import Operator, Use
from sim.trace.parallel.sharding import WHOLE, Analysis, Rule, Share, State, divisors, uses_of

RULES: dict[str, Rule] = {}
SCALING = ("mul", "scale", "div")
"""Element-wise functions that pass partial sums on when only the first operand is one."""


def rule(*kinds: str) -> Callable[[Rule], Rule]:
    """Register the rule of some kinds."""

    def add(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(kinds, function))
        return function

    return add


def whole(analysis: Analysis, operator: Operator) -> Share:
    """Every rank does all of it, on whole tensors."""
    for _, uses in operator.inputs:
        for use in uses:
            analysis.need_whole(use.tensor)
    return Share(operator.dims, (WHOLE,) * len(operator.outputs))


def divided(extent: Extent, ways: int) -> Extent:
    """An extent over ``ways``, which divides it."""
    from sim.trace.affine import Affine

    if isinstance(extent, int):
        return extent // ways
    return Affine(extent.base // ways, tuple((name, slope // ways) for name, slope in extent.slopes))


def _parts(operator: Operator, ports: tuple[str, ...], part: Fraction) -> dict[tuple[str, int], Fraction]:
    return {(port, place): part for port in ports for place, _ in enumerate(uses_of(operator, port))}


def _zero(analysis: Analysis, name: str) -> int:
    """Elements of a tensor where all loop indices are 0."""
    count = 1
    for extent in analysis.tensors[name].shape:
        count *= extent_at(extent, _Zeros())
    return count


class _Zeros(dict[str, int]):
    def __missing__(self, key: str) -> int:
        return 0


@rule("gemm", "grouped_gemm")
def product(analysis: Analysis, operator: Operator) -> Share:
    """Columns, rows, or the batch, as said above."""
    weight = uses_of(operator, "b")[0].tensor
    a, b = (analysis.of_port(operator, port) for port in ("a", "b"))
    batch = operator.dims.get("batch", 1)
    if analysis.tensors[weight].role != "weight" or batch != 1:
        return _batched(analysis, operator, a, b, weight)
    if a.partial or a.ways not in (1, analysis.ranks):
        return whole(analysis, operator)
    return _columns(analysis, operator, weight) if a.ways == 1 else _rows(analysis, operator, weight)


def _batched(analysis: Analysis, operator: Operator, a: State, b: State, weight: str) -> Share:
    """Independent products, each rank some of them."""
    batch: Any = operator.dims.get("batch", 1)
    is_weight = analysis.tensors[weight].role == "weight"
    if a.ways == 1 or a.partial or batch % a.ways or not (is_weight or b.ways == a.ways):
        return whole(analysis, operator)
    if is_weight:
        analysis.split(weight, batch, batch // a.ways)
    parts = _parts(operator, ("a", "b", "bias"), Fraction(1, a.ways))
    return Share({**operator.dims, "batch": batch // a.ways}, (State(a.ways, False, a.origins),) * len(operator.outputs),
                 parts)  # fmt: skip


def _columns(analysis: Analysis, operator: Operator, weight: str) -> Share:
    """Each rank some columns of every result."""
    n: Any = operator.dims["n"]
    names = [use.tensor for use in operator.outputs]
    ways = [analysis.decisions.ways.get(name, analysis.ranks) for name in names]
    if n in analysis.table_rows and n % analysis.ranks:
        analysis.kept_whole[f"the vocabulary of {n}"] = None
        ways = [1] * len(names)
    widths: list[Any] = [analysis.tensors[name].shape[-1] for name in names]
    if max(ways) == 1 or n < analysis.ranks:
        return whole(analysis, operator)
    for width, way in zip(widths, ways, strict=True):
        if width % way:
            analysis.refuse(f"{operator.name!r}", operator.place, f"{width} columns do not divide", divisors(width))
    local = sum(width // way for width, way in zip(widths, ways, strict=True))
    analysis.split(weight, n, local)
    for use in uses_of(operator, "bias"):
        analysis.split(use.tensor, n, local)
    states = tuple(
        State(way, False, frozenset([name]), width) if way > 1 else WHOLE
        for name, way, width in zip(names, ways, widths, strict=True)
    )
    return Share({**operator.dims, "n": local}, states, _parts(operator, ("b", "bias"), Fraction(local, n)))


def _rows(analysis: Analysis, operator: Operator, weight: str) -> Share:
    """Each rank some rows of the weight: a summand of every result. One rank adds the bias; all are timed alike."""
    k: Any = operator.dims["k"]
    ways = analysis.ranks
    analysis.split(weight, k, k // ways)
    parts = _parts(operator, ("a", "b"), Fraction(1, ways))
    return Share({**operator.dims, "k": k // ways}, (State(1, True),) * len(operator.outputs), parts)


@rule("attention_score", "attention_value")
def attention(analysis: Analysis, operator: Operator) -> Share:
    """Each rank some query heads, and the KV heads that they share."""
    queries = analysis.of_port(operator, "a")
    if queries.ways == 1 or queries.partial:
        return whole(analysis, operator)
    heads: Any
    heads, kv_heads = (operator.dims[name] for name in ("heads", "kv_heads"))
    ranks = analysis.ranks
    kv_ways = min(ranks, int(kv_heads))  # type: ignore[arg-type]
    if heads % ranks:
        analysis.refuse(f"{operator.name!r}", operator.place, f"{heads} heads do not divide", divisors(heads))
        return whole(analysis, operator)
    if kv_heads % kv_ways or ranks % kv_ways:  # type: ignore[operator]
        allowed = tuple(one for one in divisors(heads) if kv_heads % one == 0 or one % kv_heads == 0)  # type: ignore[operator]
        analysis.refuse(f"{operator.name!r}", operator.place, f"{kv_heads} KV heads neither divide nor repeat", allowed)
        return whole(analysis, operator)
    parts = _parts(operator, ("a",), Fraction(1, ranks))
    for place, use in enumerate(uses_of(operator, "b")):
        if analysis.unwritten(use.tensor):
            analysis.states[use.tensor] = State(kv_ways)
        found = analysis.state(use.tensor)
        if found.partial:
            analysis.need_whole(use.tensor)
        elif found.ways != kv_ways and found.ways > 1:
            analysis.want(found, kv_ways)
        parts["b", place] = Fraction(1, kv_ways)
    dims = {**operator.dims, "heads": heads // ranks, "kv_heads": kv_heads // kv_ways}  # type: ignore[operator]
    columns = heads * operator.dims["head_dim"] if operator.kind == "attention_value" else 0
    return Share(dims, (State(ranks, False, queries.origins, columns),), parts)


@rule("attention_softmax")
def attention_softmax(analysis: Analysis, operator: Operator) -> Share:
    """Each rank its heads."""
    scores = analysis.of_port(operator, "x")
    if scores.ways == 1 or scores.partial:
        return whole(analysis, operator)
    heads: Any = operator.dims["heads"]
    for use in uses_of(operator, "sinks"):
        analysis.split(use.tensor, heads, heads // scores.ways)
    parts = _parts(operator, ("x", "sinks"), Fraction(1, scores.ways))
    return Share({**operator.dims, "heads": heads // scores.ways}, (scores,), parts)


def _per_token(analysis: Analysis, operator: Operator, x: State) -> int:
    """Rows of a row-wise operator per token (heads, for what is done to every head); 1 where that cannot be told."""
    elements = sum(_use_elements(analysis, use) for use in uses_of(operator, "x"))
    rows = extent_at(operator.dims["rows"], _Zeros())  # type: ignore[arg-type]
    whole = sum(_zero(analysis, use.tensor) for use in uses_of(operator, "x"))
    tokens = whole // max(1, x.columns)
    return rows // tokens if x.columns and tokens and rows % tokens == 0 and elements <= whole else 1


def _use_elements(analysis: Analysis, use: Use) -> int:
    return _zero(analysis, use.tensor) if use.elements is None else extent_at(use.elements, _Zeros())


@rule("rotary", "rms_norm", "layer_norm", "softmax", "top_k")
def row_wise(analysis: Analysis, operator: Operator) -> Share:
    """Each rank the rows that it has; where a row is over the divided dimension, whole."""
    x = analysis.of_port(operator, "x")
    heads = _per_token(analysis, operator, x)
    if x.ways == 1 or x.partial or heads == 1:
        return whole(analysis, operator)
    if heads % x.ways:
        if x.ways % heads:
            analysis.refuse(f"{operator.name!r}", operator.place, f"{heads} heads do not divide", divisors(heads))
        else:
            analysis.want(x, heads)
        return whole(analysis, operator)
    rows: Any = operator.dims["rows"]
    return Share({**operator.dims, "rows": divided(rows, x.ways)}, (x,) * len(operator.outputs),
                 _parts(operator, ("x",), Fraction(1, x.ways)))  # fmt: skip


@rule("reduce")
def reduction(analysis: Analysis, operator: Operator) -> Share:
    """As the row-wise ones, or across rows, column by column; a sum of partial sums is one."""
    x = analysis.of_port(operator, "x")
    if x.partial and operator.attributes.get("function", "sum") in ("sum", "mean"):
        return Share(operator.dims, (x,))
    if x.ways > 1 and _per_token(analysis, operator, x) % x.ways:
        rows: Any = operator.dims["rows"]
        if x.columns and isinstance(rows, int) and rows % x.columns == 0 and x.columns % x.ways == 0:
            parts = _parts(operator, ("x",), Fraction(1, x.ways))
            return Share({**operator.dims, "rows": rows // x.ways}, (x,), parts)
    return row_wise(analysis, operator)


@rule("copy")
def copy(analysis: Analysis, operator: Operator) -> Share:
    """Each rank what it has."""
    x = analysis.of_port(operator, "x")
    if x.ways == 1 or x.partial:
        return whole(analysis, operator)
    elements: Any = operator.dims["elements"]
    return Share({**operator.dims, "elements": divided(elements, x.ways)}, (x,) * len(operator.outputs),
                 _parts(operator, ("x",), Fraction(1, x.ways)))  # fmt: skip


@rule("elementwise")
def elementwise(analysis: Analysis, operator: Operator) -> Share:
    """Each rank what it has; of whole operands beside divided ones, the part that goes with them."""
    uses = [(port, place, use) for port, found in operator.inputs for place, use in enumerate(found)]
    states = [analysis.state(use.tensor) for _, _, use in uses]
    function = operator.attributes["function"]
    partial = [state.partial for state in states]
    if any(partial):
        passes = (
            all(partial) if function in ("add", "sub") else function in SCALING and partial[0] and sum(partial) == 1
        )
        if passes and all(state.ways == 1 for state in states):
            return Share(operator.dims, (State(1, True),))
        for (_, _, use), is_partial in zip(uses, partial, strict=True):
            if is_partial:
                analysis.need_whole(use.tensor)
    ways = {state.ways for state in states} - {1}
    if len(ways) != 1 or any(partial):
        return whole(analysis, operator) if len(ways) != 0 else Share(operator.dims, (WHOLE,))
    way = ways.pop()
    origins = frozenset[str]().union(*(state.origins for state in states))
    columns = next(state.columns for state in states if state.ways == way)
    elements: Any = operator.dims["elements"]
    rows = _rows_of(analysis, operator, way)
    parts = {}
    for (port, place, use), state in zip(uses, states, strict=True):
        size = _zero(analysis, use.tensor)
        if state.ways == 1 and size in (1, rows):
            continue  # one value, or one per token, for all columns
        parts[port, place] = Fraction(1, way)
        if state.ways == 1 and analysis.tensors[use.tensor].role == "weight":
            analysis.split(use.tensor, size, size // way)
    return Share({**operator.dims, "elements": divided(elements, way)}, (State(way, False, origins, columns),), parts)


def _rows_of(analysis: Analysis, operator: Operator, way: int) -> int:
    """Rows (tokens) of the operand that is divided by columns; 0 when there is none."""
    for _, found in operator.inputs:
        for use in found:
            state = analysis.state(use.tensor)
            if state.ways == way and state.columns:
                return _zero(analysis, use.tensor) // state.columns
    return 0


@rule("embedding")
def embedding(analysis: Analysis, operator: Operator) -> Share:
    """Each rank the tokens in its part of the vocabulary, evenly spread, and zeros for the others: partial sums."""
    table = uses_of(operator, "table")[0].tensor
    rows: Any = analysis.tensors[table].shape[0]
    if not analysis.is_vocabulary(operator):
        return whole(analysis, operator)
    if rows % analysis.ranks:
        analysis.kept_whole[f"the vocabulary of {rows}"] = None
        return whole(analysis, operator)
    analysis.split(table, rows, rows // analysis.ranks)
    width: Any = operator.dims["width"]
    moved = _use_elements(analysis, uses_of(operator, "table")[0])
    own = -(-(moved // width) // analysis.ranks) * width
    return Share(operator.dims, (State(1, True),), {("table", 0): Fraction(own, moved)})
