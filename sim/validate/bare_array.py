"""Matrix operators on a machine where nothing waits: what a model of the array alone has to reproduce.

A run here is an ordinary run (``sim.run``) of an ordinary trace on an ordinary architecture, one that has only what the
reference simulator has: systolic arrays with serial folds and no accumulator, fed by memory of practically unlimited
width. One core is its own home of all tensors, so that nothing is transferred; several cores share one on-chip memory.
The mapping is pinned to one tile per core (the reference does not tile) and to the split over cores that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sim.config.architecture import Architecture
from sim.config.build import build_architecture
from sim.config.yaml_source import locate
from sim.core.errors import InconsistencyError, Place
from sim.run.simulate import run_trace
from sim.trace.builder import TraceBuilder
from sim.trace.model import Trace

CLOCK, CYCLE_PS = "1 GHz", 1000
"""Chosen so that cycles are whole picoseconds; it cancels out of every cycle count."""
WHOLE = 2**40
"""A tile size beyond any extent: the whole operator is one tile."""


@dataclass(frozen=True)
class Array:
    """An architecture of this module: dataflow, PEs of one array, and cores along M and N (one array each)."""

    dataflow: str
    rows: int
    cols: int
    m_parts: int = 1
    n_parts: int = 1


@dataclass(frozen=True)
class Product:
    """One matrix operator: ``kind`` gemm or conv with the dimensions of that kind; shapes of A, B and the result."""

    name: str
    kind: str
    dims: Mapping[str, int]
    shapes: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
    sparsity: str | None = None


@dataclass(frozen=True)
class Counts:
    """What a run counted for one operator: busy cycles of every core's array, and element counts over all cores."""

    cycles: tuple[int, ...]
    a_reads: int
    b_reads: int
    c_writes: int
    macs: int
    macs_executed: int


def gemm(name: str, m: int, n: int, k: int, sparsity: str | None = None) -> Product:
    """C[m,n] = A[m,k] x B[k,n], with ``sparsity`` "N:M" along K of B."""
    return Product(name, "gemm", {"m": m, "n": n, "k": k}, ((m, k), (k, n), (m, n)), sparsity)


def architecture(array: Array) -> Architecture:
    """The machine of ``array`` from a document, through the same reader as any YAML file."""
    cores = array.m_parts * array.n_parts
    memory = {"kind": "scratchpad", "capacity": "1024 PiB", "width": "1 GiB", "clock": "core"}
    unit = {
        "kind": "systolic_array", "rows": array.rows, "cols": array.cols, "dataflow": array.dataflow,
        "fold_overlap": "none", "types": {"int8": 1}, "accumulator": 0, "clock": "core",
    }  # fmt: skip
    document: dict[str, Any] = {
        "name": f"bare_{array.dataflow}_{array.rows}x{array.cols}_{cores}",
        "technology": "45 nm",
        "clocks": {"core": CLOCK},
        "core": {"count": cores, "array": unit, "sram": memory},
        "policy": {
            "mapping": {
                "*": {
                    "tile": {"b": WHOLE, "m": WHOLE, "n": WHOLE, "k": WHOLE},
                    "cores": {"m": array.m_parts, "n": array.n_parts},
                }
            }
        },
    }
    if cores > 1:
        document["shared"] = memory
    file = "validation"
    return build_architecture(locate(document, Place(file)), file)


def run_products(array: Array, products: Sequence[Product]) -> list[Counts]:
    """Run ``products``, independent of each other, as one trace on the machine of ``array``; counts in their order."""
    record = run_trace(_trace(products), architecture(array))
    owners = {one.name: owner for owner, one in enumerate(record.operators)}
    tallies = [_Tally() for _ in record.operators]
    for component in record.components:
        if component.kind != "systolic_array":
            continue
        for lane in component.lanes:
            for owner, busy_ps in lane.busy_by.items():
                tallies[owner].busy_ps.append(busy_ps)
        for owner, counts in component.ledger.items():
            for name, amount in counts.items():
                tallies[owner].counts[name] = tallies[owner].counts.get(name, 0) + amount
    return [tallies[owners[product.name]].read(product.name) for product in products]


@dataclass
class _Tally:
    """Busy times of the lanes that worked on one operator, and its counts summed over cores."""

    busy_ps: list[int] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def read(self, name: str) -> Counts:
        if not self.busy_ps or any(busy % CYCLE_PS for busy in self.busy_ps):
            raise InconsistencyError("validation", f"{name}: arrays were busy for {self.busy_ps} ps, not whole cycles")
        kinds = ("a_reads", "b_reads", "c_writes", "macs", "macs_executed")
        return Counts(tuple(busy // CYCLE_PS for busy in self.busy_ps), *(self.counts.get(kind, 0) for kind in kinds))


def _trace(products: Iterable[Product]) -> Trace:
    builder = TraceBuilder("products", dtype="int8")
    outputs = []
    for product in products:
        a, b, c = product.shapes
        uses = {
            "a": builder.activation(f"{product.name}.a", a),
            "b": builder.weight(f"{product.name}.b", b),
        }
        outputs.append(builder.activation(f"{product.name}.c", c))
        attributes = {"sparsity": product.sparsity} if product.sparsity else {}
        builder.op(product.name, product.kind, product.dims, uses, outputs[-1], attributes)
    return builder.build(outputs)
