"""The interface of a placement policy: asked for the home of a tensor, told when a tensor is no longer needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from sim.core.arith import ceil_div
from sim.core.registry import Registry
from sim.hardware.layout import Layout
from sim.mapping.placement.arena import Arena
from sim.trace.expand import TensorInstance
from sim.trace.model import Trace


class Placement(Protocol):
    """One per job. Jobs share the ``arenas``, one per tier."""

    def __init__(self, layout: Layout, trace: Trace, arenas: Sequence[Arena]) -> None: ...

    @staticmethod
    def stripes(layout: Layout) -> dict[int, tuple[int, ...]]:
        """Tier -> the tiers over which a tensor with this home is cut in equal parts; the others hold theirs whole."""
        ...

    def has_room(self) -> bool:
        """Is there room now for everything that lives as long as the job?"""
        ...

    def close(self) -> None:
        """The job is done: give back all it still holds."""
        ...

    def ready(self, made: Sequence[TensorInstance]) -> bool:
        """May a region that makes these tensors begin now? If not, it is asked again when another has ended."""
        ...

    def begins(self, made: Sequence[TensorInstance]) -> None:
        """A region that makes these tensors, which have their homes, begins now. (Homes are also asked for to predict.)"""
        ...

    def home(self, tensor: TensorInstance, produced: bool) -> int:
        """Tier index of ``tensor``; ``produced``: an operator of the run writes it (else it is an input of the model)."""
        ...

    def placed(self, tensor: TensorInstance) -> bool:
        """Has ``tensor`` a home already?"""
        ...

    def address(self, tensor: TensorInstance) -> int:
        """Address of a placed tensor in its home."""
        ...

    def release(self, tensor: TensorInstance) -> None:
        """``tensor`` has had its last use and its space may be given to the next."""
        ...


def part_bytes(size_bytes: int, copies: int) -> int:
    """Bytes of a tensor in each of the ``copies`` of a memory over which it is cut in equal parts."""
    return int(ceil_div(size_bytes, copies))


placements: Registry[type[Any]] = Registry("placements", "placement policy")
