"""DRAM tiers: off-chip memory of a named device or of a plain bandwidth, behind the tier-model interface.

Busy means: the data bus is transferring. The timing model is a strategy (``model:``, see
:mod:`sim.hardware.memory.tier`).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Self

from pydantic import Field, model_validator

from sim.config.fields import Bandwidth, DurationPs, PositiveInt, Rate, SizeBytes
from sim.config.spec import ComponentSpec, components
from sim.core.component import Context
from sim.core.errors import nearest
from sim.hardware.memory.devices import DEVICES
from sim.hardware.memory.memory import Memory
from sim.hardware.memory.tier import TierModel, tier_models

DEFAULT_BURST_BYTES = 64


class DramSpec(ComponentSpec):
    """YAML keys of ``kind: dram``. Give a ``device`` (and ``stacks``), or a ``bandwidth`` (and ``latency``)."""

    capacity: SizeBytes = Field(description="bytes of the whole tier")
    device: str | None = Field(default=None, description="a named device; gives bandwidth, latency and burst")
    stacks: PositiveInt = Field(default=1, description="stacks, modules or packages of the device side by side")
    bandwidth: Bandwidth | None = Field(
        default=None, description="peak bandwidth of the whole tier; overrides the device's"
    )
    latency: DurationPs | None = Field(default=None, description="idle access latency; overrides the device's")
    burst: SizeBytes | None = Field(default=None, description="bytes per access; overrides the device's")
    sustained: Rate = Field(default=Fraction(1), description="fraction of peak that a sequential stream sustains")
    model: str = Field(default="bandwidth", description="timing model of the tier")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.device is None and self.bandwidth is None:
            raise ValueError("give either `device` or `bandwidth`")
        if self.device is not None and self.device not in DEVICES:
            near = nearest(self.device, DEVICES)
            hint = f"; did you mean {near!r}?" if near else ""
            raise ValueError(f"unknown device {self.device!r}; one of {', '.join(sorted(DEVICES))}{hint}")
        if self.sustained > 1:
            raise ValueError("`sustained` is a fraction of peak, at most 1")
        return self

    def timing(self) -> TierModel:
        """The tier's timing model (closed forms; no state)."""
        peak, latency_ps, burst = self.bandwidth, self.latency or 0, self.burst or DEFAULT_BURST_BYTES
        if self.device is not None:
            device = DEVICES[self.device]
            peak = peak if peak is not None else device.bytes_per_s * self.stacks
            latency_ps = self.latency if self.latency is not None else device.latency_ns * 1000
            burst = self.burst or device.burst_bytes
        model: TierModel = tier_models.get(self.model)(peak, self.sustained, latency_ps, burst)
        return model


@components.register("dram")
class Dram(Memory):
    """One DRAM tier in a run: one lane, its data bus."""

    Spec = DramSpec

    def __init__(
        self, context: Context, path: str, rank: int, declared: str, spec: DramSpec, hz: Fraction | None
    ) -> None:
        self.model = spec.timing()
        super().__init__(context, path, rank, declared, self.model.engine(), self.model.latency_ps)
