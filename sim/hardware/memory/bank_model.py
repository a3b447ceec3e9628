"""``model: bank``: a memory tier timed at its banks, transfer by transfer.

Models: row activation and conflicts, bank groups, tFAW, turnaround between reads and writes, refresh, and the mixing of
concurrent transfers row run by row run; state carries from transfer to transfer. A transfer spreads evenly over all
channels, so one channel stands for all (left out: a transfer smaller than one burst per channel, and channels out of
step). Left out too: the order of single requests within a run; the per-request engine
(:mod:`sim.hardware.memory.bank_engine`) has it. Streams without an address are laid out one after another, each in a
part of the memory of its own.

Causality: a run is decided when the run before it starts on the bus; the next completion is planned on a copy of the
state and thrown away when something arrives before.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.core.clock import PS_PER_S, Clock
from sim.core.errors import InputError, Problem
from sim.hardware.compiled import load_kernels
from sim.hardware.memory import _bulk_layout as at
from sim.hardware.memory.address_map import XOR, field_sizes, split_mapping
from sim.hardware.memory.bank_timing import Timing, resolve
from sim.hardware.memory.devices import DEVICES
from sim.hardware.memory.devices.device import Device
from sim.hardware.memory.policies.bank_round_robin import BankRoundRobin
from sim.hardware.memory.tier import Access, TierSpec, tier_models

KERNELS = "sim.hardware.memory._kernels_bulk"
STREAM_PARTS = 64
Array = npt.NDArray[np.int64]


def bulk_parameters(device: Device, timing: Timing, mapping: str) -> Array:
    """The parameter array of the bulk kernels; raises InputError for a mapping whose runs it cannot follow."""
    fields, xor = split_mapping(mapping)
    local = [name for name in reversed(fields) if name not in ("ch", "pc")]
    sizes = field_sizes(device, 1, [])
    together = local[0] == "bg"
    if xor == XOR or (local[0] != "co" and local[:2] != ["bg", "co"]):
        raise InputError([Problem("`model: bank` follows mappings with the column lowest, or bank group then column",
                                  found=mapping, allowed="such as rorabgbachco or rorabacobgch")])  # fmt: skip
    lanes = device.bankgroups if together else 1
    same_group = -(-timing.rd_rd_l // lanes)
    words = np.zeros(at.PARAMETERS, dtype=np.int64)
    words[[at.RUN_BURSTS, at.LANES, at.GROUPS]] = sizes["co"] * lanes, lanes, device.bankgroups
    words[[at.BANKS_PER_GROUP, at.RANKS]] = device.banks_per_group, device.ranks
    words[[at.STEP, at.BURST]] = max(timing.rd_rd_s if lanes > 1 else timing.rd_rd_l, same_group), device.burst_clocks
    words[at.LOOKAHEAD] = BankRoundRobin.request_queue + BankRoundRobin.bank_queue - 1
    words[at.OTHER_STEP] = timing.rd_rd_s
    shift = 0
    places = {"ba": at.SHIFT_BANK, "bg": at.SHIFT_GROUP, "ra": at.SHIFT_RANK, "ro": at.SHIFT_ROW}
    for name in local:
        if name in places and not (name == "bg" and together):
            words[places[name]], words[places[name] + 1] = shift, sizes[name] - 1
            shift += (sizes[name] - 1).bit_length()
    gaps = (at.RCD_RD, at.RCD_WR, at.RAS, at.RC, at.RP, at.RFC, at.REFI, at.RRD_S, at.RRD_L, at.FAW, at.RD_PRE,
            at.WR_PRE, at.RD_WR, at.WR_RD, at.RANK_SWITCH)  # fmt: skip
    words[list(gaps)] = (
        timing.rcd_rd, timing.rcd_wr, timing.ras, timing.rc, timing.rp, timing.rfc, timing.refi, timing.rrd_s,
        timing.rrd_l, timing.faw, timing.rd_pre, timing.wr_pre, timing.rd_wr, timing.wr_rd_l, timing.rd_rd_o,
    )  # fmt: skip
    return words


class BulkEngine:
    """Transfers in flight on a tier (the interface of :class:`sim.core.channel.TransferEngine`)."""

    def __init__(self, device: Device, parameters: Array, channel_bytes: Fraction, clock: Clock) -> None:
        self._parameters = parameters
        self._per_burst = channel_bytes
        self._clock = clock
        self._serve = load_kernels(KERNELS).serve
        self._bursts = device.capacity_bytes // device.channels // device.burst_bytes
        self.state = np.zeros(at.STATE, dtype=np.int64)
        self.state[at.LAST_RANK] = self.state[at.LAST_WRITE] = at.NONE
        self.state[at.OPEN_ROW : at.OPEN_ROW + at.MAX_BANKS] = at.NONE
        for rank in range(device.ranks):
            due = (rank + 1) * int(parameters[at.REFI]) // device.ranks
            self.state[at.NEXT_REFRESH + rank] = due or at.FAR
        self._transfers = np.zeros(16 * at.TRANSFER, dtype=np.int64)
        self._ring = np.zeros(16, dtype=np.int64)
        self._tokens: dict[int, Any] = {}
        self._free = list(range(15, -1, -1))
        self._where: dict[Hashable, int] = {}
        self._waiting: dict[Hashable, list[tuple[int, int, bool, Any]]] = {}
        self._streams: dict[int, Hashable] = {}
        self._ready: list[tuple[int, int, Any]] = []
        self._sequence = 0
        self._plan: tuple[int, Array, Array, Array, int] | None = None

    @property
    def active(self) -> int:
        """Transfers that have not completed."""
        queued = sum(len(waiting) for waiting in self._waiting.values())
        return len(self._tokens) + len(self._ready) + queued

    def submit(self, now_ps: int, stream: Hashable, size_bytes: int, token: Any) -> None:
        """A transfer arrives; one of a stream waits for those of the stream before it."""
        access = stream if isinstance(stream, Access) else Access(stream, False)
        bursts = max(1, -(-size_bytes // self._per_burst))
        first = self._place(access, bursts)
        self._catch_up(self._clock.index_at_or_after(now_ps))
        key = (access.stream, access.write)
        if key in self._waiting:
            self._waiting[key].append((first, bursts, access.write, token))
            return
        self._waiting[key] = []
        self._begin(key, self._clock.index_at_or_after(now_ps), first, bursts, access.write, token)

    def _place(self, access: Access, bursts: int) -> int:
        if access.address is not None:
            return int(access.address // self._per_burst) % self._bursts
        key = (access.stream, access.write)
        part = self._bursts // STREAM_PARTS + int(self._parameters[at.RUN_BURSTS])
        first = self._where.setdefault(key, len(self._where) * part % self._bursts)
        self._where[key] = (first + bursts) % self._bursts
        return first

    def _begin(self, key: Hashable, cycle: int, first: int, bursts: int, write: bool, token: Any) -> None:
        if not self._free:
            self._grow()
        slot, state = self._free.pop(), self.state
        words = self._transfers[slot * at.TRANSFER : (slot + 1) * at.TRANSFER]
        words[: at.FINISH + 1] = first, bursts, write, cycle, 0
        self._ring[state[at.ACTIVE]] = slot
        state[at.ACTIVE] += 1
        self._tokens[slot], self._streams[slot] = token, key
        self._plan = None

    def _grow(self) -> None:
        count = len(self._ring)
        self._transfers = np.concatenate((self._transfers, np.zeros_like(self._transfers)))
        self._ring = np.concatenate((self._ring, np.zeros_like(self._ring)))
        self._free = list(range(2 * count - 1, count - 1, -1))

    def next_event_ps(self) -> int | None:
        """When the next transfer completes if nothing else arrives."""
        cycles = [self._ready[0][0]] if self._ready else []
        if self.state[at.ACTIVE] > 0:
            cycles.append(self._planned()[0])
        return self._clock.edge_ps(min(cycles)) if cycles else None

    def _planned(self) -> tuple[int, Array, Array, Array, int]:
        if self._plan is None:
            state, transfers, ring = self.state.copy(), self._transfers.copy(), self._ring.copy()
            slot = int(self._serve(self._parameters, state, transfers, ring, at.FAR))
            self._plan = (int(transfers[slot * at.TRANSFER + at.FINISH]), state, transfers, ring, slot)
        return self._plan

    def advance(self, until_ps: int) -> list[Any]:
        """Serve through ``until_ps``; the tokens of the transfers completed by then, in order."""
        cycle = self._clock.index_at_or_after(until_ps + 1) - 1
        finished: list[Any] = []
        self._catch_up(cycle)
        while self._ready and self._ready[0][0] <= cycle:
            finished.append(heapq.heappop(self._ready)[2])
        return finished

    def _catch_up(self, cycle: int) -> None:
        """Commit every run that is decided by ``cycle``, and start the transfers that follow completed ones."""
        while self.state[at.ACTIVE] > 0:
            if self._plan is not None and self._plan[0] <= cycle:
                _, self.state, self._transfers, self._ring, slot = self._plan
            else:
                slot = int(self._serve(self._parameters, self.state, self._transfers, self._ring, cycle))
            if slot == at.NONE:
                break
            self._complete(slot)
        if self._plan is not None and self._plan[0] <= cycle:
            self._plan = None

    def _complete(self, slot: int) -> None:
        self._plan = None
        finish = int(self._transfers[slot * at.TRANSFER + at.FINISH])
        self._sequence += 1
        heapq.heappush(self._ready, (finish, self._sequence, self._tokens.pop(slot)))
        key = self._streams.pop(slot)
        self._free.append(slot)
        waiting = self._waiting[key]
        if waiting:
            self._begin(key, int(self.state[at.LAST_START]), *waiting.pop(0))
        else:
            del self._waiting[key]

    def counts(self) -> dict[str, int]:
        """Runs, activates, row hits and conflicts, refreshes and lost cycles of the channel that stands for all."""
        names = ("RUNS", "ACTIVATES", "ROW_HITS", "ROW_CONFLICTS", "REFRESHES", "BUSY", "LOST_TURNAROUND", "LOST_ROW",
                 "LOST_REFRESH")  # fmt: skip
        return {name.lower(): int(self.state[getattr(at, name)]) for name in names}


@tier_models.register("bank")
class BankModel:
    """A tier of ``device`` (``stacks`` of it side by side), or of as many of its channels as give ``bandwidth``."""

    def __init__(
        self, device: Device, stacks: int = 1, bandwidth: Fraction | None = None, mapping: str | None = None
    ) -> None:
        self.device = device
        self.timing = resolve(device)
        self.parameters = bulk_parameters(device, self.timing, mapping or device.mapping)
        self.clock = Clock(device.clock_hz)
        self.peak_bytes_per_s = (bandwidth if bandwidth is not None else device.bytes_per_s) * stacks
        self.channel_bytes = device.burst_bytes * self.peak_bytes_per_s * device.channels / device.bytes_per_s
        self.latency_ps = self.clock.duration_ps(device.timing["CL"])

    @classmethod
    def of(cls, spec: TierSpec) -> BankModel:
        if spec.device is None:
            raise InputError([Problem("`model: bank` needs a `device`", allowed=", ".join(sorted(DEVICES)))])
        return cls(DEVICES[spec.device], spec.stacks, spec.bandwidth, spec.mapping)

    @property
    def sustained_bytes_per_s(self) -> Fraction:
        """Closed form of an endless sequential stream: the bus at its column spacing, less refresh.

        A refresh costs tRP + tRFC + tRCD of its rank; the stream is in one rank at a time.
        """
        timing = self.timing
        spacing = Fraction(int(self.parameters[at.BURST]), int(self.parameters[at.STEP]))
        lost = Fraction(timing.rp + timing.rfc + timing.rcd_rd, timing.refi) if timing.refi else Fraction(0)
        return self.peak_bytes_per_s * spacing * (1 - lost)

    def engine(self) -> BulkEngine:
        return BulkEngine(self.device, self.parameters, self.channel_bytes, self.clock)

    def service_ps(self, size_bytes: int) -> int:
        """One transfer alone on an idle tier: the first row's activation, then the sustained rate."""
        opening = self.clock.duration_ps(self.timing.rcd_rd)
        return opening + ceil(size_bytes * PS_PER_S / self.sustained_bytes_per_s)
