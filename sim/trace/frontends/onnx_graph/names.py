"""Readable, unique operator names: the node's, else its weight's, else its operator type and result."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sim.trace.frontends.onnx_graph.document import Node
from sim.trace.model import Tensor, Use

#: Names that exporters count up ("n12", "r7", "345") say nothing to a reader.
_COUNTED = re.compile(r"^[A-Za-z]{0,2}_?\d*$")
_WEIGHT_ENDING = re.compile(r"(_w_0|_w|_W|[._/](weight|kernel))(:0)?$")
_UNWANTED = re.compile(r"[^\w./:+-]+")


class OperatorNames:
    """Gives every operator of one trace its name."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def choose(
        self, node: Node, inputs: tuple[tuple[str, tuple[Use, ...]], ...], tensors: Mapping[str, Tensor], part: str
    ) -> str:
        """A name for an operator of ``node``; ``part`` tells several operators of one node apart."""
        name = _UNWANTED.sub("_", _base(node, inputs, tensors)).strip("/") + (f".{part}" if part else "")
        count = self._taken.get(name, 0) + 1
        self._taken[name] = count
        return name if count == 1 else self._counted(name, count)

    def _counted(self, name: str, count: int) -> str:
        while f"{name}#{count}" in self._taken:
            count += 1
        self._taken[f"{name}#{count}"] = 1
        return f"{name}#{count}"


def _base(node: Node, inputs: tuple[tuple[str, tuple[Use, ...]], ...], tensors: Mapping[str, Tensor]) -> str:
    output = next(filter(None, node.outputs), "")
    for label in (node.name, output if not node.name else ""):
        if not _COUNTED.match(label):
            return label
    for port, uses in inputs:
        for use in uses:
            if port == "b" and tensors[use.tensor].role == "weight" and _WEIGHT_ENDING.search(use.tensor):
                return _WEIGHT_ENDING.sub("", use.tensor)
    return f"{node.op.rpartition('.')[2].lower()}_{node.name or output}"
