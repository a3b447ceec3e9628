"""Chakra frontend: an execution trace of MLCommons (compute, memory and communication nodes) to a trace.

A compute node says how many operations it does and how many bytes it touches, not which product it is. It becomes a
``gemm`` of about as many MACs (operations / 2) and bytes: m = n = s and k with s*s*k MACs and 2*s*k + s*s elements; where a
product of so many MACs cannot touch so few, the cube. Nodes without operations but with a size are copies, those of
communication the ``collective`` kind. Sizes of collectives are read as ASTRA-sim does: the rank's part for an all-gather,
else the whole.

Left out, with a note: times (they are those of the machine that was traced), nodes without operations and size, metadata,
storage, barriers. Dependencies through those are kept.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from sim.core.errors import Place, Problems
from sim.trace.bounds import MAX_ELEMENTS
from sim.trace.builder import TraceBuilder
from sim.trace.dtypes import data_type
from sim.trace.frontends import Frontend, frontends
from sim.trace.frontends.chakra.nodes import ChakraNode, read_nodes
from sim.trace.model import Trace, Use
from sim.trace.options import LowerOptions

#: CollectiveCommType of et_def.proto -> function of the ``collective`` kind.
COLLECTIVES = {
    0: "all_reduce",
    2: "all_gather",
    5: "broadcast",
    6: "all_to_all",
    7: "reduce_scatter",
    8: "reduce_scatter",
}
BARRIER = 9
MEMORY = ("MEM_LOAD_NODE", "MEM_STORE_NODE")
POINT_TO_POINT = ("COMM_SEND_NODE", "COMM_RECV_NODE")


@frontends.register("chakra")
class Chakra(Frontend):
    """Chakra execution traces of one rank. ``--shape ranks=N`` says how many ranks a collective has that does not say so."""

    reads = "a Chakra execution trace (.et, .et.json)"
    options = frozenset({"dtype", "shapes"})

    @classmethod
    def matches(cls, path: Path) -> bool:
        return path.name.endswith((".et", ".et.json"))

    @classmethod
    def lower(cls, path: Path, options: LowerOptions) -> Trace:
        problems = Problems()
        nodes = read_nodes(path, problems)
        problems.raise_if_any()
        ordered = _ordered(nodes, Place(str(path)), problems)
        for name in sorted(set(options.shapes) - {"ranks"}):
            problems.add("--shape names nothing of an execution trace", Place(str(path)), found=name, allowed="ranks")
        problems.raise_if_any()
        lowering = _Lowering(path, options, problems)
        for node in ordered:
            lowering.node(node)
        problems.raise_if_any()
        return lowering.finish()


def _ordered(nodes: list[ChakraNode], place: Place, problems: Problems) -> list[ChakraNode]:
    """Producers first, otherwise as written; tells of ids given twice, of nodes nobody knows, and of cycles."""
    known: dict[int, ChakraNode] = {}
    for node in nodes:
        if node.id in known:
            problems.add(f"node id {node.id} is given twice", place, found=node.name[:100])
        known[node.id] = node
    for node in nodes:
        for dependency in node.after:
            if dependency not in known:
                problems.add(f"node {node.name[:100]!r} depends on a node that is not there", place, found=dependency)
    if problems:
        return []
    ordered: list[ChakraNode] = []
    state: dict[int, int] = {}  # 1: being visited, 2: done
    for start in nodes:
        stack = [(start, 0)]
        while stack:
            node, position = stack.pop()
            if state.get(node.id) == 2:
                continue
            if position == 0 and state.get(node.id) == 1:
                problems.add("the nodes depend on each other in a cycle", place, found=node.name[:100])
                return []
            state[node.id] = 1
            waiting = [one for one in node.after[position:] if state.get(one) != 2]
            if waiting:
                stack.append((node, node.after.index(waiting[0]) + 1))
                stack.append((known[waiting[0]], 0))
            else:
                state[node.id] = 2
                ordered.append(node)
    return ordered


def gemm_of(macs: int, elements: int) -> tuple[int, int]:
    """(s, k) of the product with m = n = s whose s*s*k is nearest to ``macs`` and whose operands hold ``elements``.

    2*macs/s + s*s = elements has two solutions; the smaller s, a long sum, is taken, since its k is large and rounds
    little. Without a solution it is the cube, s = k.
    """
    low, high = 1, max(1, round(macs ** (1 / 3)))
    while low < high:
        middle = (low + high) // 2
        if 2 * macs / middle + middle * middle <= elements:
            high = middle
        else:
            low = middle + 1
    if low > 1:
        low = min((low - 1, low), key=lambda s: abs(2 * macs / s + s * s - elements))
    return low, max(1, round(macs / low**2))


class _Lowering:
    """Writes the operators; ``_results`` are the tensors that stand for a node when another depends on it (none for one
    that was refused)."""

    def __init__(self, path: Path, options: LowerOptions, problems: Problems) -> None:
        self._place, self._problems = Place(str(path)), problems
        self._bits = data_type(options.dtype).bits
        self._ranks = options.shapes.get("ranks", 0)
        stem = path.name.removesuffix(".json").removesuffix(".et")
        self._builder = TraceBuilder(
            stem, description=f"{stem}, a Chakra execution trace", source=path.name, dtype=options.dtype
        )
        self._results: dict[int, tuple[tuple[str, int], ...]] = {}
        self._names: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()
        self._read: set[str] = set()
        self._made: list[str] = []
        self._products = 0

    def node(self, node: ChakraNode) -> None:
        """One node to an operator, or left out."""
        macs, size = node.count("num_ops") // 2, node.count("tensor_size")
        if node.kind == "COMP_NODE" and (macs or size):
            self._compute(node, macs, self._elements(size))
        elif node.kind in MEMORY and size:
            self._copy(node, self._elements(size))
        elif node.kind == "COMM_COLL_NODE" and node.attributes.get("comm_type") not in (BARRIER, str(BARRIER)):
            self._collective(node)
        elif node.kind in POINT_TO_POINT and node.count("comm_size"):
            self._exchange(node, "send_recv", self._elements(node.count("comm_size")), 2)
        else:
            self._left_out[node.kind] += 1
            self._results[node.id] = self._inherited(node)

    def _elements(self, size_bytes: int) -> int:
        return max(1, int(size_bytes * 8 // self._bits))

    def _inherited(self, node: ChakraNode) -> tuple[tuple[str, int], ...]:
        found = dict(result for one in node.after for result in self._results.get(one, ()))
        return tuple(found.items())[:64]

    def _name(self, node: ChakraNode) -> str:
        name = re.sub(r"[^\w./:+-]+", "_", node.name).strip("/")[:100] or f"node_{node.id}"
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name}#{node.id}"

    def _operands(self, node: ChakraNode, name: str, wanted: int) -> list[Use]:
        """Uses of ``wanted`` elements: of what the node depends on, then of an input of its own."""
        uses, left = [], wanted
        for tensor, elements in self._inherited(node):
            taken = min(elements, left)
            if taken:
                uses.append(Use(tensor, taken))
                self._read.add(tensor)
                left -= taken
        if left:
            uses.append(Use(self._builder.activation(f"{name}.in", (left,))))
        return uses

    def _result(self, node: ChakraNode, name: str, elements: int) -> str:
        if elements > MAX_ELEMENTS:
            self._problems.add(f"node {name!r} is absurdly large", self._place, found=f"{elements} elements")
            elements = 1
        result = self._builder.activation(f"{name}.out", (elements,))
        self._results[node.id] = ((result, elements),)
        self._made.append(result)
        return result

    def _compute(self, node: ChakraNode, macs: int, elements: int) -> None:
        if not macs:
            self._copy(node, elements)
            return
        if macs > 2**60:
            self._problems.add("absurdly many operations", self._place, found=f"node {node.name[:100]!r}: {2 * macs}")
            return
        name, (s, k) = self._name(node), gemm_of(macs, elements)
        a = self._operands(node, name, s * k)
        b = self._builder.activation(f"{name}.b", (k, s))
        out = self._result(node, name, s * s)
        self._builder.op(name, "gemm", {"m": s, "n": s, "k": k}, {"a": a, "b": b}, out)
        self._products += 1

    def _copy(self, node: ChakraNode, elements: int) -> None:
        name = self._name(node)
        x = self._operands(node, name, elements)
        self._builder.op(name, "copy", {"elements": elements}, {"x": x}, self._result(node, name, elements))

    def _collective(self, node: ChakraNode) -> None:
        kind = node.attributes.get("comm_type", 0)
        number = int(kind) if isinstance(kind, (int, str)) and str(kind).isdigit() else -1
        if number not in COLLECTIVES:
            self._problems.add(f"node {node.name[:100]!r}: a collective that is not known", self._place, found=kind,
                               allowed=[f"{code} ({text})" for code, text in COLLECTIVES.items()])  # fmt: skip
            return
        ranks = node.count("group_size", "comm_group_size", "pg_size") or self._ranks
        if not ranks:
            message = (
                f"node {node.name[:100]!r}: how many ranks it has is not in the trace; give it with --shape ranks=N"
            )
            self._problems.add(message, self._place)
            return
        size = self._elements(node.count("comm_size"))
        self._exchange(node, COLLECTIVES[number], size * ranks if number == 2 else size, ranks)

    def _exchange(self, node: ChakraNode, function: str, elements: int, ranks: int) -> None:
        name, part = self._name(node), -(-elements // ranks)
        x = self._operands(node, name, part if function == "all_gather" else elements)
        out = self._result(node, name, part if function == "reduce_scatter" else elements)
        group = str(node.attributes.get("pg_name") or node.attributes.get("comm_group") or "world")
        attributes = {"function": function, "group": group}
        self._builder.op(name, "collective", {"elements": elements, "ranks": ranks}, {"x": x}, out, attributes)

    def finish(self) -> Trace:
        """The trace; its outputs are the results that nobody reads."""
        for kind, count in sorted(self._left_out.items()):
            self._builder.note(f"left out: {count} of {kind} (no operations, no size, or nothing of the accelerator)")
        if self._products:
            self._builder.note(
                f"shapes of {self._products} compute nodes are chosen: the trace has operations and bytes only"
            )
        if not self._made:
            self._problems.add("nothing is left to run: no node has operations or a size", self._place)
            self._problems.raise_if_any()
        return self._builder.build([name for name in self._made if name not in self._read])
