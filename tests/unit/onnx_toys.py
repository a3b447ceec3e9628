"""Small ONNX graphs for tests: weights have shapes and no data, except integers, which are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from sim.trace.frontends.onnx_graph import lower_onnx
from sim.trace.model import Operator, Trace
from sim.trace.options import LowerOptions

Node = Any


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> Node:
    """A node whose inputs and outputs are given as words; ``_`` is one left out."""
    names = [["" if word == "_" else word for word in words.split()] for words in (inputs, outputs)]
    return helper.make_node(op, *names, name=attributes.pop("name", f"{op}_node"), **attributes)


def lowered(
    folder: Path,
    nodes: list[Node],
    inputs: dict[str, tuple[int | str, ...]],
    outputs: str,
    weights: dict[str, tuple[int, ...]] | None = None,
    numbers: dict[str, list[int] | float] | None = None,
    opset: int = 17,
    **options: Any,
) -> Trace:
    """The trace of a graph of float inputs (``ids`` in a name makes it int64) and float weights."""
    protos = [TensorProto(name=n, data_type=TensorProto.FLOAT, dims=d) for n, d in (weights or {}).items()]
    for name, value in (numbers or {}).items():
        if isinstance(value, list):
            protos.append(helper.make_tensor(name, TensorProto.INT64, [len(value)], value))
        else:
            protos.append(helper.make_tensor(name, TensorProto.FLOAT, [], [value]))
    types = {name: TensorProto.INT64 if "ids" in name else TensorProto.FLOAT for name in inputs}
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info(name, types[name], shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs.split()],
        protos,
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    onnx.save_model(helper.make_model(graph, opset_imports=opsets), str(folder / "toy.onnx"))
    return lower_onnx(folder / "toy.onnx", LowerOptions(**options))


def operators(trace: Trace) -> list[Operator]:
    """The trace's operators in order."""
    return [operator for operator, _ in trace.operators()]


def only(trace: Trace) -> Operator:
    """The trace's one operator."""
    (found,) = operators(trace)
    return found


def uses(operator: Operator, port: str) -> list[tuple[str, Any]]:
    """(tensor, elements or None) per use at a port."""
    return [(use.tensor, use.elements) for use in dict(operator.inputs)[port]]
