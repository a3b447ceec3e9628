"""DRAM tiers: off-chip memory of a named device or of a plain bandwidth, behind the tier-model interface.

Busy means: the data bus is transferring. The timing model is a strategy (``model:``, see
:mod:`sim.hardware.memory.tier`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from fractions import Fraction
from typing import Self

from pydantic import Field, model_validator

from sim.config.fields import Bandwidth, DurationPs, PositiveInt, Rate, SizeBytes
from sim.config.spec import ComponentSpec, components
from sim.core.channel import Channel
from sim.core.component import Activity, Component, Context
from sim.core.errors import nearest
from sim.hardware.memory.devices import DEVICES
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
class Dram(Component):
    """One DRAM tier in a run: one lane, its data bus."""

    Spec = DramSpec

    def __init__(
        self, context: Context, path: str, rank: int, declared: str, spec: DramSpec, hz: Fraction | None
    ) -> None:
        super().__init__(context, path, rank, declared)
        self.model = spec.timing()
        self.latency_ps = self.model.latency_ps
        self._channel = Channel(self, self.model.engine(), self.lane())

    def access(
        self,
        stream: Hashable,
        read_bytes: int,
        write_bytes: int,
        activity: Activity,
        done: Callable[[], None],
        conflicts: int = 1,
    ) -> None:
        """A transfer on behalf of ``stream``; ``done`` when its last burst has left (latency on top)."""
        if read_bytes:
            self.count(activity.owner, "read_bytes", read_bytes)
        if write_bytes:
            self.count(activity.owner, "write_bytes", write_bytes)
        self._channel.submit(stream, read_bytes + write_bytes, done, activity)
