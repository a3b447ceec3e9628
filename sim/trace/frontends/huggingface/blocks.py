"""Blocks: how a layer's parts, norms and residual connections are wired, and stacks of layers.

A *part* (attention, feed-forward, scan) maps the tokens of a pass to as many vectors. A *block* wires parts; every
block ends in its residual. A stack groups equal layers, also in a recurring order (five local, one global), into repeat
blocks, so that a trace does not grow with depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sim.trace.frontends.huggingface.writer import BlockWriter

#: The longest recurring order of layers that is looked for.
LONGEST_PATTERN = 64


class Part(Protocol):
    """What maps the tokens of a pass; ``windows`` are the sliding windows in it."""

    @property
    def windows(self) -> tuple[int, ...]:
        """Lengths of context that its cost stops growing at."""

    def write(self, writer: BlockWriter, x: str) -> str:
        """Append the operators for all tokens of the pass; returns the result."""


class Block(Part, Protocol):
    """A layer: maps the hidden state to the next."""


@dataclass(frozen=True)
class Sublayer:
    """One part of a sequential block, with the names of the norm before it, its residual and the norm after it."""

    part: Part
    norm: str
    residual: str
    norm_after: str = ""


@dataclass(frozen=True)
class Sequential:
    """x = x + part(norm(x)) for each sublayer; with ``norm_after``: x + norm(part(norm(x)))."""

    hidden: int
    norm: str
    sublayers: tuple[Sublayer, ...]

    @property
    def windows(self) -> tuple[int, ...]:
        """Those of all parts."""
        return tuple(window for sublayer in self.sublayers for window in sublayer.part.windows)

    def write(self, writer: BlockWriter, x: str) -> str:
        """Append the sublayers in turn; returns the last residual."""
        rows = writer.run.tokens
        for sublayer in self.sublayers:
            normed = writer.norm(self.norm, sublayer.norm, x, rows, self.hidden)
            out = sublayer.part.write(writer, normed)
            if sublayer.norm_after:
                out = writer.norm(self.norm, sublayer.norm_after, out, rows, self.hidden)
            x = writer.elementwise(sublayer.residual, "add", x, rows, self.hidden, y=out)
        return x


def pre_norm(hidden: int, norm: str, attention: Part, feed_forward: Part) -> Sequential:
    """The usual block of a decoder."""
    return Sequential(hidden, norm, (
        Sublayer(attention, "input_norm", "attention_residual"), Sublayer(feed_forward, "mlp_norm", "mlp_residual"),
    ))  # fmt: skip


@dataclass(frozen=True)
class PostNorm:
    """x = norm(x + part(x)) for each (part, name of the residual, name of the norm)."""

    hidden: int
    norm: str
    sublayers: tuple[tuple[Part, str, str], ...]

    @property
    def windows(self) -> tuple[int, ...]:
        """Those of all parts."""
        return tuple(window for part, _, _ in self.sublayers for window in part.windows)

    def write(self, writer: BlockWriter, x: str) -> str:
        """Append the sublayers in turn; returns the last norm."""
        rows = writer.run.tokens
        for part, residual, norm in self.sublayers:
            out = part.write(writer, x)
            added = writer.elementwise(residual, "add", out, rows, self.hidden, y=x)
            x = writer.norm(self.norm, norm, added, rows, self.hidden)
        return x


@dataclass(frozen=True)
class Parallel:
    """x + attention(norm(x)) + feed_forward(norm(x)), the norms being one (``mlp_norm`` "") or two."""

    hidden: int
    norm: str
    attention: Part
    feed_forward: Part
    mlp_norm: str = ""

    @property
    def windows(self) -> tuple[int, ...]:
        """Those of both parts."""
        return self.attention.windows + self.feed_forward.windows

    def write(self, writer: BlockWriter, x: str) -> str:
        """Append both parts and the two additions."""
        rows = writer.run.tokens
        normed = writer.norm(self.norm, "input_norm", x, rows, self.hidden)
        second = writer.norm(self.norm, self.mlp_norm, x, rows, self.hidden) if self.mlp_norm else normed
        attended = self.attention.write(writer, normed)
        out = self.feed_forward.write(writer, second)
        middle = writer.elementwise("attention_residual", "add", x, rows, self.hidden, y=attended)
        return writer.elementwise("mlp_residual", "add", middle, rows, self.hidden, y=out)


@dataclass(frozen=True)
class Sum:
    """Parts that read the same input, each with what its names begin with; their results are added."""

    hidden: int
    first: tuple[str, Part]
    second: tuple[str, Part]

    @property
    def windows(self) -> tuple[int, ...]:
        """Those of both parts."""
        return self.first[1].windows + self.second[1].windows

    def write(self, writer: BlockWriter, x: str) -> str:
        """Append both parts and the addition."""
        outs = []
        for scope, part in (self.first, self.second):
            with writer.scoped(scope):
                outs.append(part.write(writer, x))
        return writer.elementwise("mixer_sum", "add", outs[0], writer.run.tokens, self.hidden, y=outs[1])


@dataclass(frozen=True)
class Segment:
    """``pattern`` is a run of layers that is repeated ``count`` times; ``first`` is the number of its first layer."""

    first: int
    pattern: tuple[Block, ...]
    count: int

    @property
    def layers(self) -> int:
        """Layers in it."""
        return len(self.pattern) * self.count


def segments(layers: Sequence[Block]) -> tuple[Segment, ...]:
    """Layers as repeated runs, from the front: each time the repetition that covers most, the shortest of those."""
    kinds: dict[Block, int] = {}
    order = [kinds.setdefault(layer, len(kinds)) for layer in layers]
    found: list[Segment] = []
    first = 0
    while first < len(order):
        period, count = _longest_repetition(order, first)
        found.append(Segment(first, tuple(layers[first : first + period]), count))
        first += period * count
    return tuple(found)


def _longest_repetition(order: list[int], first: int) -> tuple[int, int]:
    """(period, count) of the repetition that starts at ``first`` and covers most."""
    best = (1, 1)
    for period in range(1, min(LONGEST_PATTERN, len(order) - first) + 1):
        end = first + period
        while end < len(order) and order[end] == order[end - period]:
            end += 1
        count = (end - first) // period
        if count > 1 and period * count > best[0] * best[1]:
            best = (period, count)
    return best


def write_stack(writer: BlockWriter, layers: Sequence[Block], x: str, scope: str = "layers") -> str:
    """Append a stack of layers; returns the name of the hidden state after the last."""
    parts = segments(layers)
    for segment in parts:
        last = segment.first + segment.layers - 1
        name = scope if len(parts) == 1 else f"{scope}_{segment.first}_{last}"
        carry: dict[str, str] = {}  # read when the block closes
        with writer.builder.repeat("layer", segment.count, "layers", carry):
            out = x
            for number, block in enumerate(segment.pattern):
                with writer.scoped(f"{name}." if len(segment.pattern) == 1 else f"{name}.{number}."):
                    out = block.write(writer, out)
            carry[x] = out
    return x
