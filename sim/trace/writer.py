"""Writing trace files. The same trace gives the same bytes; what is written reads back as an equal trace.

A file appears whole or not at all: it is written beside its destination and then renamed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sim.core.atomic import write_files
from sim.core.errors import InputError, Place, Problem
from sim.trace.affine import Affine
from sim.trace.kinds import operator_kinds
from sim.trace.model import FORMAT, VERSION, Item, Operator, Repeat, Tensor, Trace, Use


def write_trace(trace: Trace, path: str | Path) -> None:
    """Write ``trace`` to ``path``, replacing what is there.

    Raises InputError when the file cannot be written; its folder has to be there.
    """
    target = Path(path)
    if not target.parent.is_dir():
        message = f"cannot write the trace: {target.parent} is not a folder"
        raise InputError([Problem(message, Place(str(target)))])
    write_files({target: (line + "\n" for line in trace_lines(trace))})


def trace_lines(trace: Trace) -> Iterator[str]:
    """The lines of the file, without line ends."""
    header: dict[str, Any] = {"format": FORMAT, "version": VERSION, "name": trace.name}
    optional = {
        "description": trace.description,
        "source": trace.source,
        "outputs": list(trace.outputs),
        "notes": list(trace.notes),
        "parallel": dict(trace.parallel),
        "micro_batches": trace.micro_batches if trace.micro_batches > 1 else 0,
    }
    yield _line(header | {key: value for key, value in optional.items() if value})
    yield from _items(trace.items)


def _items(items: tuple[Item, ...]) -> Iterator[str]:
    for item in items:
        if isinstance(item, Tensor):
            shape = [_value(extent) for extent in item.shape]
            yield _line({"tensor": item.name, "role": item.role, "dtype": item.dtype, "shape": shape})
        elif isinstance(item, Operator):
            yield _line(_operator(item))
        else:
            yield _line(_repeat(item))
            yield from _items(item.body)
            yield _line({"end": item.index})


def _operator(operator: Operator) -> dict[str, Any]:
    """Dimensions in the order of the kind, attributes by name: equal operators are written the same."""
    kind = operator_kinds.get(operator.kind, operator.place)
    order = {name: number for number, name in enumerate((*kind.dims, *kind.lists))}
    names = sorted(operator.dims, key=lambda name: (order.get(name, len(order)), name))
    table: dict[str, Any] = {
        "op": operator.name,
        "kind": operator.kind,
        "dims": {name: _value(operator.dims[name]) for name in names},
        "inputs": {port: [_use(use) for use in uses] for port, uses in operator.inputs},
        "outputs": [_use(use) for use in operator.outputs],
    }
    if operator.attributes:
        table["attributes"] = {name: _value(operator.attributes[name]) for name in sorted(operator.attributes)}
    return table


def _repeat(block: Repeat) -> dict[str, Any]:
    table: dict[str, Any] = {"repeat": block.index, "count": block.count, "over": block.over}
    return table | {"carry": dict(block.carry)} if block.carry else table


def _use(use: Use) -> Any:
    return use.tensor if use.elements is None else {"tensor": use.tensor, "elements": _value(use.elements)}


def _value(value: Any) -> Any:
    if isinstance(value, Affine):
        return str(value)
    if isinstance(value, tuple):
        return [_value(entry) for entry in value]
    return value


def _line(table: dict[str, Any]) -> str:
    return json.dumps(table, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
