"""Expert parallelism: every chip holds some experts of each mixture, and tokens travel to theirs and back.

The layers beside the experts are data parallel: a chip has its part of the requests. Before the experts an all-to-all sends
each token to the chips of its experts, behind them another brings the results back (Lepikhin et al., GShard,
arXiv:2006.16668, section 3). Experts are dealt in order, equally many to a chip. One chip's trace stands for all, so every
chip must get equally many tokens; what does not divide, or a distribution that loads chips differently, is refused.

Written from two lowerings of the same model: one chip's requests, and all of them, which says how many tokens each expert
gets. Not together with tensor parallelism yet.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from sim.core.errors import Place, Problems
from sim.trace.check import check_trace
from sim.trace.model import Item, Operator, Tensor, Trace, Use
from sim.trace.parallel.rewriting import rewritten
from sim.trace.parallel.sharding import divisors

EXPERTS = "grouped_gemm"


def expert_parallel(own: Trace, every: Trace, ranks: int, place: Place | None = None) -> Trace:
    """One chip's part: ``own`` is lowered with its requests, ``every`` with those of all ``ranks`` chips.

    Raises InputError, at ``place`` where operators have none.
    """
    rows = {one.name: one.dims["rows"] for one, _ in every.operators() if one.kind == EXPERTS}
    problems = Problems()
    if not rows:
        problems.add(f"--ep {ranks}: the model has no experts", place)
    for operator, _ in own.operators():
        if operator.kind == EXPERTS:
            _check(operator, rows[operator.name], ranks, place, problems)
    problems.raise_if_any()
    writer = _Writer(own, rows, ranks)
    made = replace(own, name=f"{own.name}_ep{ranks}", items=writer.items(own.items), parallel=(("ep", ranks),))
    check_trace(made)
    return made


def _check(operator: Operator, rows: Any, ranks: int, place: Place | None, problems: Problems) -> None:
    where, experts = operator.place or place, len(rows)
    if experts % ranks:
        allowed = ", ".join(map(str, divisors(experts)))
        problems.add(f"--ep {ranks}: the {experts} experts of {operator.name!r} do not divide", where, allowed=allowed)
        return
    loads = [sum(rows[first : first + experts // ranks]) for first in range(0, experts, experts // ranks)]
    if len(set(loads)) > 1:
        message = (
            f"--ep {ranks}: {operator.name!r} gives chips different numbers of tokens, which one chip cannot stand for"
        )
        problems.add(
            message, where, found=f"{min(loads)} to {max(loads)}", allowed="more requests, or an even distribution"
        )


class _Writer:
    """Rewrites the items of one chip."""

    def __init__(self, own: Trace, rows: dict[str, Any], ranks: int) -> None:
        self._rows, self._ranks = rows, ranks
        self._tensors = {tensor.name: tensor for tensor, _ in own.tensors()}
        operators = [one for one, _ in own.operators()]
        self._weights = {
            use.tensor for one in operators if one.kind == EXPERTS
            for port, uses in one.inputs if port in ("b", "bias") for use in uses
        }  # fmt: skip
        produced = {use.tensor: one.kind for one in operators for use in one.outputs}
        inputs = {use.tensor for one in operators if one.kind == EXPERTS for port, uses in one.inputs if port == "a"
                  for use in uses}  # fmt: skip
        self._sent = {name for name in inputs if produced.get(name) == "copy"}
        self._back = self._results(operators)

    @staticmethod
    def _results(operators: list[Operator]) -> set[str]:
        """Results of experts that are reduced over a token's experts, behind what is done to them element by element."""
        inside = {use.tensor for one in operators if one.kind == EXPERTS for use in one.outputs}
        found = set()
        for one in operators:
            read = {use.tensor for _, uses in one.inputs for use in uses}
            if one.kind == "elementwise" and read & inside:
                inside |= {use.tensor for use in one.outputs}
            elif one.kind == "reduce":
                found |= read & inside
        return found

    def items(self, items: tuple[Item, ...]) -> tuple[Item, ...]:
        """All items, with an all-to-all behind what is sent to experts and what comes back from them."""
        return rewritten(items, self._tensor, self._operator)

    def _tensor(self, tensor: Tensor) -> list[Item]:
        if tensor.name in self._weights:
            experts: Any = tensor.shape[0]
            return [replace(tensor, shape=(experts // self._ranks, *tensor.shape[1:]))]
        if tensor.name in self._sent | self._back:
            return [tensor, replace(tensor, name=f"{tensor.name}.part")]
        return [tensor]

    def _operator(self, operator: Operator) -> list[Item]:
        made = operator
        if operator.kind == EXPERTS:
            made = self._experts(operator)
        travelling = [use for use in made.outputs if use.tensor in self._sent | self._back]
        if not travelling:
            return [made]
        outputs = tuple(Use(f"{use.tensor}.part", use.elements) if use in travelling else use for use in made.outputs)
        return [replace(made, outputs=outputs), *(self._all_to_all(made, use.tensor) for use in travelling)]

    def _experts(self, operator: Operator) -> Operator:
        every = self._rows[operator.name]
        rows = tuple(every[: len(every) // self._ranks])
        busy = Fraction(sum(1 for count in rows if count), len(rows))
        inputs = tuple(
            (port, tuple(self._use(use, busy) for use in uses) if port in ("b", "bias") else uses)
            for port, uses in operator.inputs
        )
        return replace(operator, dims={**operator.dims, "rows": rows}, inputs=inputs)

    def _use(self, use: Use, busy: Fraction) -> Use:
        """The part of a chip's weights whose experts have tokens."""
        shape: Any = self._tensors[use.tensor].shape
        elements = Fraction(1)
        for extent in (shape[0] // self._ranks, *shape[1:]):
            elements *= extent
        return Use(use.tensor) if busy == 1 else Use(use.tensor, int(elements * busy))

    def _all_to_all(self, operator: Operator, name: str) -> Operator:
        elements: Any = 1
        for extent in self._tensors[name].shape:
            elements *= extent
        return Operator(
            name=f"{operator.name}_all_to_all", kind="collective",
            dims={"elements": elements, "ranks": self._ranks},
            inputs=(("x", (Use(f"{name}.part"),)),), outputs=(Use(name),),
            attributes={"function": "all_to_all", "group": "ep"}, place=operator.place,
        )  # fmt: skip
