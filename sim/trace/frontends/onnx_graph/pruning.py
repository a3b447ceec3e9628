"""Leaves out what no graph output depends on: nodes of training graphs, queues, unused heads, unused inputs."""

from __future__ import annotations

from dataclasses import replace

from sim.trace.frontends.onnx_graph.document import Document


def live_nodes(document: Document, notes: list[str]) -> Document:
    """The document without nodes and inputs that lead to no output; a note says how many nodes went."""
    wanted = set(document.outputs)
    kept = []
    for node in reversed(document.nodes):
        if wanted.intersection(filter(None, node.outputs)):
            kept.append(node)
            wanted.update(filter(None, node.inputs))
            wanted.update(_captured(node.proto))
    dropped = len(document.nodes) - len(kept)
    if dropped:
        notes.append(f"nodes that no output depends on, left out: {dropped}")
    inputs = tuple(value for value in document.inputs if value.name in wanted)
    return replace(document, nodes=tuple(reversed(kept)), inputs=inputs)


def _captured(proto: object) -> set[str]:
    """Names that the subgraphs of a control-flow node may read from the graph around it."""
    names: set[str] = set()
    for attribute in proto.attribute:  # type: ignore[attr-defined]
        for graph in (*attribute.graphs, attribute.g):
            for node in graph.node:
                names.update(filter(None, node.input))
                names |= _captured(node)
    return names
