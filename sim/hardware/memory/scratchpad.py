"""Scratchpad: software-managed on-chip memory with capacity, banks and a shared bandwidth.

What it models: ``banks * width`` bytes per cycle shared round-robin by the arrays, the vector unit and the DMA; buffer
space as credits granted in order (double buffering falls out of it); with ``layout: row_major`` a strided access hits
only banks/gcd(stride, banks) banks, with ``interleaved`` (address swizzled over banks) every access hits all. What it
leaves out: single-access conflicts below that average, and read-after-write hazards (the executor orders those).

Busy means: at least one access stream is in service.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, Field

from sim.config.fields import PositiveInt, Rate, SizeBytes, at_most
from sim.config.spec import ComponentSpec, components
from sim.core.arith import larger
from sim.core.clock import Clock
from sim.core.component import Context
from sim.core.pipe import RoundRobinPipe
from sim.hardware.memory.memory import Memory

MAX_BUFFERS = 1024
"""Tiles in flight of one operator; two hide a latency, tens are more than any machine keeps."""


class ScratchpadSpec(ComponentSpec):
    """YAML keys of ``kind: scratchpad``."""

    capacity: SizeBytes = Field(description="bytes")
    banks: PositiveInt = Field(default=1, description="independent banks")
    width: SizeBytes = Field(description="bytes per bank per cycle")
    buffers: Annotated[PositiveInt, AfterValidator(at_most(MAX_BUFFERS))] = Field(
        default=2, description="tiles of one operator that must fit at once (2: double buffering)"
    )
    layout: Literal["interleaved", "row_major"] = Field(
        default="interleaved", description="are addresses swizzled over banks, or do strided accesses conflict?"
    )
    output_share: Rate = Field(
        default=Fraction(1, 4), description="part of the streaming space kept for results (a policy, not hardware)"
    )
    resident_share: Rate = Field(
        default=Fraction(1, 2),
        description="part kept for whole tensors, where this is the only core and so its scratchpad can be a home",
    )


class ScratchpadModel:
    """Closed forms of one scratchpad."""

    def __init__(self, spec: ScratchpadSpec, clock_hz: Fraction) -> None:
        self.spec = spec
        self.clock = Clock(clock_hz)
        self.bytes_per_cycle = spec.banks * spec.width * spec.count
        self.bytes_per_s = self.bytes_per_cycle * self.clock.hz

    def conflict_factor(self, stride_bytes: Any) -> Any:
        """Slow-down of an access pattern with this stride (integer or array): banks / distinct banks hit.

        1 when interleaved, or when the stride is within a bank's width.
        """
        if self.spec.layout == "interleaved":
            return 1
        return np.gcd(larger(stride_bytes // self.spec.width, 1), self.spec.banks)


@components.register("scratchpad")
class Scratchpad(Memory):
    """One scratchpad: one lane for its banks. Also usable as an on-chip tier that several cores share."""

    Spec = ScratchpadSpec

    def __init__(
        self, context: Context, path: str, rank: int, declared: str, spec: ScratchpadSpec, hz: Fraction
    ) -> None:
        self.model = ScratchpadModel(spec, hz)
        pipe = RoundRobinPipe(self.model.bytes_per_s, self.model.bytes_per_cycle)
        super().__init__(context, path, rank, declared, pipe, latency_ps=0)
