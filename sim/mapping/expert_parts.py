"""A product of a mixture's experts as parts: some of the experts, with their tokens, as a region of its own.

Tokens lie in expert order, so everything that the region reads and writes belongs to its experts in proportion: weights and
biases by experts, activations by tokens. What is fused behind the product goes with the tokens.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from sim.mapping.regions import Region
from sim.trace.dtypes import data_type
from sim.trace.expand import OperatorInstance, Slice
from sim.trace.kinds import operator_kinds

EXPERTS = "grouped_gemm"
OF_EXPERTS = ("b", "bias")
"""Ports whose operands are as many as experts, not as tokens."""


class _Indivisible(Exception):
    """An operand is not in proportion to experts or tokens."""


def tokens_of(region: Region) -> dict[int, int]:
    """Expert -> its tokens, of the experts that have any; empty where the region is no product of experts."""
    if region.parts or region.head.operator.kind != EXPERTS:
        return {}
    return {expert: rows for expert, rows in enumerate(region.head.dims["rows"]) if rows}


def expert_part(region: Region, experts: Collection[int]) -> Region | None:
    """``region`` for these experts alone; None where its operands do not divide."""
    tokens = tokens_of(region)
    chosen = {expert: tokens[expert] for expert in experts}
    by_token = sum(chosen.values()), sum(tokens.values())
    try:
        operators = tuple(_operator(one, chosen, by_token, len(tokens)) for one in region.operators)
    except _Indivisible:
        return None
    return replace(region, operators=operators, frees=())


def _operator(one: OperatorInstance, chosen: dict[int, int], by_token: tuple[int, int], of: int) -> OperatorInstance:
    dims = dict(one.dims)
    if one.operator.kind == EXPERTS:
        dims["rows"] = tuple(chosen.get(expert, 0) for expert in range(len(dims["rows"])))
    elif one.operator.kind == "elementwise":
        dims["elements"] = _share(dims["elements"], by_token)
    else:
        raise _Indivisible
    kind = operator_kinds.get(one.operator.kind)
    by_expert = len(chosen), of
    inputs = tuple(
        (port, tuple(_slice(part, by_expert if port in OF_EXPERTS else by_token) for part in slices))
        for port, slices in one.inputs
    )
    outputs = tuple(_slice(part, by_token) for part in one.outputs)
    return replace(
        one, dims=dims, work=kind.work(dims, one.operator.attributes), inputs=inputs, outputs=outputs, dying=()
    )


def _slice(whole: Slice, share: tuple[int, int]) -> Slice:
    elements = _share(whole.elements, share)
    return Slice(whole.tensor, elements, data_type(whole.tensor.dtype).size_bytes(elements))


def _share(amount: int, share: tuple[int, int]) -> int:
    part, rest = divmod(amount * share[0], share[1])
    if rest:
        raise _Indivisible
    return part
