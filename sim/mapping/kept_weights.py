"""Weights that a group of cores keeps in its scratchpads, each core the part that its share of the work multiplies.

A plan says which part that is: of a product [M,K] x [K,N], the columns and rows of its share of N and K, so cores that
share M hold the same. Later plans for the operator are made with the same split over cores, and read the weights in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sim.config.policy import MappingPin
from sim.hardware.pe.systolic import bits_to_bytes, kept_k
from sim.mapping.core_splits import DIMENSIONS
from sim.mapping.matrix_nest import MatrixNest
from sim.mapping.plan import Plan, Sources, TilePlace
from sim.mapping.regions import Region
from sim.trace.expand import Slice
from sim.trace.work import MatrixWork

WEIGHTS = 1
"""Position of the weights among the operands of matrix work."""
ROLES = ("weight", "constant")


class WeightShare(NamedTuple):
    """The part of one core (slot of the plan): its bytes, where it begins in the tensor, and a name equal parts share."""

    size_bytes: int
    place: TilePlace
    part: Any


@dataclass(frozen=True)
class Kept:
    """How ``tensors`` (keys), an operator's weights, lie in scratchpads: its ``split`` over ``cores`` (indices), and the
    ``shares``, by slot."""

    tensors: tuple[Any, ...]
    split: tuple[int, ...]
    cores: tuple[int, ...]
    shares: tuple[WeightShare, ...]

    def pinned(self, pin: MappingPin | None) -> MappingPin | None:
        """``pin`` with the split that the weights lie by (none yet: as it is)."""
        if not self.split:
            return pin
        cores = dict(zip(DIMENSIONS, self.split, strict=True))
        return (pin or MappingPin()).model_copy(update={"cores": cores})


def can_keep(region: Region) -> bool:
    """Is it a single product whose second operand is weights, all of them?"""
    if region.parts or region.is_attention or not isinstance(region.head.work, MatrixWork):
        return False
    slices = region.operands[WEIGHTS]
    return bool(slices) and all(one.tensor.role in ROLES and one.elements == one.tensor.elements for one in slices)


def here(slices: Sequence[Slice]) -> Sources:
    """The source of an operand that is in the scratchpads already."""
    return Sources((), sum(one.size_bytes for one in slices), True)


def weight_shares(plan: Plan) -> tuple[tuple[int, ...], tuple[WeightShare, ...]] | None:
    """The split of a plan over cores, and its weights slot by slot; None where it is not one product on cores."""
    nests = [one for one in plan.schedules if isinstance(one, MatrixNest)]
    if len(nests) != 1 or len(plan.schedules) != 1 or plan.parts:
        return None
    nest = nests[0]
    return tuple(nest.choice.split), tuple(_share(nest, slot) for slot in range(nest.slots))


def _share(nest: MatrixNest, slot: int) -> WeightShare:
    shape, unit = nest.shape, nest.geometry.k_unit
    (b_first, b), _, (n_first, n), (k_first, k_units) = nest.ranges(slot)
    whole = kept_k(shape.segment.k, shape.sparsity)
    first = kept_k(k_first * unit, shape.sparsity)
    rows = min(whole, kept_k((k_first + k_units) * unit, shape.sparsity)) - first
    size = int(bits_to_bytes(b * max(0, rows) * n, shape.b_bits))
    before = int(bits_to_bytes((b_first * shape.segment.n + n_first) * whole + first * n, shape.b_bits))
    return WeightShare(size, TilePlace(before), (b_first, b, n_first, n, k_first, k_units))
