"""Mixtures of experts: a router, routed experts, and shared ones that every token goes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim.trace.builder import Uses, part
from sim.trace.frontends.huggingface.experts import Routing, expert_rows
from sim.trace.frontends.huggingface.feed_forward import Gated
from sim.trace.frontends.huggingface.writer import BlockWriter


@dataclass(frozen=True)
class Groups:
    """Experts in ``count`` groups, of which a token may use the ``kept`` whose ``best`` highest scores sum highest."""

    count: int
    kept: int
    best: int


@dataclass(frozen=True)
class Router:
    """Scores of every expert for every token; the ``top_k`` highest are chosen.

    ``score``: function that makes shares of all scores ("softmax", "sigmoid"), or "softmax_chosen", a softmax over the
    chosen ones only. ``normalise``: chosen shares are scaled to sum to one. ``scale``: and by a constant.
    ``correction``: a learned vector is added for the choice (not for the shares).
    """

    experts: int
    top_k: int
    score: str = "softmax"
    normalise: bool = True
    scale: bool = False
    bias: bool = False
    correction: bool = False
    groups: Groups | None = None

    def write(self, writer: BlockWriter, x: str, hidden: int) -> tuple[str, str]:
        """Append the router; returns the weights [tokens, top_k] and the indices of the chosen experts."""
        tokens = writer.run.tokens
        scores = writer.linear("router", x, tokens, hidden, self.experts, self.bias)
        if self.score == "softmax_chosen":
            best, chosen = self._choose(writer, scores)
            return _softmax(writer, "router_softmax", best, tokens, self.top_k), chosen
        if self.score == "softmax":
            shares = _softmax(writer, "router_softmax", scores, tokens, self.experts)
        else:
            shares = writer.elementwise("router_score", self.score, scores, tokens, self.experts)
        if self.correction:
            vector = writer.vector("router_correction", self.experts)
            shares = writer.elementwise("router_correct", "add", shares, tokens, self.experts, y=vector)
        if self.groups:
            shares = self._within_groups(writer, shares, self.groups)
        top, chosen = self._choose(writer, shares)
        if self.normalise:
            total = writer.result("router_sum", (tokens,))
            writer.op("router_sum", "reduce", {"rows": tokens, "width": self.top_k}, {"x": top}, total)
            top = writer.elementwise("router_scale", "div", top, tokens, self.top_k, y=total)
        if self.scale:
            top = writer.elementwise("router_factor", "scale", top, tokens, self.top_k)
        return top, chosen

    def _choose(self, writer: BlockWriter, shares: str) -> tuple[str, str]:
        tokens = writer.run.tokens
        top = writer.result("router_top_k", (tokens, self.top_k))
        chosen = writer.index("router_chosen", (tokens, self.top_k))
        size: dict[str, object] = {"rows": tokens, "width": self.experts, "k": self.top_k}
        writer.op("router_top_k", "top_k", size, {"x": shares}, [top, chosen])
        return top, chosen

    def _within_groups(self, writer: BlockWriter, shares: str, groups: Groups) -> str:
        """Shares with those outside the kept groups masked."""
        tokens, width = writer.run.tokens, self.experts // groups.count
        rows = tokens * groups.count
        sums = writer.result("router_group_best", (rows, groups.best))
        size: dict[str, object] = {"rows": rows, "width": width, "k": groups.best}
        writer.op("router_group_best", "top_k", size, {"x": shares}, sums)
        if groups.best > 1:
            best, sums = sums, writer.result("router_group_sum", (rows,))
            writer.op("router_group_sum", "reduce", {"rows": rows, "width": groups.best}, {"x": best}, sums)
        kept = writer.index("router_groups", (tokens, groups.kept))
        size = {"rows": tokens, "width": groups.count, "k": groups.kept}
        writer.op("router_groups", "top_k", size, {"x": sums}, kept)
        return writer.elementwise("router_mask", "where", shares, tokens, self.experts, y=kept)


@dataclass(frozen=True)
class RoutedExperts:
    """Gated layers of ``inner`` elements, one per expert. ``fused``: gate and up are one matrix.

    ``clamp``: gate and up are limited before the gate and one is added to up, which costs a product and a sum per
    element more (gpt-oss, arXiv:2508.10925).
    """

    inner: int
    function: str
    bias: bool = False
    fused: bool = False
    clamp: bool = False

    def write(self, writer: BlockWriter, x: str, rows: tuple[int, ...], hidden: int) -> str:
        """Append the experts' layers for tokens in expert order, ``rows`` of them per expert."""
        routed, inner = sum(rows), self.inner
        if self.fused:
            gate, up = self._grouped(writer, "gate_up_proj", x, rows, hidden, (inner, inner))
        else:
            (gate,) = self._grouped(writer, "gate_proj", x, rows, hidden, (inner,))
            (up,) = self._grouped(writer, "up_proj", x, rows, hidden, (inner,))
        if self.clamp:
            gate = writer.elementwise("clamp_gate", "clip", gate, routed, inner)
            up = writer.elementwise("clamp_up", "clip", up, routed, inner)
            up = writer.elementwise("shift_up", "scale_shift", up, routed, inner)
        gated = writer.elementwise("gate", self.function, gate, routed, inner, y=up)
        return self._grouped(writer, "down_proj", gated, rows, inner, (hidden,))[0]

    def _grouped(
        self, writer: BlockWriter, name: str, x: str, rows: tuple[int, ...], k: int, widths: tuple[int, ...]
    ) -> tuple[str, ...]:
        n, busy = sum(widths), sum(1 for count in rows if count)
        inputs: dict[str, Uses] = {
            "a": x,
            "b": _busy(writer.weight(f"{name}.weight", (len(rows), n, k)), busy, rows, n * k),
        }
        if self.bias:
            vectors = writer.weight(f"{name}.bias", (len(rows), n), writer.builder.dtype)
            inputs["bias"] = _busy(vectors, busy, rows, n)
        names = [name] if len(widths) == 1 else [f"{name}.{number}" for number in range(len(widths))]
        outs = tuple(writer.result(one, (sum(rows), width)) for one, width in zip(names, widths, strict=True))
        writer.op(name, "grouped_gemm", {"n": n, "k": k, "rows": rows}, inputs, outs)
        return outs


@dataclass(frozen=True)
class Mixture:
    """Each token goes to the experts its router chooses; their layers are added, weighted.

    Tokens are gathered into expert order, multiplied group by group, weighted and reduced. ``histogram`` is a token
    count per expert that the real counts are proportional to, or a draw; None spreads the tokens evenly. ``shared``:
    a layer for all tokens, added; ``shared_gate``: weighted by a sigmoid of its own score.
    """

    hidden: int
    router: Router
    experts: RoutedExperts
    histogram: Routing = None
    shared: Gated | None = None
    shared_gate: bool = False
    windows: ClassVar[tuple[int, ...]] = ()

    def write(self, writer: BlockWriter, x: str) -> str:
        """Append router, dispatch, experts and combination."""
        tokens, top_k = writer.run.tokens, self.router.top_k
        rows = expert_rows(tokens, self.router.experts, top_k, self.histogram)
        weights, chosen = self.router.write(writer, x, self.hidden)
        routed = tokens * top_k
        gathered = writer.result("dispatch", (routed, self.hidden))
        writer.op("dispatch", "copy", {"elements": routed * self.hidden}, {"x": [x, chosen]}, gathered)
        with writer.scoped("experts."):
            down = self.experts.write(writer, gathered, rows, self.hidden)
            scaled = writer.elementwise("weigh", "mul", down, routed, self.hidden, y=weights)
        out = writer.result("combine", (tokens, self.hidden))
        writer.op("combine", "reduce", {"rows": tokens * self.hidden, "width": top_k}, {"x": scaled}, out)
        return self._add_shared(writer, x, out, self.shared) if self.shared else out

    def _add_shared(self, writer: BlockWriter, x: str, routed: str, layer: Gated) -> str:
        tokens = writer.run.tokens
        with writer.scoped("shared_expert."):
            out = layer.write(writer, x)
        if self.shared_gate:
            score = writer.linear("shared_expert_gate", x, tokens, self.hidden, 1)
            share = writer.elementwise("shared_expert_share", "sigmoid", score, tokens, 1)
            out = writer.elementwise("shared_expert_weigh", "mul", out, tokens, self.hidden, y=share)
        return writer.elementwise("shared_expert_sum", "add", routed, tokens, self.hidden, y=out)


def _busy(tensor: str, busy: int, rows: tuple[int, ...], per_expert: int) -> Uses:
    """The part of a tensor of all experts that the experts with tokens have."""
    return tensor if busy == len(rows) else part(tensor, busy * per_expert)


def _softmax(writer: BlockWriter, name: str, x: str, rows: int, width: int) -> str:
    out = writer.result(name, (rows, width))
    writer.op(name, "softmax", {"rows": rows, "width": width}, {"x": x}, out)
    return out
