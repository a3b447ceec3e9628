"""Cache: on-chip memory between the cores and off-chip tiers, which keeps what passes through it.

What it models: one cache that all cores share, in front of the tiers named in ``fronts``; ``banks * width`` bytes per
cycle shared round-robin by all transfers. Which bytes hit is decided before they move (:mod:`sim.mapping.cache_reuse` for
tiles, :mod:`sim.run.cache_contents` for whole tensors), as a fully associative LRU cache would with everything since the
last use; so there is no state per line and no event per line. A hit occupies the cache and the links between it and the
core; a miss the memory and the links behind it as well. Stores are written through: they occupy both, and stay in the cache.

What it leaves out: sets and conflict misses, lines (whole tiles hit or miss), write-back (a result that dies young is still
written to memory), several caches one behind the other, and transfers of engines other than cores, which go past it.

Busy means: at least one transfer is in service.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from sim.config.fields import DurationPs, PositiveInt, SizeBytes
from sim.config.spec import ComponentSpec, components
from sim.core.clock import Clock
from sim.core.component import Activity, Context
from sim.core.pipe import RoundRobinPipe
from sim.hardware.memory.memory import Memory


class CacheSpec(ComponentSpec):
    """YAML keys of ``kind: cache``."""

    capacity: SizeBytes = Field(description="bytes; 0: no cache")
    fronts: Annotated[list[str], Field(min_length=1)] = Field(
        description="paths of the off-chip memories it stands before, relative to its group or from the top"
    )
    banks: PositiveInt = Field(default=1, description="independent banks")
    width: SizeBytes = Field(gt=0, description="bytes per bank per cycle")
    latency: DurationPs = Field(default=0, description="time of an access, on top of the links'")


class CacheModel:
    """Closed form of a cache: its rate."""

    def __init__(self, spec: CacheSpec, clock_hz: Fraction) -> None:
        self.spec = spec
        self.clock = Clock(clock_hz)
        self.latency_ps = spec.latency
        self.bytes_per_cycle = spec.banks * spec.width
        self.bytes_per_s = self.bytes_per_cycle * self.clock.hz


@components.register("cache")
class Cache(Memory):
    """One cache: one lane. Hits are read, misses filled (``write_bytes``) and passed on, stores written."""

    Spec = CacheSpec

    def __init__(self, context: Context, path: str, rank: int, declared: str, spec: CacheSpec, hz: Fraction) -> None:
        self.model = CacheModel(spec, hz)
        pipe = RoundRobinPipe(self.model.bytes_per_s, self.model.bytes_per_cycle)
        super().__init__(context, path, rank, declared, pipe, spec.latency)

    def load(
        self, stream: Hashable, hit_bytes: int, miss_bytes: int, activity: Activity, done: Callable[[], None]
    ) -> None:
        """Bytes on their way to a core: those found here, and those that come from memory and stay."""
        for name, amount in (("hit_bytes", hit_bytes), ("miss_bytes", miss_bytes)):
            if amount:
                self.ledger[activity.owner, name] += amount
        self.access(stream, hit_bytes, miss_bytes, activity, done)
