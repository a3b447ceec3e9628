"""An exported PyTorch program as plain data: its inputs, its ATen calls in execution order, shapes and types of values.

Both ways in make one of these: a ``.pt2`` file (:mod:`~sim.trace.frontends.torch_export.archive`) and a live
``torch.export.ExportedProgram`` (:mod:`~sim.trace.frontends.torch_export.live`). Nothing here needs torch.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from sim.trace.bounds import MAX_EXTENT

#: An extent: a size, or a symbol or expression of symbols (``s77``, ``2*s77 + 1``).
Size = int | str

#: torch.dtype by name -> element type of ONNX. Sources: torch/_export/serde/schema.py, onnx.TensorProto.DataType.
ELEMENT_TYPES = {
    "float32": 1, "float16": 10, "float64": 11, "bfloat16": 16, "int64": 7, "int32": 6, "int16": 5, "int8": 3, "uint8": 2,
    "bool": 9, "float8_e4m3fn": 17, "float8_e4m3fnuz": 18, "float8_e5m2": 19, "float8_e5m2fnuz": 20, "uint16": 4,
    "uint32": 12, "uint64": 13,
}  # fmt: skip


@dataclass(frozen=True)
class Ref:
    """A value of the program, as an argument."""

    name: str


@dataclass(frozen=True)
class Meta:
    """Shape and ONNX element type of a value."""

    shape: tuple[Size, ...]
    element_type: int


@dataclass(frozen=True)
class Call:
    """One call of an ATen operator. ``target`` is ``aten.conv2d.default``; arguments by their names in its schema."""

    target: str
    name: str
    arguments: Mapping[str, Any]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Program:
    """``inputs``: what the caller gives; ``weights``: value -> the name of its parameter or buffer."""

    inputs: tuple[str, ...]
    weights: Mapping[str, str]
    calls: tuple[Call, ...]
    outputs: tuple[str, ...]
    metas: Mapping[str, Meta]
    hints: Mapping[str, int] = field(default_factory=dict)

    def symbols(self) -> Iterator[tuple[str, int, Size]]:
        """(input, axis, extent) of every input dimension that is a symbol."""
        for name in self.inputs:
            for axis, extent in enumerate(self.metas[name].shape):
                if isinstance(extent, str):
                    yield name, axis, extent


_SYMBOL = re.compile(r"^Symbol\('(\w+)'(?:, \w+=True)*\)$")


def symbol_of(text: str) -> str:
    """``s27`` of ``Symbol('s27', positive=True, integer=True)``, as newer files say; other expressions as they are."""
    match = _SYMBOL.match(text)
    return match.group(1) if match else text


def evaluated(size: Size, symbols: Mapping[str, int]) -> int:
    """The number of an extent. ValueError when it is no sum, product, quotient, minimum or maximum of known symbols."""
    if isinstance(size, int):
        return size
    return _bounded(_parsed(size, symbols))


def _bounded(size: int) -> int:
    if not 0 <= size <= MAX_EXTENT:
        raise ValueError(f"a size of {str(size)[:40]} cannot be evaluated")
    return size


def _parsed(size: str, symbols: Mapping[str, int]) -> int:
    if len(size) > 1000:
        raise ValueError("an absurdly long expression")
    try:
        return int(_value(ast.parse(size, mode="eval").body, symbols))
    except (KeyError, SyntaxError, ZeroDivisionError, OverflowError, RecursionError, MemoryError) as error:
        raise ValueError(f"cannot be evaluated: {size[:60]!r}") from error


def _value(node: ast.expr, symbols: Mapping[str, int]) -> int:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.Name) and node.id in symbols:
        return symbols[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, symbols)
    if isinstance(node, ast.BinOp):
        one, two = _value(node.left, symbols), _value(node.right, symbols)
        if isinstance(node.op, ast.Pow) and 0 <= two <= 4:
            return int(one**two)
        if isinstance(node.op, ast.Div) and one % two == 0:
            return one // two
        for kind, result in ((ast.Add, one + two), (ast.Sub, one - two), (ast.Mult, one * two)):
            if isinstance(node.op, kind):
                return result
        if isinstance(node.op, ast.FloorDiv):
            return one // two
        if isinstance(node.op, ast.Mod):
            return one % two
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id == "Symbol" and node.args and isinstance(node.args[0], ast.Constant):
            return symbols[str(node.args[0].value)]
        values = [_value(argument, symbols) for argument in node.args]
        return _called(node.func.id, values)
    raise ValueError(f"cannot be evaluated: {ast.unparse(node)[:60]!r}")


def _called(name: str, values: list[int]) -> int:
    """The functions that torch prints in its expressions (torch/utils/_sympy/functions.py)."""
    if name in ("Max", "Min") and values:
        return max(values) if name == "Max" else min(values)
    if name == "Integer" and len(values) == 1:
        return values[0]
    if name in ("Add", "Mul") and values:
        return sum(values) if name == "Add" else prod(values)
    if name == "Pow" and len(values) == 2 and 0 <= values[1] <= 4:
        return int(values[0] ** values[1])
    if len(values) == 2 and name in ("FloorDiv", "CleanDiv", "IntTrueDiv"):
        return values[0] // values[1]
    if len(values) == 2 and name in ("Mod", "PythonMod"):
        return values[0] % values[1]
    if len(values) == 2 and name == "CeilDiv":
        return -(-values[0] // values[1])
    raise ValueError(f"cannot be evaluated: {name!r}")
