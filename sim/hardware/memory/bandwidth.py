"""``model: bandwidth``: a memory tier as one data bus with a sustained bandwidth and an access latency.

What it models: bursts served round-robin among requesters (each core's DMA is one), first come first served within
one; a fixed latency per transfer that does not occupy the bus. What it leaves out: rows, banks, refresh and
read/write turnaround, which stand as one documented number, ``sustained`` (fraction of peak of a sequential stream).
"""

from __future__ import annotations

from fractions import Fraction

from sim.core.channel import TransferEngine
from sim.core.errors import InputError, Problem
from sim.core.pipe import RoundRobinPipe
from sim.hardware.memory.devices import DEVICES
from sim.hardware.memory.devices.device import rated
from sim.hardware.memory.tier import TierSpec, tier_models

DEFAULT_BURST_BYTES = 64


@tier_models.register("bandwidth")
class BandwidthModel:
    """A tier of ``bytes_per_s * sustained``, served in bursts of ``burst_bytes``."""

    def __init__(self, bytes_per_s: Fraction, sustained: Fraction, latency_ps: int, burst_bytes: int) -> None:
        self.latency_ps = latency_ps
        self.peak_bytes_per_s = bytes_per_s
        self.sustained_bytes_per_s = self.limit_bytes_per_s = bytes_per_s * sustained
        self._burst_bytes = burst_bytes
        self._closed_form = RoundRobinPipe(self.sustained_bytes_per_s, burst_bytes)

    @classmethod
    def of(cls, spec: TierSpec) -> BandwidthModel:
        device = rated(DEVICES[spec.device], spec.channels, None) if spec.device is not None else None
        per_stack, latency_ps, burst = spec.bandwidth, spec.latency, spec.burst
        if device is not None:
            per_stack = per_stack if per_stack is not None else device.bytes_per_s
            latency_ps = latency_ps if latency_ps is not None else device.latency_ns * 1000
            burst = burst or device.burst_bytes
        if per_stack is None:
            raise InputError([Problem("a memory needs a `device` or a `bandwidth`")])
        return cls(per_stack * spec.stacks, spec.sustained, latency_ps or 0, burst or DEFAULT_BURST_BYTES)

    def engine(self) -> TransferEngine:
        return RoundRobinPipe(self.sustained_bytes_per_s, self._burst_bytes)

    def service_ps(self, size_bytes: int) -> int:
        return self._closed_form.service_ps(size_bytes)
