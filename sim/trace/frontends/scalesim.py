"""SCALE-Sim topology CSV -> trace.

Two forms, told apart by their columns: convolutions (name, ifmap height, ifmap width, filter height, filter width,
channels, filters, stride [, stride of width]) and GEMMs (name, M, N, K); either may end with a sparsity ``N:M``. The
first line is a header and is not read as data; lines may end with a comma.

As in that tool, inputs are already padded, out = ceil((H - R + stride) / stride), and the layers do not feed each
other: each reads an input of its own declared size and leaves a result nobody reads. An operand of a sparse layer is
declared with its zeros; the sparsity stands in the operator.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sim.core.errors import Place, Problems
from sim.core.text_file import read_text
from sim.trace.bounds import MAX_EXTENT
from sim.trace.builder import TraceBuilder
from sim.trace.frontends import Frontend, frontends
from sim.trace.model import Trace
from sim.trace.options import LowerOptions

GEMM_COLUMNS = ("m", "n", "k")
CONV_COLUMNS = ("in_h", "in_w", "kernel_h", "kernel_w", "in_channels", "out_channels", "stride_h", "stride_w")
MAX_LINE = 10_000
"""Characters of a line; a layer has nine numbers at most."""
_SPARSITY = re.compile(r"^([0-9]{1,9}):([0-9]{1,9})$")


@dataclass(frozen=True)
class _Cell:
    text: str
    column: int


@dataclass(frozen=True)
class _Layer:
    name: str
    dims: dict[str, int]
    sparsity: str | None
    place: Place


@frontends.register("scalesim")
class ScaleSim(Frontend):
    """Reads topology files of SCALE-Sim (v2 and v3)."""

    reads = "a SCALE-Sim topology (.csv)"
    options = frozenset({"dtype", "weights"})

    @classmethod
    def matches(cls, path: Path) -> bool:
        return path.suffix == ".csv"

    @classmethod
    def lower(cls, path: Path, options: LowerOptions) -> Trace:
        problems = Problems()
        text = read_text(path, problems)
        problems.raise_if_any()
        layers = _read(str(path), text, problems)
        problems.raise_if_any()
        builder = TraceBuilder(
            path.stem,
            description=f"{len(layers)} independent layers of a SCALE-Sim topology",
            source=path.name,
            dtype=options.dtype,
            weight_dtype=options.weight_dtype,
        )
        builder.note("the layers of a SCALE-Sim topology are independent: none reads another's result")
        return builder.build([_write(builder, layer) for layer in layers])


def _read(file: str, text: str, problems: Problems) -> list[_Layer]:
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip(" \t\r,")]
    layers: list[_Layer] = []
    names: dict[str, int] = {}
    if lines and len(lines[0][1]) <= MAX_LINE and _looks_like_data(_cells(lines[0][1])):
        problems.add("the first line must be a header, this one holds numbers", Place(file, lines[0][0], 1))
    for number, line in lines[1:]:
        if problems.full:
            break
        if len(line) > MAX_LINE:
            problems.add("the line is absurdly long", Place(file, number, 1), found=f"{len(line)} characters")
            continue
        layer = _layer(_cells(line), file, number, problems)
        if layer is None:
            continue
        names[layer.name] = names.get(layer.name, 0) + 1
        if names[layer.name] > 1:
            layer = _Layer(f"{layer.name}#{names[layer.name]}", layer.dims, layer.sparsity, layer.place)
        layers.append(layer)
    if not problems and not layers:
        problems.add("the topology has no layers", Place(file))
    kinds = {len(layer.dims) == len(GEMM_COLUMNS) for layer in layers}
    if len(kinds) > 1:
        problems.add("convolutions and GEMMs cannot be mixed in one topology", Place(file))
    return layers


def _cells(line: str) -> list[_Cell]:
    """The cells with the column each begins at; empty cells at the end (trailing commas) dropped."""
    cells: list[_Cell] = []
    position = 0
    # A carriage return inside a line is no line end of ours; to the csv module it would be one.
    for raw in next(csv.reader([line.replace("\r", " ")], quoting=csv.QUOTE_NONE), []):
        cells.append(_Cell(raw.strip(), position + len(raw) - len(raw.lstrip()) + 1))
        position += len(raw) + 1
    while cells and not cells[-1].text:
        cells.pop()
    return cells


def _looks_like_data(cells: list[_Cell]) -> bool:
    return len(cells) > 1 and all(cell.text.isdigit() for cell in cells[1:4])


def _layer(cells: list[_Cell], file: str, number: int, problems: Problems) -> _Layer | None:
    """One line; None after a problem."""
    before = len(problems)

    def place(cell: _Cell) -> Place:
        return Place(file, number, cell.column)

    sparsity = _sparsity(cells, place, problems)
    columns = _columns(len(cells) - 1 - (sparsity is not None))
    if columns is None:
        allowed = f"{len(GEMM_COLUMNS)} (M, N, K) or {len(CONV_COLUMNS) - 1} to {len(CONV_COLUMNS)} (a convolution)"
        found = len(cells) - 1 - (sparsity is not None)
        problems.add("a layer has the wrong number of sizes", Place(file, number, 1), found=found, allowed=allowed)
        return None
    if not cells[0].text:
        problems.add("the layer has no name", place(cells[0]))
    values = [_size(cell, column, place, problems) for cell, column in zip(cells[1:], columns, strict=False)]
    if len(problems) > before:
        return None
    dims = dict(zip(columns, values, strict=True))
    if len(columns) > len(GEMM_COLUMNS):
        _finish_conv(dims, {column: place(cell) for cell, column in zip(cells[1:], columns, strict=False)}, problems)
    if len(problems) > before:
        return None
    return _Layer(cells[0].text, dims, sparsity, Place(file, number, 1))


def _columns(count: int) -> tuple[str, ...] | None:
    if count == len(GEMM_COLUMNS):
        return GEMM_COLUMNS
    if count in (len(CONV_COLUMNS) - 1, len(CONV_COLUMNS)):
        return CONV_COLUMNS[:count]
    return None


def _sparsity(cells: list[_Cell], place: Callable[[_Cell], Place], problems: Problems) -> str | None:
    """The ``N:M`` of the last cell, if it is one."""
    if len(cells) < 2 or ":" not in cells[-1].text:
        return None
    match = _SPARSITY.match(cells[-1].text)
    if match is None or not 0 < int(match.group(1)) <= int(match.group(2)):
        problems.add("not a sparsity", place(cells[-1]), found=cells[-1].text, allowed="N:M with 0 < N <= M")
    return cells[-1].text


def _size(cell: _Cell, column: str, place: Callable[[_Cell], Place], problems: Problems) -> int:
    text = cell.text
    if text.isascii() and text.isdigit() and len(text) < 16 and 1 <= int(text) <= MAX_EXTENT:
        return int(text)
    problems.add(f"{column} must be a positive whole number", place(cell), found=text)
    return 1


def _finish_conv(dims: dict[str, int], places: dict[str, Place], problems: Problems) -> None:
    """Fill in the stride of the width and the sizes of the output."""
    dims.setdefault("stride_w", dims["stride_h"])
    for side in ("h", "w"):
        size, kernel, stride = dims[f"in_{side}"], dims[f"kernel_{side}"], dims[f"stride_{side}"]
        if kernel > size:
            place = places[f"kernel_{side}"]
            problems.add(
                f"the filter is larger than the input (kernel_{side})", place, found=kernel, allowed=f"at most {size}"
            )
        else:
            dims[f"out_{side}"] = -(-(size - kernel + stride) // stride)


def _write(builder: TraceBuilder, layer: _Layer) -> str:
    """Append one layer with operands of its own; returns its result."""
    d = layer.dims
    shapes: tuple[tuple[int, ...], ...]
    if "m" in d:
        kind, shapes = "gemm", ((d["m"], d["k"]), (d["k"], d["n"]), (d["m"], d["n"]))
    else:
        kind = "conv"
        shapes = (
            (d["in_channels"], d["in_h"], d["in_w"]),
            (d["out_channels"], d["in_channels"], d["kernel_h"], d["kernel_w"]),
            (d["out_channels"], d["out_h"], d["out_w"]),
        )  # fmt: skip
    a = builder.activation(f"{layer.name}.in", shapes[0])
    b = builder.weight(f"{layer.name}.weight", shapes[1])
    out = builder.activation(f"{layer.name}.out", shapes[2])
    attributes = {"sparsity": layer.sparsity} if layer.sparsity else {}
    builder.op(layer.name, kind, d, {"a": a, "b": b}, out, attributes, layer.place)
    return out
