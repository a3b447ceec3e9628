"""The walk over an ONNX graph that turns nodes into operators.

One pass in execution order. Per node: what is computed from constants alone stays a constant (a weight of its shape, or
numbers for shape arithmetic); everything else goes to the lowering registered for its operator type, which emits
operators, or makes its output a view of its input. All nodes that cannot be lowered are reported together.
"""

from __future__ import annotations

from sim.core.errors import Problems
from sim.trace.frontends.onnx_graph.constants import constant_outputs
from sim.trace.frontends.onnx_graph.document import Node
from sim.trace.frontends.onnx_graph.lowering import Lowering, Unsupported, lowerings
from sim.trace.frontends.onnx_graph.shapes import UnknownShape
from sim.trace.frontends.onnx_graph.values import Value

CONTROL_FLOW = ("If", "Loop", "Scan")


def lower_nodes(lowering: Lowering) -> None:
    """Lower every node of the document; what fails is collected in ``lowering.unsupported``."""
    for node in lowering.document.nodes:
        if any(lowering.values[name].unknown for name in node.inputs if name):
            _give_up(node, lowering)
            continue
        try:
            _lower(node, lowering)
        except (UnknownShape, Unsupported) as error:
            _fail(node, lowering, str(error))
        except (KeyError, IndexError, ValueError, TypeError, ZeroDivisionError) as error:
            reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__} {error}"
            _fail(node, lowering, f"its attributes and inputs do not fit together ({reason})")


def unsupported_problems(lowering: Lowering) -> Problems:
    """One problem per operator type that could not be lowered: how often, where, and why."""
    problems = Problems()
    for op, text in zip(sorted(lowering.unsupported), unsupported_texts(lowering), strict=True):
        known = op in lowerings
        problems.add(text, lowering.document.place, found=op, allowed=None if known else lowerings.names(),
                     suggest_for=op)  # fmt: skip
    return problems


def unsupported_texts(lowering: Lowering) -> list[str]:
    """Per operator type that could not be lowered: how often, where, and why."""
    texts = []
    for op, failures in sorted(lowering.unsupported.items()):
        reasons = dict.fromkeys(reason for _, reason in failures)
        shown = ", ".join(label for label, _ in failures[:5]) + (", ..." if len(failures) > 5 else "")
        times = "once" if len(failures) == 1 else f"{len(failures)} times"
        texts.append(f"operator {op} ({times}: {shown}) cannot be lowered: {'; '.join(list(reasons)[:3])}")
    return texts


def _lower(node: Node, lowering: Lowering) -> None:
    if node.op in CONTROL_FLOW:
        raise Unsupported("is control flow; export the model without it (fixed sequence lengths, no dynamic loops)")
    if constant_outputs(lowering, node):
        return
    lower = lowerings.get(node.op) if node.op in lowerings else None
    if lower is None:
        raise Unsupported("there is no lowering for it")
    lower(node, lowering)
    for name in filter(None, node.outputs):
        if name not in lowering.values:
            lowering.values[name] = Value(name, (), 1, (), unknown=True)


def _fail(node: Node, lowering: Lowering, reason: str) -> None:
    lowering.unsupported.setdefault(node.op, []).append((node.label, reason))
    try:
        for position, name in enumerate(node.outputs):
            if name:
                lowering.values[name] = lowering.tensor(name, *lowering.result(node, position))
    except (UnknownShape, Unsupported):
        _give_up(node, lowering)


def _give_up(node: Node, lowering: Lowering) -> None:
    for name in filter(None, node.outputs):
        lowering.values[name] = Value(name, (), 1, (), unknown=True)
