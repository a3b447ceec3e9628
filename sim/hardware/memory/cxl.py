"""``kind: cxl``: DRAM behind a CXL link (a type 3 memory expander).

What it models: a full-duplex link with a bandwidth per direction and a latency, in series with DRAM of any timing model;
a transfer occupies both at once (cut-through) and ends with the slower. What it leaves out: flow-control credits,
switches (add their latency), back-invalidation, and the mix of slot types in a flit.

Sources: CXL 1.1 and 2.0 run on PCIe 5.0 lanes of 32 GT/s, coded 128b/130b (PCI Express Base Specification 5.0), in flits
of 68 B that carry 64 B (CXL Specification 2.0): 3.707 GB/s a lane and direction, 29.7 GB/s for x8. Latency has no
default: devices measure at 2 to 5 times a local access (Tang et al., arXiv 2405.14209), 150 to 400 ns.

Busy means: at least one transfer is in service.
"""

from __future__ import annotations

from collections.abc import Hashable
from fractions import Fraction
from typing import Any

from pydantic import Field

from sim.config.fields import Bandwidth, DurationPs, PositiveInt
from sim.config.spec import components
from sim.core.channel import TransferEngine
from sim.core.pipe import RoundRobinPipe
from sim.hardware.memory.dram import Dram, DramSpec
from sim.hardware.memory.tier import Access, OffChipSpec, TierTiming

LANE_BYTES_PER_S = Fraction(32 * 10**9, 8) * Fraction(128, 130) * Fraction(64, 68)
"""Payload per lane and direction; see the module docstring."""
FLIT_BYTES = 64


class CxlSpec(DramSpec):
    """YAML keys of ``kind: cxl``: those of ``dram`` for the memory behind the link, and the link's."""

    lanes: PositiveInt = Field(default=8, description="lanes of 32 GT/s; give the bandwidth of their payload")
    link_bandwidth: Bandwidth | None = Field(
        default=None, description="payload bandwidth of one direction; overrides that of the lanes"
    )
    link_latency: DurationPs = Field(description="latency that the link and its controllers add to the DRAM's")

    def timing(self) -> CxlModel:
        return CxlModel(super().timing(), self.link_bandwidth or self.lanes * LANE_BYTES_PER_S, self.link_latency)


class CxlModel:
    """Closed forms: the slower of link and DRAM. ``limit_bytes_per_s``: of both directions together."""

    def __init__(self, memory: TierTiming, link_bytes_per_s: Fraction, link_latency_ps: int) -> None:
        self.memory = memory
        self.link_bytes_per_s = link_bytes_per_s
        self.latency_ps = memory.latency_ps + link_latency_ps
        self.peak_bytes_per_s = min(memory.peak_bytes_per_s, 2 * link_bytes_per_s)
        self.sustained_bytes_per_s = min(memory.sustained_bytes_per_s, link_bytes_per_s)
        self.limit_bytes_per_s = min(memory.limit_bytes_per_s, 2 * link_bytes_per_s)

    def engine(self) -> CxlEngine:
        return CxlEngine(self.memory.engine(), self.link_bytes_per_s)

    def service_ps(self, size_bytes: int) -> int:
        link = RoundRobinPipe(self.link_bytes_per_s, FLIT_BYTES)
        return max(self.memory.service_ps(size_bytes), link.service_ps(size_bytes))


class CxlEngine:
    """A DRAM engine and the two directions of a link: a transfer is done when the memory and its direction are."""

    def __init__(self, memory: TransferEngine, link_bytes_per_s: Fraction) -> None:
        self._memory = memory
        self._directions = tuple(RoundRobinPipe(link_bytes_per_s, FLIT_BYTES) for _ in range(2))
        self._parts: tuple[TransferEngine, ...] = (memory, *self._directions)
        self._open = 0

    @property
    def active(self) -> int:
        """Transfers that have not completed."""
        return self._open

    def submit(self, now_ps: int, stream: Hashable, size_bytes: int, token: Any) -> None:
        pair = [2, token]
        self._open += 1
        self._memory.submit(now_ps, stream, size_bytes, pair)
        self._directions[isinstance(stream, Access) and stream.write].submit(now_ps, stream, size_bytes, pair)

    def next_event_ps(self) -> int | None:
        """When the memory or a direction has next finished with a transfer."""
        times = [when for part in self._parts if (when := part.next_event_ps()) is not None]
        return min(times, default=None)

    def advance(self, until_ps: int) -> list[Any]:
        """Serve through ``until_ps``; the tokens of the transfers completed by then."""
        finished = []
        for part in self._parts:
            for pair in part.advance(until_ps):
                pair[0] -= 1
                if pair[0] == 0:
                    self._open -= 1
                    finished.append(pair[1])
        return finished


@components.register("cxl")
class Cxl(Dram):
    """A CXL memory in a run: one lane, busy while transfers are in service."""

    Spec: type[OffChipSpec] = CxlSpec
