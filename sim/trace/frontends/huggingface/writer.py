"""Building blocks shared by all families: linear layers, norms, element-wise operators, embeddings.

Weight matrices (also embedding tables) take the weight data type; vectors (norms, biases) keep that of activations, as
weight quantisation leaves them. Names: ``layers.q_proj`` is an operator, ``layers.q_proj.weight`` its weight,
``layers.q_proj.out`` its result. What stands before the last word is the writer's scope, so that a piece of a block
need not know which block it is in; a pass may put a prefix before names of operators and results, never of weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod

from sim.trace.affine import Extent, scaled
from sim.trace.builder import TraceBuilder, Uses, part
from sim.trace.frontends.huggingface.phases import Pass

INDEX_DTYPE = "int32"


class BlockWriter:
    """Writes operators of one pass into a builder. ``encoded`` is the encoder's result, in passes that have just run it."""

    def __init__(
        self, builder: TraceBuilder, run: Pass, cache_dtype: str | None = None, encoded: str | None = None
    ) -> None:
        self.builder = builder
        self.run = run
        self.cache_dtype = cache_dtype
        self.encoded = encoded
        self._scope = ""

    @contextmanager
    def scoped(self, scope: str) -> Iterator[None]:
        """Put ``scope`` before all names written inside the ``with``."""
        outer, self._scope = self._scope, self._scope + scope
        yield
        self._scope = outer

    def result(self, name: str, shape: Sequence[Extent]) -> str:
        """Declare the result of operator ``name``."""
        return self.builder.activation(f"{self.run.prefix}{self._scope}{name}.out", shape)

    def index(self, name: str, shape: Sequence[Extent]) -> str:
        """Declare a result that holds indices."""
        return self.builder.tensor(f"{self.run.prefix}{self._scope}{name}", shape, "index", INDEX_DTYPE)

    def op(
        self, name: str, kind: str, dims: dict[str, object], inputs: dict[str, Uses], outputs: Uses, **attributes: str
    ) -> None:
        """Append an operator of this pass."""
        self.builder.op(self.run.prefix + self._scope + name, kind, dims, inputs, outputs, attributes)

    def weight(self, name: str, shape: Sequence[int], dtype: str | None = None) -> str:
        """Declare a weight, unless an earlier pass has declared it in a scope that is still open."""
        name = self._scope + name
        return name if self.builder.visible(name) else self.builder.weight(name, shape, dtype)

    def vector(self, name: str, width: int) -> str:
        """Declare a norm's or bias's vector."""
        return self.weight(name, (width,), self.builder.dtype)

    def linear(self, name: str, x: Uses, rows: int, k: int, n: int, bias: bool = False) -> str:
        """x[rows, k] times the transpose of a weight [n, k]."""
        return self.linears(name, x, rows, k, (n,), bias)[0]

    def linears(self, name: str, x: Uses, rows: int, k: int, widths: Sequence[int], bias: bool) -> tuple[str, ...]:
        """A linear layer whose result is used in parts of the given widths (a fused query/key/value projection)."""
        n = sum(widths)
        weight = self.weight(f"{name}.weight", (n, k))
        biases = [self.vector(f"{name}.bias", n)] if bias else []
        names = [name] if len(widths) == 1 else [f"{name}.{number}" for number in range(len(widths))]
        outs = tuple(self.result(part_name, (rows, width)) for part_name, width in zip(names, widths, strict=True))
        self.op(name, "gemm", {"m": rows, "n": n, "k": k}, {"a": x, "b": weight, "bias": biases}, outs)
        return outs

    def norm(self, kind: str, name: str, x: Uses, rows: int, width: int) -> str:
        """``rms_norm`` (one vector) or ``layer_norm`` (two)."""
        vectors = [self.vector(f"{name}.weight", width)]
        if kind == "layer_norm":
            vectors.append(self.vector(f"{name}.bias", width))
        out = self.result(name, (rows, width))
        self.op(name, kind, {"rows": rows, "width": width}, {"x": x, "weight": vectors}, out)
        return out

    def elementwise(self, name: str, function: str, x: Uses, rows: Extent, width: int, y: str | None = None) -> str:
        """One or two operands of rows x width elements (``y`` may be smaller and is then repeated)."""
        out = self.result(name, (rows, width))
        inputs: dict[str, Uses] = {"x": x} if y is None else {"x": x, "y": y}
        self.op(name, "elementwise", {"elements": scaled(rows, width)}, inputs, out, function=function)
        return out

    def embedding(self, name: str, table: str, table_rows: int, width: int, index: str | None, distinct: int) -> str:
        """A row of the table per token of the pass; of ``distinct`` different rows at most, so many are moved."""
        out = self.result(name, (self.run.tokens, width))
        inputs: dict[str, Uses] = {"table": part(table, min(distinct, table_rows) * width)}
        if index is not None:
            inputs["index"] = index
        self.op(name, "embedding", {"rows": self.run.tokens, "width": width}, inputs, out)
        return out

    def cache(self, name: str, x: Uses, row: tuple[int, ...], span: Pass) -> str:
        """Append what ``x`` holds for the new tokens (``row``: the shape of one token's) to a layer's cache; its name.

        ``x`` must hold just the elements that are appended.
        """
        cache = self.cached(name, row, span.cached)
        elements = span.appended * prod(row)
        self.op(f"append_{name}", "copy", {"elements": elements}, {"x": x}, part(cache, elements))
        return cache

    def cached(self, name: str, row: tuple[int, ...], rows: int) -> str:
        """Declare a layer's cache of ``rows`` rows."""
        return self.builder.tensor(f"{self._scope}{name}_cache", (rows, *row), "kv_cache", self.cache_dtype)

    def rotary(self, name: str, x: Uses, heads: int, width: int) -> str:
        """Rotary embedding of ``width`` elements of every head of every new token."""
        rows = self.run.tokens * heads
        out = self.result(name, (self.run.tokens, heads * width))
        self.op(name, "rotary", {"rows": rows, "width": width}, {"x": x}, out)
        return out
