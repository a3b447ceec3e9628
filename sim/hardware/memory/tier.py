"""The interface of a memory tier's timing engine. The bandwidth model implements it; a bank-level one plugs in here.

A tier holds whole tensors; a transfer is one DMA request of a tile's bytes at an address. An engine is found by name
(``model:`` in the YAML) in the registry :data:`tier_models`.
"""

from __future__ import annotations

from typing import Any, Protocol

from sim.core.channel import TransferEngine
from sim.core.registry import Registry


class TierModel(Protocol):
    """Timing of one memory tier: closed forms for the mapper, and an engine for the run."""

    latency_ps: int
    """From request to first data, not occupying the data pins."""
    peak_bytes_per_s: Any
    """Data-pin bandwidth."""
    sustained_bytes_per_s: Any
    """Bandwidth of an endless sequential stream."""

    def engine(self) -> TransferEngine:
        """A fresh engine for one run."""
        ...

    def service_ps(self, size_bytes: int) -> int:
        """Time of one transfer alone, without latency."""
        ...


tier_models: Registry[type[Any]] = Registry("tier_models", "memory model")
