"""Kinds that the backward pass of attention adds to the forward ones (S = Q K^T, P = softmax(S), O = P V).

dV = P^T dO; dP = dO V^T (an ``attention_score``); dS = P * (dP - D), D = rowsum(P * dP) = rowsum(dO * O); dQ = dS K (an
``attention_value``); dK = dS^T Q. An implementation that keeps no P makes it again from S and the log of each row's sum of
exponentials (Dao et al., FlashAttention, 2022, Algorithm 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.trace.kinds import OperatorKind, Resolved, operator_kinds
from sim.trace.kinds.matrix import Attention, request_sums
from sim.trace.work import MatrixSegment, MatrixWork, VectorWork, Work


@operator_kinds.register("attention_grad_keys")
class AttentionGradKeys(Attention):
    """Gradient of keys or values: X^T Y per KV head and request, X of the scores' shape; m = context, n = head_dim."""

    @classmethod
    def work(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Work:
        return MatrixWork(tuple(MatrixSegment(b, c, dims["head_dim"], m) for b, m, c in cls.shapes(dims)))

    @classmethod
    def elements(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Mapping[str, int]:
        queries, keys, scores = cls.counts(dims)
        return {"a": scores, "b": queries, "outputs": keys}


class _Scores(OperatorKind):
    """Work over all scores; one (query, context) pair of lengths a request."""

    lists = ("requests",)

    @classmethod
    def size(cls, dims: Resolved) -> tuple[int, int]:
        """(rows, elements)."""
        queries, _, scores = request_sums(dims["requests"])
        return queries * dims["heads"], scores * dims["heads"]


@operator_kinds.register("attention_probabilities")
class AttentionProbabilities(_Scores):
    """P = exp(scale * S - L) with L (port ``lse``) known per row: mul, add, exp per element."""

    dims = {"heads": None}
    optional_ports = ("lse",)

    @classmethod
    def work(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Work:
        rows, elements = cls.size(dims)
        return VectorWork(rows, elements, (("add", elements), ("exp", elements), ("mul", elements)))

    @classmethod
    def elements(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Mapping[str, int]:
        rows, elements = cls.size(dims)
        return {"x": elements, "lse": rows, "outputs": elements}


@operator_kinds.register("attention_grad_softmax")
class AttentionGradSoftmax(_Scores):
    """dS = scale * P * (dP - D) of P (port ``x``) and dP (``y``): add and two mul per element, and D.

    D takes a mac per element, or with ``head_dim`` and the output and its gradient (ports ``o``, ``do``) a mac per
    element of those.
    """

    dims = {"heads": None, "head_dim": 0}
    ports = ("x", "y")
    optional_ports = ("o", "do")

    @classmethod
    def work(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Work:
        rows, elements = cls.size(dims)
        sums = rows * dims["head_dim"] or elements
        return VectorWork(rows, elements, (("add", elements), ("mac", sums), ("mul", 2 * elements)))

    @classmethod
    def elements(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Mapping[str, int]:
        rows, elements = cls.size(dims)
        wide = rows * dims["head_dim"]
        return {"x": elements, "y": elements, "o": wide, "do": wide, "outputs": elements}
