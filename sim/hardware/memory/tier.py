"""The interface of a memory tier's timing engine. The bandwidth model implements it; a bank-level one plugs in here.

A tier holds whole tensors; a transfer is one DMA request of a tile's bytes at an address. An engine is found by name
(``model:`` in the YAML) in the registry :data:`tier_models`.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple, Protocol

from pydantic import Field

from sim.config.fields import SizeBytes
from sim.config.spec import ComponentSpec
from sim.core.channel import TransferEngine
from sim.core.registry import Registry


class Where(NamedTuple):
    """Where a transfer lies in a memory: address of its first byte; rows as in :class:`Access`."""

    address: int
    row_bytes: int = 0
    stride_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Access:
    """A transfer as a timing model may tell them apart; ``address`` in bytes, or None: where its stream left off.

    The rows of a tile may lie apart: ``row_bytes`` each, ``stride_bytes`` from one to the next (0: one piece). Transfers of
    one stream and direction are equal wherever they lie: who serves streams in turn takes them as one.
    """

    stream: Hashable
    write: bool
    address: int | None = field(default=None, compare=False)
    row_bytes: int = field(default=0, compare=False)
    stride_bytes: int = field(default=0, compare=False)


class TierSpec(Protocol):
    """What a memory's YAML gives a timing model (see ``DramSpec`` for the meaning of each)."""

    @property
    def device(self) -> str | None: ...
    @property
    def stacks(self) -> int: ...
    @property
    def bandwidth(self) -> Fraction | None: ...
    @property
    def latency(self) -> int | None: ...
    @property
    def burst(self) -> int | None: ...
    @property
    def sustained(self) -> Fraction: ...
    @property
    def mapping(self) -> str | None: ...
    @property
    def channels(self) -> int | None: ...
    @property
    def policy(self) -> str | None: ...


class TierTiming(Protocol):
    """Timing of one memory tier: closed forms for the mapper, and an engine for the run."""

    latency_ps: int
    """From request to first data, not occupying the data pins."""
    peak_bytes_per_s: Any
    """Data-pin bandwidth."""
    sustained_bytes_per_s: Any
    """Bandwidth of an endless sequential stream."""
    limit_bytes_per_s: Any
    """What no transfer exceeds, however short (between two refreshes, say)."""

    def engine(self) -> TransferEngine:
        """A fresh engine for one run."""
        ...

    def service_ps(self, size_bytes: int) -> int:
        """Time of one transfer alone, without latency."""
        ...


class TierModel(TierTiming, Protocol):
    """Timing of DRAM, found by the name of its ``model:``."""

    @classmethod
    def of(cls, spec: TierSpec) -> TierModel:
        """The model of a memory as its YAML describes it."""
        ...


class OffChipSpec(ComponentSpec):
    """Base of the specs of off-chip memories: each can be the home of tensors."""

    capacity: SizeBytes = Field(description="bytes of the whole tier")

    def timing(self) -> TierTiming:
        """The tier's timing model (closed forms; no state)."""
        raise NotImplementedError


tier_models: Registry[type[Any]] = Registry("tier_models", "memory model")
