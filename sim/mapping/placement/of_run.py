"""Placement of what all stages of a pipeline on one chip have in memory: every persistent tensor once, for the whole run.

Weights and caches have their places before the first stage begins, in order of use, so that a model that does not fit is
refused whichever of its stages come and go; what several stages read (tensors declared outside of the layer blocks) is one
tensor. Results stay as long: each stage's placement is closed when all stages have ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sim.mapping.placement.policy import Placement
from sim.trace.expand import TensorInstance
from sim.trace.first_uses import persistent_in_order
from sim.trace.model import Trace


class OfRun:
    """``own``: the policy's placement of the whole trace; ``stages``: the traces it was cut into."""

    def __init__(self, own: Placement, stages: Sequence[Trace]) -> None:
        self._own = own
        self._running = len(stages)
        self._ended: list[Placement] = []
        for number, trace in enumerate(stages):
            for tensor, _ in persistent_in_order(trace):
                own.home(_of_all(number, tensor), False)

    def home(self, stage: int, tensor: TensorInstance) -> int:
        """Tier of a persistent tensor of a stage (its number)."""
        return self._own.home(_of_all(stage, tensor), False)

    def address(self, stage: int, tensor: TensorInstance) -> int:
        """Its address in there."""
        return self._own.address(_of_all(stage, tensor))

    def ended(self, placement: Placement) -> None:
        """A stage has ended; with the last one, all is given back."""
        self._ended.append(placement)
        if len(self._ended) == self._running:
            for one in (*self._ended, self._own):
                one.close()


def _of_all(stage: int, tensor: TensorInstance) -> TensorInstance:
    """Layers are counted in every stage anew, so theirs are told apart by it."""
    return replace(tensor, indices=(("stage", stage), *tensor.indices)) if tensor.indices else tensor
