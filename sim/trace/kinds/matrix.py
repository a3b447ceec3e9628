"""Kinds of matrix work: products, convolutions, products of groups, both products of attention; and copies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.trace.kinds import OperatorKind, Resolved, operator_kinds
from sim.trace.work import ConvShape, CopyWork, MatrixSegment, MatrixWork, Work


def parse_sparsity(attributes: Mapping[str, Any]) -> tuple[int, int] | None:
    """``sparsity: "2:4"`` -> (2, 4). Raises ValueError when it is not N:M with 0 < N <= M."""
    text = attributes.get("sparsity")
    if text is None:
        return None
    kept, _, block = str(text).partition(":")
    if not (kept.isdigit() and block.isdigit() and 0 < int(kept) <= int(block)):
        raise ValueError(f"sparsity must be N:M with 0 < N <= M, found {text!r}")
    return int(kept), int(block)


def _sparsity_problems(attributes: Mapping[str, Any]) -> list[str]:
    try:
        parse_sparsity(attributes)
    except ValueError as error:
        return [str(error)]
    return []


@operator_kinds.register("gemm")
class Gemm(OperatorKind):
    """C[batch,m,n] = A[batch,m,k] x B[batch,k,n] (+ bias)."""

    dims = {"batch": 1, "m": None, "n": None, "k": None}
    ports = ("a", "b")
    optional_ports = ("bias",)
    attributes = ("sparsity",)

    @classmethod
    def work(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Work:
        segment = MatrixSegment(dims["batch"], dims["m"], dims["n"], dims["k"])
        return MatrixWork((segment,), parse_sparsity(attributes))

    @classmethod
    def problems(cls, dims: Resolved, attributes: Mapping[str, Any]) -> list[str]:
        return _sparsity_problems(attributes)

    @classmethod
    def elements(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Mapping[str, int]:
        batch, m, n, k = dims["batch"], dims["m"], dims["n"], dims["k"]
        return {"a": batch * m * k, "b": batch * k * n, "outputs": batch * m * n}


@operator_kinds.register("conv")
class Conv(OperatorKind):
    """2-D convolution (1-D with height 1) lowered to GEMM by im2col, one GEMM per group.

    ``out_h`` and ``out_w`` are given, not derived, because tools round them differently (SCALE-Sim rounds up). A 3-D one
    has the ``_d`` dimensions too: every output slice is a 2-D convolution over the channels of ``kernel_d`` input slices,
    which are read again for the next one (no reuse along the depth is modelled).
    """

    dims = {
        "images": 1, "groups": 1, "in_channels": None, "out_channels": None, "in_h": None, "in_w": None,
        "out_h": None, "out_w": None, "kernel_h": None, "kernel_w": None, "stride_h": 1, "stride_w": 1,
        "dilation_h": 1, "dilation_w": 1, "pad_top": 0, "pad_left": 0,
        "in_d": 1, "out_d": 1, "kernel_d": 1, "stride_d": 1, "dilation_d": 1, "pad_front": 0,
    }  # fmt: skip
    ports = ("a", "b")
    optional_ports = ("bias",)
    attributes = ("sparsity",)

    @classmethod
    def work(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Work:
        d = dims
        channels, images = d["in_channels"] // d["groups"] * d["kernel_d"], d["images"] * d["out_d"]
        shape = ConvShape(
            images, d["in_h"], d["in_w"], channels, d["kernel_h"], d["kernel_w"], d["stride_h"], d["stride_w"],
            d["dilation_h"], d["dilation_w"], d["pad_top"], d["pad_left"], d["out_h"], d["out_w"],
        )  # fmt: skip
        segment = MatrixSegment(
            batch=d["groups"],
            m=images * d["out_h"] * d["out_w"],
            n=d["out_channels"] // d["groups"],
            k=d["kernel_h"] * d["kernel_w"] * channels,
            conv=shape,
        )
        return MatrixWork((segment,), parse_sparsity(attributes))

    @classmethod
    def problems(cls, dims: Resolved, attributes: Mapping[str, Any]) -> list[str]:
        found = _sparsity_problems(attributes)
        for side in ("in_channels", "out_channels"):
            if dims[side] % dims["groups"]:
                found.append(f"{side} {dims[side]} is not divisible by groups {dims['groups']}")
        return found

    @classmethod
    def elements(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Mapping[str, int]:
        d = dims
        return {
            "a": d["images"] * d["in_channels"] * d["in_d"] * d["in_h"] * d["in_w"],
            "b": d["out_channels"] * (d["in_channels"] // d["groups"]) * d["kernel_d"] * d["kernel_h"] * d["kernel_w"],
            "bias": d["out_channels"],
            "outputs": d["images"] * d["out_channels"] * d["out_d"] * d["out_h"] * d["out_w"],
        }


@operator_kinds.register("grouped_gemm")
class GroupedGemm(OperatorKind):
    """Mixture-of-experts product: expert e multiplies its ``rows[e]`` tokens by its own B[k,n].

    Experts without tokens do nothing and their weights are not moved.
    """

    dims = {"n": None, "k": None}
    lists = ("rows",)
    ports = ("a", "b")
    optional_ports = ("bias",)
    attributes = ("sparsity",)

    @classmethod
    def work(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Work:
        counts: dict[int, int] = {}
        for rows in dims["rows"]:
            if rows:
                counts[rows] = counts.get(rows, 0) + 1
        segments = tuple(MatrixSegment(counts[rows], rows, dims["n"], dims["k"]) for rows in sorted(counts))
        return MatrixWork(segments, parse_sparsity(attributes))

    @classmethod
    def problems(cls, dims: Resolved, attributes: Mapping[str, Any]) -> list[str]:
        found = _sparsity_problems(attributes)
        if not any(dims["rows"]):
            found.append("rows must give at least one expert a token")
        return found

    @classmethod
    def elements(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Mapping[str, int]:
        rows, busy = sum(dims["rows"]), sum(1 for rows in dims["rows"] if rows)
        k, n = dims["k"], dims["n"]
        return {"a": rows * k, "b": busy * k * n, "bias": busy * n, "outputs": rows * n}


def request_sums(requests: tuple[tuple[int, int], ...]) -> tuple[int, int, int]:
    """Sums over (query, context) pairs: of query, of context, of query * context."""
    return (
        sum(query for query, _ in requests),
        sum(context for _, context in requests),
        sum(query * context for query, context in requests),
    )


class Attention(OperatorKind):
    """``requests``: one (query, context) pair of lengths per request; query heads share KV heads in groups."""

    dims = {"heads": None, "kv_heads": None, "head_dim": None}
    lists = ("requests",)
    ports = ("a", "b")

    @classmethod
    def shapes(cls, dims: Resolved) -> list[tuple[int, int, int]]:
        """(count of GEMMs, rows, context) per distinct request shape; the query heads of one KV head share its GEMM."""
        counts: dict[tuple[int, int], int] = {}
        for query, context in dims["requests"]:
            counts[query, context] = counts.get((query, context), 0) + 1
        group = dims["heads"] // dims["kv_heads"]
        return [(n * dims["kv_heads"], query * group, context) for (query, context), n in sorted(counts.items())]

    @classmethod
    def problems(cls, dims: Resolved, attributes: Mapping[str, Any]) -> list[str]:
        found = []
        if dims["heads"] % dims["kv_heads"]:
            found.append(f"heads {dims['heads']} is not divisible by kv_heads {dims['kv_heads']}")
        if not dims["requests"]:
            found.append("requests is empty")
        if any(len(pair) != 2 or min(pair) <= 0 for pair in dims["requests"]):
            found.append("each request is a pair of positive lengths (query, context)")
        return found

    @classmethod
    def counts(cls, dims: Resolved) -> tuple[int, int, int]:
        """Elements of all queries (or results), of all keys (or values), and of all scores."""
        queries, contexts, scores = request_sums(dims["requests"])
        return (
            queries * dims["heads"] * dims["head_dim"],
            contexts * dims["kv_heads"] * dims["head_dim"],
            scores * dims["heads"],
        )


@operator_kinds.register("attention_score")
class AttentionScore(Attention):
    """Scores = Q x K^T per KV head and request: m = query*heads/kv_heads, n = context, k = head_dim; no causal skip."""

    @classmethod
    def work(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Work:
        return MatrixWork(tuple(MatrixSegment(b, m, c, dims["head_dim"]) for b, m, c in cls.shapes(dims)))

    @classmethod
    def elements(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Mapping[str, int]:
        queries, keys, scores = cls.counts(dims)
        return {"a": queries, "b": keys, "outputs": scores}


@operator_kinds.register("attention_value")
class AttentionValue(Attention):
    """Output = P x V per KV head and request: m = query*heads/kv_heads, n = head_dim, k = context; no causal skip."""

    @classmethod
    def work(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Work:
        return MatrixWork(tuple(MatrixSegment(b, m, dims["head_dim"], c) for b, m, c in cls.shapes(dims)))

    @classmethod
    def elements(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Mapping[str, int]:
        results, values, scores = cls.counts(dims)
        return {"a": scores, "b": values, "outputs": results}


@operator_kinds.register("copy")
class Copy(OperatorKind):
    """``elements`` elements moved unchanged: a KV append, a transpose, a concatenation that is no view."""

    dims = {"elements": None}

    @classmethod
    def work(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Work:
        return CopyWork(dims["elements"])

    @classmethod
    def elements(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Mapping[str, int]:
        return {"outputs": dims["elements"]}
