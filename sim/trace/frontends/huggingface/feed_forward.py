"""Feed-forward layers: plain (two linear layers), gated (three), and mixture of experts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sim.trace.builder import Uses, part
from sim.trace.frontends.huggingface.experts import expert_rows
from sim.trace.frontends.huggingface.writer import INDEX_DTYPE, BlockWriter

#: ``hidden_act`` of a plain layer -> function of an ``elementwise`` operator.
ACTIVATIONS = {
    "gelu": "gelu", "gelu_new": "gelu", "gelu_fast": "gelu", "gelu_pytorch_tanh": "gelu", "relu": "relu",
    "silu": "silu", "swish": "silu", "tanh": "tanh", "sigmoid": "sigmoid",
}  # fmt: skip
#: ``hidden_act`` of a gated layer -> function of (gate, up).
GATED_ACTIVATIONS = {
    "silu": "swiglu", "swish": "swiglu", "gelu": "geglu", "gelu_new": "geglu", "gelu_pytorch_tanh": "geglu",
}  # fmt: skip


class FeedForward(Protocol):
    """What a block does after attention."""

    def write(self, writer: BlockWriter, x: str) -> str:
        """Append the operators for all tokens of the pass; returns the result."""


@dataclass(frozen=True)
class Plain:
    """function(x W1 + b1) W2 + b2."""

    hidden: int
    inner: int
    function: str
    names: tuple[str, str] = ("layers.up_proj", "layers.down_proj")

    def write(self, writer: BlockWriter, x: str) -> str:
        """Append the two linear layers and the activation."""
        rows = writer.run.tokens
        up = writer.linear(self.names[0], x, rows, self.hidden, self.inner, bias=True)
        active = writer.elementwise("layers.activation", self.function, up, rows, self.inner)
        return writer.linear(self.names[1], active, rows, self.inner, self.hidden, bias=True)


@dataclass(frozen=True)
class Gated:
    """(function(x Wgate) * (x Wup)) Wdown."""

    hidden: int
    inner: int
    function: str
    bias: bool = False

    def write(self, writer: BlockWriter, x: str) -> str:
        """Append the three linear layers and the gate."""
        rows = writer.run.tokens
        gate = writer.linear("layers.gate_proj", x, rows, self.hidden, self.inner, self.bias)
        up = writer.linear("layers.up_proj", x, rows, self.hidden, self.inner, self.bias)
        gated = writer.elementwise("layers.gate", self.function, gate, rows, self.inner, y=up)
        return writer.linear("layers.down_proj", gated, rows, self.inner, self.hidden, self.bias)


@dataclass(frozen=True)
class Experts:
    """Each token goes to the ``top_k`` experts its router scores highest; their gated layers are added, weighted.

    Tokens are gathered into expert order, multiplied group by group, weighted and reduced. ``histogram`` is a token
    count per expert that the real counts are proportional to; None spreads the tokens evenly.
    """

    hidden: int
    inner: int
    function: str
    experts: int
    top_k: int
    histogram: tuple[int, ...] | None

    def write(self, writer: BlockWriter, x: str) -> str:
        """Append router, dispatch, experts and combination."""
        tokens = writer.run.tokens
        rows = expert_rows(tokens, self.experts, self.top_k, self.histogram)
        weights, chosen = self._route(writer, x, tokens)
        routed = tokens * self.top_k
        gathered = writer.result("layers.dispatch", (routed, self.hidden))
        writer.op("layers.dispatch", "copy", {"elements": routed * self.hidden}, {"x": [x, chosen]}, gathered)
        gate = self._grouped(writer, "layers.experts.gate_proj", gathered, rows, self.hidden, self.inner)
        up = self._grouped(writer, "layers.experts.up_proj", gathered, rows, self.hidden, self.inner)
        gated = writer.elementwise("layers.experts.gate", self.function, gate, routed, self.inner, y=up)
        down = self._grouped(writer, "layers.experts.down_proj", gated, rows, self.inner, self.hidden)
        scaled = writer.elementwise("layers.experts.weigh", "mul", down, routed, self.hidden, y=weights)
        out = writer.result("layers.combine", (tokens, self.hidden))
        writer.op("layers.combine", "reduce", {"rows": tokens * self.hidden, "width": self.top_k}, {"x": scaled}, out)
        return out

    def _route(self, writer: BlockWriter, x: str, tokens: int) -> tuple[str, str]:
        """Router: scores, softmax, the top k and their weights scaled to sum to one."""
        scores = writer.linear("layers.router", x, tokens, self.hidden, self.experts)
        shares = writer.result("layers.router_softmax", (tokens, self.experts))
        size: dict[str, object] = {"rows": tokens, "width": self.experts}
        writer.op("layers.router_softmax", "softmax", size, {"x": scores}, shares)
        top = writer.result("layers.router_top_k", (tokens, self.top_k))
        name = f"{writer.run.prefix}layers.router_chosen"
        chosen = writer.builder.tensor(name, (tokens, self.top_k), "index", INDEX_DTYPE)
        writer.op("layers.router_top_k", "top_k", size | {"k": self.top_k}, {"x": shares}, [top, chosen])
        total = writer.result("layers.router_sum", (tokens,))
        writer.op("layers.router_sum", "reduce", {"rows": tokens, "width": self.top_k}, {"x": top}, total)
        return writer.elementwise("layers.router_scale", "div", top, tokens, self.top_k, y=total), chosen

    def _grouped(self, writer: BlockWriter, name: str, x: str, rows: tuple[int, ...], k: int, n: int) -> str:
        weight = writer.weight(f"{name}.weight", (self.experts, n, k))
        busy = sum(1 for count in rows if count)
        used: Uses = weight if busy == self.experts else part(weight, busy * n * k)
        out = writer.result(name, (sum(rows), n))
        writer.op(name, "grouped_gemm", {"n": n, "k": k, "rows": rows}, {"a": x, "b": used}, out)
        return out
