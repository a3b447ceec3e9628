"""The data dependencies of a trace as a graph of its operators as written (a repeated one once)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.core.errors import InconsistencyError
from sim.trace.model import Item, Operator, Repeat, Tensor, Trace

if TYPE_CHECKING:
    import networkx


def trace_graph(trace: Trace) -> networkx.DiGraph[str]:
    """Producer -> consumer, by operator name; the trace must have passed the checker.

    Nodes carry ``kind``, ``count`` (executions) and ``blocks`` (indices of the blocks around, outermost first); edges
    carry ``tensors``, sorted. What an iteration hands to the next would close cycles, so it is not among the edges but
    in ``graph.graph["carried"]``: (producer, consumer, tensor) triples, for carries and for persistent tensors that
    one iteration writes and the next one reads.
    """
    import networkx

    graph: networkx.DiGraph[str] = networkx.DiGraph(name=trace.name)
    walk = _Walk(graph)
    walk.items(trace.items, (), 1)
    graph.graph["carried"] = tuple(dict.fromkeys(walk.carried))
    if not networkx.is_directed_acyclic_graph(graph):
        cycle = " -> ".join(source for source, _ in networkx.find_cycle(graph))
        raise InconsistencyError("the graph of a trace has no cycle", f"found {cycle}")
    return graph


class _Walk:
    """Walks in program order, so that a consumer finds the producers so far and no edge can point backwards."""

    def __init__(self, graph: networkx.DiGraph[str]) -> None:
        self._graph = graph
        self._producers: dict[str, list[str]] = {}
        self.carried: list[tuple[str, str, str]] = []

    def items(self, items: tuple[Item, ...], blocks: tuple[str, ...], count: int) -> None:
        for item in items:
            if isinstance(item, Operator):
                self._operator(item, blocks, count)
            elif isinstance(item, Repeat):
                self._repeat(item, blocks, count)
            elif not item.persistent:
                self._producers[item.name] = []

    def _operator(self, operator: Operator, blocks: tuple[str, ...], count: int) -> None:
        self._graph.add_node(operator.name, kind=operator.kind, count=count, blocks=blocks)
        for _, uses in operator.inputs:
            for use in uses:
                for producer in self._producers.get(use.tensor, ()):
                    self._edge(producer, operator.name, use.tensor)
        for use in operator.outputs:
            producers = self._producers.setdefault(use.tensor, [])
            if operator.name not in producers:
                producers.append(operator.name)

    def _edge(self, producer: str, consumer: str, tensor: str) -> None:
        if producer == consumer:
            return
        known = self._graph.get_edge_data(producer, consumer, {"tensors": ()})["tensors"]
        self._graph.add_edge(producer, consumer, tensors=tuple(sorted({*known, tensor})))

    def _repeat(self, block: Repeat, blocks: tuple[str, ...], count: int) -> None:
        self.items(block.body, (*blocks, block.index), count * block.count)
        last = {outer: list(self._producers.get(inner, ())) for outer, inner in block.carry}
        consumers = _consumers(block.body)
        if block.count > 1:
            for outer, producers in last.items():
                self._carry(producers, consumers.get(outer, ()), outer)
            if block.over == "steps":
                self._persistent(block, consumers)
        self._producers.update(last)

    def _persistent(self, block: Repeat, consumers: dict[str, list[str]]) -> None:
        inside = {operator for operators in consumers.values() for operator in operators}
        for name in _persistent_names(block.body):
            producers = [producer for producer in self._producers.get(name, ()) if producer in inside]
            self._carry(producers, consumers.get(name, ()), name)

    def _carry(self, producers: list[str], consumers: list[str] | tuple[str, ...], tensor: str) -> None:
        self.carried += [(producer, consumer, tensor) for producer in producers for consumer in consumers]


def _consumers(items: tuple[Item, ...]) -> dict[str, list[str]]:
    """Tensor -> operators in these items (and in the blocks among them) that read it."""
    found: dict[str, list[str]] = {}
    for item in items:
        if isinstance(item, Operator):
            for _, uses in item.inputs:
                for use in uses:
                    found.setdefault(use.tensor, []).append(item.name)
        elif isinstance(item, Repeat):
            for name, operators in _consumers(item.body).items():
                found.setdefault(name, []).extend(operators)
    return found


def _persistent_names(items: tuple[Item, ...]) -> list[str]:
    names: list[str] = []
    for item in items:
        if isinstance(item, Tensor) and item.persistent:
            names.append(item.name)
        elif isinstance(item, Repeat):
            names += _persistent_names(item.body)
    return names
