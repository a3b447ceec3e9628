"""ONNX frontend: a model graph (``.onnx``) to a trace.

The graph is read without its external data; weights are what follows from initializers and constants. Shapes are fixed
(``batch``, ``shapes``), shape arithmetic and views cost nothing, an affine operator per channel (batch normalisation in
inference) folds into the convolution in front of it, and every other node is lowered by the function registered for its
operator type in :mod:`sim.trace.frontends.onnx_graph.operators`. Left out: values of weights, control flow, and graphs
whose shapes depend on data.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sim.core.errors import InputError, Problem, Problems
from sim.trace.check import find_problems
from sim.trace.frontends import Frontend, frontends
from sim.trace.frontends.onnx_graph.constants import add_initializers
from sim.trace.frontends.onnx_graph.document import Document, read_document
from sim.trace.frontends.onnx_graph.lowering import Lowering
from sim.trace.frontends.onnx_graph.pruning import live_nodes
from sim.trace.frontends.onnx_graph.shapes import input_shapes
from sim.trace.frontends.onnx_graph.values import FLOAT_TYPES
from sim.trace.frontends.onnx_graph.walk import lower_nodes, unsupported_problems, unsupported_texts
from sim.trace.model import Trace
from sim.trace.options import LowerOptions


@frontends.register("onnx")
class OnnxFrontend(Frontend):
    """ONNX graphs. ``batch`` 1, the default, leaves a batch that the graph fixes as it is."""

    reads = "an ONNX model (.onnx)"
    options = frozenset({"batch", "shapes", "dtype", "weights", "allow_unsupported"})

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Every file called ``.onnx``."""
        return path.suffix.lower() == ".onnx"

    @classmethod
    def lower(cls, path: Path, options: LowerOptions) -> Trace:
        """The trace of the graph in ``path``; raises InputError with every problem found."""
        return lower_onnx(path, options)


def lower_onnx(path: str | Path, options: LowerOptions | None = None) -> Trace:
    """The trace of the ONNX graph in ``path``. Raises :class:`InputError` naming everything that cannot be lowered."""
    options = options or LowerOptions()
    document = read_document(path)
    source = f"{Path(path).name} ({document.producer or 'unknown producer'}, operator set {document.opsets.get('', 1)})"
    name, description = Path(path).stem, f"{document.name or Path(path).stem}, lowered from ONNX"
    return lower_document(document, options, Trace(name, (), description=description, source=source))


def lower_document(document: Document, options: LowerOptions, header: Trace) -> Trace:
    """The trace of a document, with the name, description, source and first notes of ``header``."""
    notes: list[str] = list(header.notes)
    document = live_nodes(document, notes)
    batch = options.batch if options.batch != 1 else None
    shapes = input_shapes(document, batch, options.shapes, notes)
    lowering = Lowering(document, options.dtype, options.weights, batch)
    add_initializers(lowering)
    for name, (shape, element_type) in shapes.items():
        role = "activation" if element_type in FLOAT_TYPES else "index"
        lowering.values[name] = lowering.tensor(name, shape, element_type, role)
    lower_nodes(lowering)
    problems = unsupported_problems(lowering)
    if problems and not options.allow_unsupported:
        problems.raise_if_any()
    notes += [f"left out: {text}" for text in unsupported_texts(lowering)]
    if not lowering.operators:
        raise InputError(
            [Problem("nothing is left to run: the graph computes constants or views only", document.place)]
        )
    return _trace(header, document, lowering, tuple(shapes), notes)


def _trace(header: Trace, document: Document, lowering: Lowering, inputs: tuple[str, ...], notes: list[str]) -> Trace:
    written = {use.tensor for operator in lowering.operators for use in operator.outputs}
    outputs: dict[str, None] = {}
    for name in document.outputs:
        stored = [piece.tensor for piece in lowering.values[name].pieces if piece.tensor in written]
        outputs.update(dict.fromkeys(stored))
        if not stored:
            notes.append(f"output {name!r} is not computed: it is an input, a constant or was left out")
    for what, count in sorted(lowering.folded.items()):
        notes.append(f"{what}: {count}")
    trace = replace(header, items=lowering.items(inputs), outputs=tuple(outputs), notes=tuple(notes))
    problems = Problems()
    find_problems(trace, problems, lambda place, path: document.place)
    problems.raise_if_any()
    return trace
