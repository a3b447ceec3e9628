"""Tensor parallelism: the trace of one of ``ranks`` equal ranks that share every layer, with the collectives between them.

From any trace, whatever frontend made it: which dimension is divided follows from the operators
(:mod:`sim.trace.parallel.sharding`, :mod:`sim.trace.parallel.rules`). All ranks do the same work on parts of the same size,
so one rank's trace stands for all. What cannot be divided at all (heads) is refused; a vocabulary that does not divide, and
operators without a rule, are kept whole on every rank, and a note says so.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import gcd

from sim.core.errors import Place, Problems
from sim.trace.affine import Affine, Extent, scaled
from sim.trace.model import Item, Operator, Tensor, Trace, Use
from sim.trace.parallel.rewriting import rewritten
from sim.trace.parallel.rules import RULES, whole
from sim.trace.parallel.sharding import Analysis, Decisions, divisors

REDUCE, GATHER = "all_reduce", "all_gather"


def tensor_parallel(trace: Trace, ranks: int, place: Place | None = None) -> Trace:
    """One rank's part of ``trace``; raises InputError (at ``place`` where operators have none) for what does not divide."""
    from sim.trace.check import check_trace

    if ranks == 1:
        return trace
    _check_heads(trace, ranks, place)
    analysis = _analyse(trace, ranks, place)
    analysis.problems.raise_if_any()
    made = replace(
        trace,
        name=f"{trace.name}_tp{ranks}",
        items=_Rewriting(analysis).items(trace.items),
        notes=(*trace.notes, *_notes(analysis, trace)),
        parallel=(*trace.parallel, ("tp", ranks)),
    )
    check_trace(made)
    return made


def _check_heads(trace: Trace, ranks: int, place: Place | None) -> None:
    """Heads first: a division that no head count allows would be refused at every product otherwise."""
    problems = Problems()
    heads: dict[int, Operator] = {}
    for operator, _ in trace.operators():
        if operator.kind == "attention_score" and isinstance(operator.dims["heads"], int):
            heads.setdefault(operator.dims["heads"], operator)
    allowed = ", ".join(map(str, divisors(gcd(*heads)))) if heads else None
    for count, operator in sorted(heads.items()):
        if count % ranks:
            message = f"--tp {ranks}: the {count} heads of {operator.name!r} do not divide"
            problems.add(message, operator.place or place, found=ranks, allowed=allowed)
    problems.raise_if_any()


def _analyse(trace: Trace, ranks: int, place: Place | None) -> Analysis:
    """Walks until nothing is asked for: every walk adds a decision, at most one per product and tensor."""
    decisions = Decisions()
    while True:
        analysis = Analysis(trace, ranks, decisions, RULES, whole, place)
        if analysis.request is None:
            return analysis
        decisions.add(analysis.request)


def _notes(analysis: Analysis, trace: Trace) -> list[str]:
    """What every rank does as a whole although it is large."""
    found = [
        f"{what} does not divide by {analysis.ranks} and is kept whole on every rank" for what in analysis.kept_whole
    ]
    products = {
        operator.name for operator, _ in trace.operators()
        if operator.kind in ("gemm", "grouped_gemm", "conv") and analysis.shares[operator.name].dims is operator.dims
    }  # fmt: skip
    if products:
        shown = sorted(products)[:3]
        more = f" and {len(products) - len(shown)} more" if len(products) > len(shown) else ""
        found.append(f"every one of {analysis.ranks} ranks does all of {', '.join(shown)}{more}")
    return found


class _Rewriting:
    """Writes the items of one rank."""

    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis
        decisions = analysis.decisions
        self._made_whole = dict.fromkeys(decisions.reduce, REDUCE) | dict.fromkeys(decisions.gather, GATHER)

    def items(self, items: tuple[Item, ...]) -> tuple[Item, ...]:
        """All items, in order, with a collective behind each operator whose result is made whole."""
        return rewritten(items, self._tensor, self._operator)

    def _tensor(self, tensor: Tensor) -> list[Item]:
        """The declaration, and that of the rank's contribution where a collective follows."""
        how = self._made_whole.get(tensor.name)
        if how is None:
            return [self._local(tensor, self._analysis.state(tensor.name).ways)]
        part = replace(tensor, name=part_name(tensor.name))
        return [tensor, part if how == REDUCE else self._local(part, self._analysis.ranks)]

    def _local(self, tensor: Tensor, ways: int) -> Tensor:
        """The tensor as one rank declares it."""
        split = self._analysis.splits.get(tensor.name)
        if split is not None:
            old, new = split
            for place, extent in enumerate(tensor.shape):
                if extent == old:
                    return replace(tensor, shape=_with(tensor.shape, place, new))
            return self._by_share(tensor, Fraction(new, old))
        if ways == 1:
            return tensor
        order = [len(tensor.shape) - 2, len(tensor.shape) - 1] if tensor.role == "kv_cache" else [len(tensor.shape) - 1]
        for place in [*order, *range(len(tensor.shape))]:
            if place >= 0 and (less := _divided(tensor.shape[place], ways)) is not None:
                return replace(tensor, shape=_with(tensor.shape, place, less))
        raise AssertionError(f"{tensor.name}: no extent of {tensor.shape} divides by {ways}")

    def _by_share(self, tensor: Tensor, part: Fraction) -> Tensor:
        """A weight whose divided dimension is folded into another one, as heads are into columns."""
        for place, extent in enumerate(tensor.shape):
            if isinstance(extent, int) and (extent * part).denominator == 1:
                return replace(tensor, shape=_with(tensor.shape, place, int(extent * part)))
        raise AssertionError(f"{tensor.name}: no extent of {tensor.shape} has a whole part {part}")

    def _operator(self, operator: Operator) -> list[Item]:
        share = self._analysis.shares[operator.name]
        inputs = tuple(
            (port, tuple(self._use(use, share.parts.get((port, place), Fraction(1))) for place, use in enumerate(uses)))
            for port, uses in operator.inputs
        )
        outputs, after = [], []
        for use, state in zip(operator.outputs, share.outputs, strict=True):
            how = self._made_whole.get(use.tensor)
            if how is not None:
                after.append(self._collective(operator, use.tensor, how))
                outputs.append(Use(part_name(use.tensor), use.elements))
            else:
                outputs.append(self._use(use, Fraction(1, state.ways)))
        return [replace(operator, dims=share.dims, inputs=inputs, outputs=tuple(outputs)), *after]

    def _use(self, use: Use, part: Fraction) -> Use:
        """The part of a use that the rank touches: a part of the elements named, or of a tensor that is whole here."""
        if part == 1:
            return use
        name = use.tensor
        if use.elements is not None:
            return Use(name, _portion(use.elements, part))
        if self._analysis.state(name).ways > 1 or name in self._analysis.splits:
            return use
        return Use(name, _portion(_elements(self._analysis.tensors[name]), part))

    def _collective(self, operator: Operator, name: str, how: str) -> Operator:
        elements = _elements(self._analysis.tensors[name])
        several = len(operator.outputs) > 1
        suffix = f"_{[use.tensor for use in operator.outputs].index(name)}" if several else ""
        return Operator(
            name=f"{operator.name}_{how}{suffix}", kind="collective",
            dims={"elements": elements, "ranks": self._analysis.ranks},
            inputs=(("x", (Use(part_name(name)),)),), outputs=(Use(name),),
            attributes={"function": how, "group": "tp"}, place=operator.place,
        )  # fmt: skip


def part_name(name: str) -> str:
    """Name of what one rank contributes to the tensor ``name``."""
    return f"{name}.part"


def _with(shape: tuple[Extent, ...], place: int, extent: Extent) -> tuple[Extent, ...]:
    return (*shape[:place], extent, *shape[place + 1 :])


def _divided(extent: Extent, ways: int) -> Extent | None:
    """``extent / ways`` where it is whole in every iteration."""
    if isinstance(extent, int):
        return None if extent % ways else extent // ways
    if extent.base % ways or any(slope % ways for _, slope in extent.slopes):
        return None
    return Affine(extent.base // ways, tuple((name, slope // ways) for name, slope in extent.slopes))


def _portion(extent: Extent, part: Fraction) -> Extent:
    """``extent * part``, rounded up."""
    if isinstance(extent, int):
        return -(-extent * part.numerator // part.denominator)
    larger = scaled(extent, part.numerator)
    exact = _divided(larger, part.denominator)
    assert exact is not None, f"{extent} does not divide by {part.denominator}"
    return exact


def _elements(tensor: Tensor) -> Extent:
    """Number of elements, an extent; at most one dimension grows with a loop."""
    count, growing = 1, None
    for extent in tensor.shape:
        if isinstance(extent, int):
            count *= extent
        else:
            assert growing is None, f"{tensor.name}: two growing extents"
            growing = extent
    return count if growing is None else scaled(growing, count)
