"""``kind: nand``: flash memory read and written in pages, by channels, dies and planes.

What it models: tensors striped over channels, then planes, then dies, so that one *page group* (a multi-plane operation on
one die of every channel) is the unit of work; sensing (``read``, tR) and programming (``program``, tPROG) of different
dies overlap; a die is taken until its pages have crossed the channel; the channel bus carries one page at a time.
Transfers in flight take page groups in turn. A part of a page costs the page. All channels do the same, so one stands for
all. Steady reads therefore come at

    channels * dies * planes * page / max(tR + planes * t, dies * planes * t),   t = page / channel_rate

What it leaves out: erasing and garbage collection (writes go to erased blocks), the translation layer, cached reads (the
next page sensed while one is transferred: conservative), retries and correction, wear.

Sources of the structure: Cambricon-LLM (arXiv 2409.15654), whose three configurations are 8, 16 and 32 channels with 4, 8
and 16 dies each, two planes a die, pages of 16 KB, tR 30 us, 8 bit at 1000 MT/s (1 GB/s) per channel.

Busy means: at least one transfer is in service.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Hashable
from fractions import Fraction
from typing import Any

from pydantic import Field

from sim.config.fields import Bandwidth, DurationPs, PositiveInt, SizeBytes
from sim.config.spec import components
from sim.core.clock import PS_PER_S
from sim.core.component import UNATTRIBUTED, Activity, Context
from sim.hardware.memory.dram import Dram
from sim.hardware.memory.memory import Memory
from sim.hardware.memory.tier import Access, OffChipSpec, Where

PS_PER_NS = 1000


class NandSpec(OffChipSpec):
    """YAML keys of ``kind: nand``. The capacity is that of all dies."""

    channels: PositiveInt = Field(description="channels with a bus of their own")
    dies: PositiveInt = Field(description="dies per channel, over all its chips")
    planes: PositiveInt = Field(default=1, description="planes of a die that read or program at once")
    page: SizeBytes = Field(description="bytes of a page")
    read: DurationPs = Field(description="time to sense a page (tR)")
    program: DurationPs = Field(description="time to program a page (tPROG)")
    channel_rate: Bandwidth = Field(description="bandwidth of one channel's bus")
    latency: DurationPs = Field(default=0, description="latency of the controller and its link, besides the pages' own")

    def timing(self) -> NandModel:
        return NandModel(self)


class NandModel:
    """Closed forms of a NAND tier. ``group_bytes``: one page group, over all channels."""

    def __init__(self, spec: NandSpec) -> None:
        self.spec = spec
        self.group_bytes = spec.channels * spec.planes * spec.page
        self.page_bus_ps = -(-Fraction(spec.page) * PS_PER_S // spec.channel_rate)
        self.latency_ps = spec.latency + spec.read + self.page_bus_ps
        self.peak_bytes_per_s = spec.channels * spec.channel_rate
        self.limit_bytes_per_s = self.peak_bytes_per_s
        self.sustained_bytes_per_s = self._steady(spec.read)

    def write_bytes_per_s(self) -> Fraction:
        """Bandwidth of an endless write."""
        return self._steady(self.spec.program)

    def service_ps(self, size_bytes: int) -> int:
        """One read alone: full rounds over the dies, and the last one."""
        spec = self.spec
        groups = -(-size_bytes // self.group_bytes)
        round_ps = max(spec.read + spec.planes * self.page_bus_ps, spec.dies * spec.planes * self.page_bus_ps)
        rounds = -(-groups // spec.dies)
        last = groups - (rounds - 1) * spec.dies
        return (rounds - 1) * round_ps + spec.read + last * spec.planes * self.page_bus_ps

    def engine(self) -> NandEngine:
        return NandEngine(self)

    def _steady(self, cell_ps: int) -> Fraction:
        spec = self.spec
        round_ps = max(cell_ps + spec.planes * self.page_bus_ps, spec.dies * spec.planes * self.page_bus_ps)
        return Fraction(spec.dies * self.group_bytes * PS_PER_S, round_ps)


class _Transfer:
    __slots__ = ("open_groups", "pages", "token", "write")

    def __init__(self, pages: int, write: bool, token: Any) -> None:
        self.pages = pages
        self.write = write
        self.token = token
        self.open_groups = 0


class NandEngine:
    """Transfers in flight (the interface of :class:`sim.core.channel.TransferEngine`), page group by page group.

    A group is decided when its die is free, and then runs to its end: nothing that arrives later changes it.
    """

    def __init__(self, model: NandModel) -> None:
        spec = model.spec
        self._per_group = spec.channels * spec.planes
        self._channels, self._page = spec.channels, spec.page
        self._read_ps, self._program_ps, self._bus_ps = spec.read, spec.program, model.page_bus_ps
        self._die_free = [0] * spec.dies
        self._die = 0
        self._bus_free = 0
        self._queues: dict[Hashable, deque[_Transfer]] = {}
        self._ring: deque[Hashable] = deque()
        self._ends: list[tuple[int, int, _Transfer]] = []
        self._count = 0
        self._open = 0
        self._now = 0

    @property
    def active(self) -> int:
        """Transfers that have not completed."""
        return self._open

    def submit(self, now_ps: int, stream: Hashable, size_bytes: int, token: Any) -> None:
        write = isinstance(stream, Access) and stream.write
        transfer = _Transfer(max(1, -(-size_bytes // self._page)), write, token)
        self._issue(now_ps)
        if stream not in self._queues:
            self._queues[stream] = deque()
            self._ring.append(stream)
        self._queues[stream].append(transfer)
        self._open += 1
        self._now = max(self._now, now_ps)
        self._issue(now_ps)

    def next_event_ps(self) -> int | None:
        """The next end of a page group, or start of one that waits for its die."""
        times = [self._ends[0][0]] if self._ends else []
        if self._ring:
            times.append(max(self._die_free[self._die], self._now))
        return min(times) if times else None

    def advance(self, until_ps: int) -> list[Any]:
        """Serve through ``until_ps``; the tokens of the transfers completed by then, in order."""
        self._issue(until_ps)
        finished = []
        while self._ends and self._ends[0][0] <= until_ps:
            _, _, transfer = heapq.heappop(self._ends)
            transfer.open_groups -= 1
            if transfer.open_groups == 0 and transfer.pages == 0:
                self._open -= 1
                finished.append(transfer.token)
        return finished

    def _issue(self, until_ps: int) -> None:
        """Start page groups, in turn over the streams, as long as the next die is free by ``until_ps``."""
        while self._ring and (start := max(self._die_free[self._die], self._now)) <= until_ps:
            self._now = start
            stream = self._ring.popleft()
            queue = self._queues[stream]
            transfer = queue[0]
            pages = min(transfer.pages, self._per_group)
            transfer.pages -= pages
            transfer.open_groups += 1
            self._count += 1
            heapq.heappush(self._ends, (self._run(start, pages, transfer.write), self._count, transfer))
            if transfer.pages == 0:
                queue.popleft()
            if queue:
                self._ring.append(stream)
            else:
                del self._queues[stream]

    def _run(self, start_ps: int, pages: int, write: bool) -> int:
        """Book die and bus for one page group; returns when it is done (read out, or programmed)."""
        on_bus = -(-pages // self._channels) * self._bus_ps
        before, after = (0, self._program_ps) if write else (self._read_ps, 0)
        self._bus_free = max(start_ps + before, self._bus_free) + on_bus
        end = self._bus_free + after
        self._die_free[self._die] = end
        self._die = (self._die + 1) % len(self._die_free)
        return end


@components.register("nand")
class Nand(Dram):
    """A NAND tier in a run: one lane, busy while transfers are in service.

    Counts, for energy, the nanoseconds that arrays sense and program (``sensing_ns``, ``programming_ns``), page by page.
    """

    Spec: type[OffChipSpec] = NandSpec

    def __init__(
        self, context: Context, path: str, rank: int, declared: str, spec: OffChipSpec, hz: Fraction | None
    ) -> None:
        assert isinstance(spec, NandSpec)
        self.model = spec.timing()
        self._spec = spec
        Memory.__init__(self, context, path, rank, declared, NandEngine(NandModel(spec)), spec.latency)

    def finish(self, end_ps: int) -> None:
        """As in :class:`Dram`: how many channels the lane stands for."""
        self.ledger[UNATTRIBUTED, "channels"] = self._spec.channels

    def access(
        self,
        stream: Hashable,
        read_bytes: int,
        write_bytes: int,
        activity: Activity,
        done: Callable[[], None],
        conflicts: int = 1,
        at: Where | None = None,
    ) -> None:
        """As in :class:`Dram`; pages sensed and programmed are counted by their time."""
        spec = self._spec
        for size, name, page_ps in (
            (read_bytes, "sensing_ns", spec.read),
            (write_bytes, "programming_ns", spec.program),
        ):
            if size:
                self.count(activity.owner, name, -(-size // spec.page) * page_ps // PS_PER_NS)
        super().access(stream, read_bytes, write_bytes, activity, done, conflicts, at)
