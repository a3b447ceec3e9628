"""The interface of what can execute a region: asked for a plan, it says how it would do it and when it would be done.

An engine is a class of equal units (cores of one declaration) or a single one (a roofline engine, the PIM units of a
memory). The units that run its plans are in :mod:`sim.run.engines`, under the same name.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

from sim.config.policy import MappingPin
from sim.core.registry import Registry
from sim.hardware.layout import Layout
from sim.mapping.plan import Plan, Sources
from sim.mapping.regions import Region
from sim.trace.dtypes import data_type
from sim.trace.work import MatrixWork


class Request(NamedTuple):
    """A region to plan. ``operands`` and ``sizes`` (bytes) by position, as the plan's loads name them.

    ``outputs``: of a joined region, where the results of each part go (None: they stay on chip).
    """

    region: Region
    operands: tuple[Sources, ...]
    sizes: tuple[int, ...]
    output: Sources
    pin: MappingPin | None
    outputs: tuple[Sources | None, ...] = ()


class PlanningEngine(Protocol):
    """One engine as the mapper sees it; no state of a run."""

    name: str

    def plan(self, request: Request) -> Plan | None:
        """The engine's best plan; None when it cannot execute the region."""
        ...


@runtime_checkable
class Explains(Protocol):
    """An engine that can say why it does not take a region."""

    def reason(self, request: Request) -> str:
        """Why it cannot execute the region; "" when it can."""
        ...


class EngineKind(Protocol):
    """A kind of engine: finds its engines in a machine."""

    @classmethod
    def of(cls, layout: Layout, resident: dict[int, int]) -> tuple[PlanningEngine, ...]:
        """All engines of this kind. ``resident``: bytes of each core's scratchpad that hold whole tensors."""
        ...


engine_kinds: Registry[type[EngineKind]] = Registry("engine_kinds", "engine kind")


def compute_type(region: Region) -> str:
    """The element type multiplied: that of the wider of A and B (weights are widened when read, as in W4A16)."""
    head = next((one for one in region.operators if isinstance(one.work, MatrixWork)), region.head)
    types = [data_type(slices[0].tensor.dtype) for port, slices in head.inputs if slices and port in ("a", "b")]
    if not types:
        return "bf16"
    return max(types, key=lambda one: (one.bits, one.name)).compute


def vector_operations(region: Region, first: int = 0) -> tuple[tuple[str, int], ...]:
    """Element-wise operations of the region's operators from place ``first`` on, by function."""
    found: dict[str, int] = {}
    for operator in region.operators[first:]:
        for name, count in getattr(operator.work, "operations", ()):
            found[name] = found.get(name, 0) + count
    return tuple(sorted(found.items()))


def pinned_elsewhere(request: Request, name: str) -> bool:
    """Does a pin send the region to another engine?"""
    return request.pin is not None and request.pin.engine not in (None, name)
