"""What the parts of a trace cost a group of cores, so that a pipeline's stages can be cut evenly: a roofline per region.

The cost of a region is the longest of its MACs at the arrays' peak, its element-wise operations on the vector units, and
all its operands and results, once, at an equal part of the memories' bandwidth. Left out: which weights find
room in the scratchpads (all count as read), tiles that are read again, and how well a shape fills the arrays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction

from sim.core.clock import PS_PER_S
from sim.hardware.layout import CoreView, Layout
from sim.mapping.engines.engine import compute_type, vector_operations
from sim.mapping.regions import Region, form_regions
from sim.trace.expand import expand
from sim.trace.model import Item, Operator, Repeat, Trace
from sim.trace.work import MatrixWork


def stage_costs(trace: Trace, layout: Layout, cores: Sequence[CoreView]) -> dict[tuple[int, int], int]:
    """(position among the items, iteration where that is a block of layers) -> picoseconds on ``cores``.

    A region counts with its first operator, so that what is fused does not invite a cut.
    """
    where = {id(operator): (place, index) for place, item in enumerate(trace.items)
             for operator, index in _operators(item)}  # fmt: skip
    groups = len(layout.cores) // len(cores)
    bytes_per_s = sum((tier.bytes_per_s for tier in layout.backing), Fraction(0)) / groups
    found: defaultdict[tuple[int, int], int] = defaultdict(int)
    for region in form_regions(expand(trace), layout.architecture.policy.fusion):
        place, index = where[id(region.head.operator)]
        iteration = dict(region.head.indices).get(index, 0) if index else 0
        found[place, iteration] += _cost_ps(region, cores, bytes_per_s)
    return dict(found)


def _operators(item: Item) -> list[tuple[Operator, str]]:
    """The operators of an outermost item, with the index of its block where that is of layers."""
    if isinstance(item, Operator):
        return [(item, "")]
    if not isinstance(item, Repeat):
        return []
    index = item.index if item.over == "layers" else ""
    return [(operator, index) for inner in item.body for operator, _ in _operators(inner)]


def _cost_ps(region: Region, cores: Sequence[CoreView], bytes_per_s: Fraction) -> int:
    macs = sum(one.work.macs for one in region.operators if isinstance(one.work, MatrixWork))
    peak = sum((core.peak_macs_per_s(compute_type(region)) for core in cores), Fraction(0))
    moved = sum(one.size_bytes for slices in region.operands for one in slices)
    moved += sum(one.size_bytes for one in region.outputs)
    times = [Fraction(moved) / bytes_per_s]
    if macs:
        times.append(Fraction(macs) / peak)
    operations, model = vector_operations(region), cores[0].vector_model
    if operations and model is not None:
        shares = [(name, -(-count // len(cores))) for name, count in operations]
        times.append(Fraction(model.cycles(shares)) / model.clock.hz)
    return int(max(times) * PS_PER_S)
