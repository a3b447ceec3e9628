"""Feed-forward layers: plain (two linear layers) and gated (three)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim.trace.frontends.huggingface.writer import BlockWriter

#: ``hidden_act`` of a plain layer -> function of an ``elementwise`` operator.
ACTIVATIONS = {
    "gelu": "gelu", "gelu_new": "gelu", "gelu_fast": "gelu", "gelu_pytorch_tanh": "gelu", "relu": "relu",
    "silu": "silu", "swish": "silu", "tanh": "tanh", "sigmoid": "sigmoid",
}  # fmt: skip
#: ``hidden_act`` of a gated layer -> function of (gate, up).
GATED_ACTIVATIONS = {
    "silu": "swiglu", "swish": "swiglu", "gelu": "geglu", "gelu_new": "geglu", "gelu_pytorch_tanh": "geglu",
}  # fmt: skip


@dataclass(frozen=True)
class Plain:
    """function(x W1 + b1) W2 + b2."""

    hidden: int
    inner: int
    function: str
    bias: bool = True
    windows: ClassVar[tuple[int, ...]] = ()

    def write(self, writer: BlockWriter, x: str) -> str:
        """Append the two linear layers and the activation."""
        rows = writer.run.tokens
        up = writer.linear("up_proj", x, rows, self.hidden, self.inner, self.bias)
        active = writer.elementwise("activation", self.function, up, rows, self.inner)
        return writer.linear("down_proj", active, rows, self.inner, self.hidden, self.bias)


@dataclass(frozen=True)
class Gated:
    """(function(x Wgate) * (x Wup)) Wdown; ``fused``: gate and up are one linear layer."""

    hidden: int
    inner: int
    function: str
    bias: bool = False
    fused: bool = False
    windows: ClassVar[tuple[int, ...]] = ()

    def write(self, writer: BlockWriter, x: str) -> str:
        """Append the linear layers and the gate."""
        rows = writer.run.tokens
        if self.fused:
            gate, up = writer.linears("gate_up_proj", x, rows, self.hidden, (self.inner, self.inner), self.bias)
        else:
            gate = writer.linear("gate_proj", x, rows, self.hidden, self.inner, self.bias)
            up = writer.linear("up_proj", x, rows, self.hidden, self.inner, self.bias)
        gated = writer.elementwise("gate", self.function, gate, rows, self.inner, y=up)
        return writer.linear("down_proj", gated, rows, self.inner, self.hidden, self.bias)
