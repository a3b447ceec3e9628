"""The bulk engine: transfers in flight on one memory tier, timed row run by row run (kernels ``_kernels_bulk*``).

Where row runs do not hold, the channel goes over to the per-request path (:mod:`sim.hardware.memory.request_path`) and
comes back, state and all.

Symmetric channels are simulated once: a transfer spreads evenly over all of them, so they do the same at the same time.

Causality: a run is decided when the run before it starts on the bus; the next completion is planned on a copy of the
state and thrown away when something arrives before. Request by request that is worth it only when the completion is near;
before, the engine asks to be woken at an instant that no completion comes before.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.core.clock import Clock
from sim.hardware.compiled import load_kernels
from sim.hardware.memory import _bulk_layout as at
from sim.hardware.memory.devices.device import Device
from sim.hardware.memory.request_path import FEW, FINE_BYTES, SHORT_BURSTS, RequestPath
from sim.hardware.memory.tier import Access

KERNELS = "sim.hardware.memory._kernels_bulk"
STREAM_PARTS = 64
LOST = ("refresh", "turnaround", "activation", "bank", "bank_group")
"""Why the data bus did not transfer while there was work, in the order of the kernels' words (causes of a stall)."""
Array = npt.NDArray[np.int64]


class BulkEngine:
    """Transfers in flight on a tier (the interface of :class:`sim.core.channel.TransferEngine`)."""

    def __init__(
        self, device: Device, parameters: Array, request_parameters: Array, stripe_bytes: int, kept_bytes: int, clock: Clock
    ) -> None:  # fmt: skip
        """``stripe_bytes``: one burst on every channel of the tier; ``kept_bytes``: successive bytes on one channel.

        ``request_parameters``: of the per-request path.
        """
        self._parameters = parameters
        self._per_burst = stripe_bytes
        self._kept_bytes, self._burst_bytes = kept_bytes, device.burst_bytes
        self._clock = clock
        self.rows_opened: list[int] = []
        self.rank_cycles = 0
        self._serve = load_kernels(KERNELS).serve
        self._bursts = device.capacity_bytes // device.channels // device.burst_bytes
        self.state = np.zeros(at.STATE, dtype=np.int64)
        self.state[[at.LAST_RANK, at.LAST_WRITE, at.LAST_FIRST, at.HELD]] = at.NONE
        self.state[at.OPEN_ROW : at.OPEN_ROW + at.MAX_BANKS] = at.NONE
        interval = int(parameters[at.REFI])
        for rank in range(device.ranks):
            self.state[at.NEXT_REFRESH + rank] = (rank + 1) * interval // device.ranks or at.FAR
        self._transfers = np.zeros(16 * at.TRANSFER, dtype=np.int64)
        self._ring = np.zeros(16, dtype=np.int64)
        self._tokens: dict[int, Any] = {}
        self._free = list(range(15, -1, -1))
        self._where: dict[Hashable, int] = {}
        self._waiting: dict[Hashable, list[tuple[int, int, int, int, bool, Any]]] = {}
        self._streams: dict[int, Hashable] = {}
        self._ready: list[tuple[int, int, Any, int]] = []
        self._sequence = 0
        self._plan: tuple[int, Array, Array, Array, RequestPath, int] | None = None
        self._active = 0
        self._lost_cycles: list[int] = []
        self._lost_ps: list[int] = []
        self._path = RequestPath(parameters, request_parameters)
        self._banks_per_rank = device.bankgroups * device.banks_per_group
        self._window = int(parameters[at.LOOKAHEAD])
        self._fine = stripe_bytes * int(parameters[at.RUN_BURSTS]) < FINE_BYTES or _reorders_runs(parameters)
        self._short = self._brief = 0
        if self._path.every_bank_apart:
            self._path.enter(self.state, self._transfers, self._ring, 0)

    @property
    def active(self) -> int:
        """Transfers that have not completed."""
        return self._active

    def submit(self, now_ps: int, stream: Hashable, size_bytes: int, token: Any) -> None:
        """A transfer arrives; one of a stream waits for those of the stream before it."""
        access = stream if isinstance(stream, Access) else Access(stream, False)
        bursts = max(1, -(-size_bytes // self._per_burst))
        first, row, step = self._place(access, bursts), *self._tile_rows(access)
        cycle = self._clock.index_at_or_after(now_ps)
        self._catch_up(cycle)
        self._active += 1
        key = (access.stream, access.write)
        if key in self._waiting:
            self._waiting[key].append((first, bursts, row, step, access.write, token))
            return
        self._waiting[key] = []
        self._begin(key, cycle, first, bursts, row, step, access.write, token)

    def _place(self, access: Access, bursts: int) -> int:
        if access.address is not None:
            return int(access.address // self._per_burst) % self._bursts
        key = (access.stream, access.write)
        part = self._bursts // STREAM_PARTS + int(self._parameters[at.RUN_BURSTS])
        first = self._where.setdefault(key, len(self._where) * part % self._bursts)
        self._where[key] = (first + bursts) % self._bursts
        return first

    def _tile_rows(self, access: Access) -> tuple[int, int]:
        """Bursts on one channel of a piece of the tile, and from one piece to the next.

        A piece is a row's part on a channel: where rows are shorter than one burst on every channel (or than what the
        mapping keeps on one channel), only some channels have a part of each, and each channel has a piece of every so
        many rows; over the tile they are spread evenly.
        """
        wide = access.row_bytes
        if not wide:
            return at.FAR, at.FAR
        piece = max(1, wide // self._per_burst, min(wide, self._kept_bytes) // self._burst_bytes)
        return piece, max(piece, piece * access.stride_bytes // wide)

    def _begin(
        self, key: Hashable, cycle: int, first: int, bursts: int, row: int, step: int, write: bool, token: Any
    ) -> None:
        if not self._free:
            self._grow()
        slot, state = self._free.pop(), self.state
        words = self._transfers[slot * at.TRANSFER : (slot + 1) * at.TRANSFER]
        words[: at.TILE_STEP + 1] = first, bursts, write, cycle, 0, 0, 0, min(bursts, row), row, row, step
        if state[at.ACTIVE] == 0:
            state[at.WORK_SINCE] = cycle
            if self._path.serving:
                self._path.pass_time(cycle)
        self._ring[state[at.ACTIVE]] = slot
        state[at.ACTIVE] += 1
        self._tokens[slot], self._streams[slot] = token, key
        self._plan = None
        self._short += bursts < SHORT_BURSTS or row < bursts
        self._brief += bursts < self._window
        if self._path.serving:
            self._path.begin(self._transfers, slot)
        self._choose_path(cycle)

    def _choose_path(self, cycle: int) -> None:
        """Request by request while anything in flight needs it; back when that has left the queues."""
        count = self.state[at.ACTIVE]
        crowded = (count > FEW and self._brief > 0) or (count > 1 and self._fine)
        wanted = self._short > 0 or crowded or self._path.every_bank_apart
        if self._path.serving:
            self._path.give_more(wanted)
            if self.state[at.ACTIVE] == 0 and not self._path.every_bank_apart:
                self._path.leave(self.state)
        elif wanted:
            self._path.enter(self.state, self._transfers, self._ring, cycle)

    def _grow(self) -> None:
        count = len(self._ring)
        self._transfers = np.concatenate((self._transfers, np.zeros_like(self._transfers)))
        self._ring = np.concatenate((self._ring, np.zeros_like(self._ring)))
        self._free = list(range(2 * count - 1, count - 1, -1))

    def next_event_ps(self) -> int | None:
        """When the next transfer completes if nothing else arrives, or an instant before, while that is far off.

        What is served request by request takes long to plan, and most of a long plan would be thrown away.
        """
        cycles = [self._ready[0][0]] if self._ready else []
        if self.state[at.ACTIVE] > 0:
            cycles.append(self._not_before() or self._planned()[0])
        return self._clock.edge_ps(min(cycles)) if cycles else None

    def _not_before(self) -> int:
        """A cycle before which nothing completes; 0: plan it."""
        if self._plan is not None or not self._path.serving:
            return 0
        return self._path.none_ends_before(self.state, self._transfers, self._ring)

    def _planned(self) -> tuple[int, Array, Array, Array, RequestPath, int]:
        if self._plan is None:
            state, transfers, ring = self.state.copy(), self._transfers.copy(), self._ring.copy()
            path = self._path.copy() if self._path.serving else self._path
            slot = self._serve_on(state, transfers, ring, path, at.FAR)
            self._plan = (int(transfers[slot * at.TRANSFER + at.FINISH]), state, transfers, ring, path, slot)
        return self._plan

    def _serve_on(self, state: Array, transfers: Array, ring: Array, path: RequestPath, until: int) -> int:
        """Serve up to a completion (its slot) or through cycle ``until`` (NONE)."""
        if path.serving:
            slot = path.serve(state, transfers, ring, until)
            if slot != at.DRAINED:
                return slot
            path.leave(state)
        return int(self._serve(self._parameters, state, transfers, ring, until))

    def advance(self, until_ps: int) -> list[Any]:
        """Serve through ``until_ps``; the tokens of the transfers completed by then, in order.

        ``rows_opened`` then says how many rows each of them opened on one channel.
        """
        cycle = self._clock.index_at_or_before(until_ps)
        finished: list[Any] = []
        self.rows_opened = []
        self._catch_up(cycle)
        while self._ready and self._ready[0][0] <= cycle:
            _, _, token, opened = heapq.heappop(self._ready)
            finished.append(token)
            self.rows_opened.append(opened)
        self._active -= len(finished)
        return finished

    def _catch_up(self, cycle: int) -> None:
        """Commit every run that is decided by ``cycle``, and start the transfers that follow completed ones."""
        while self.state[at.ACTIVE] > 0:
            if self._plan is not None and self._plan[0] <= cycle:
                _, self.state, self._transfers, self._ring, self._path, slot = self._plan
            else:
                slot = self._serve_on(self.state, self._transfers, self._ring, self._path, cycle)
            if slot == at.NONE:
                break
            self._complete(slot)
        if self._plan is not None and self._plan[0] <= cycle:
            self._plan = None

    def _complete(self, slot: int) -> None:
        self._plan = None
        finish = int(self._transfers[slot * at.TRANSFER + at.FINISH])
        words = self._transfers[slot * at.TRANSFER :]
        bursts, row = int(words[at.BURSTS]), int(words[at.TILE_ROW])
        self._short -= bursts < SHORT_BURSTS or row < bursts
        self._brief -= bursts < self._window
        self._sequence += 1
        opened = int(self._transfers[slot * at.TRANSFER + at.OPENED])
        heapq.heappush(self._ready, (finish, self._sequence, self._tokens.pop(slot), opened))
        key = self._streams.pop(slot)
        self._free.append(slot)
        waiting = self._waiting[key]
        if waiting:
            self._begin(key, int(self.state[at.LAST_START]), *waiting.pop(0))
        else:
            del self._waiting[key]
        self._choose_path(int(self.state[at.LAST_START]))

    def lost_ps(self) -> list[int]:
        """Picoseconds lost so far to each cause of :data:`LOST`, over the runs that are decided."""
        lost = self.state[at.LOST : at.LOST + len(LOST)].tolist()
        if lost != self._lost_cycles:
            self._lost_cycles = lost
            self._lost_ps = [self._clock.duration_ps(cycles) for cycles in lost]
        return self._lost_ps

    def finish(self, end_ps: int) -> None:
        """Let time pass to the end of the run: refreshes go on, and open rows stay open.

        Banks refreshed one at a time count as refreshes of their rank by their share.
        """
        cycle = self._clock.index_at_or_after(end_ps)
        if self._path.serving:
            self._path.pass_time(cycle)
            self._path.leave(self.state)
            self.state[at.REFRESHES] //= self._banks_per_rank
        else:
            load_kernels(KERNELS).refresh_through(self._parameters, self.state, cycle)
        state, ranks = self.state, int(self._parameters[at.RANKS])
        for rank in range(ranks):
            if state[at.RANK_OPEN + rank] > 0:
                state[at.ACTIVE_CYCLES] += max(0, cycle - int(state[at.OPEN_SINCE + rank]))
                state[at.OPEN_SINCE + rank] = max(cycle, int(state[at.OPEN_SINCE + rank]))
        self.rank_cycles = cycle * ranks

    def counts(self) -> dict[str, int]:
        """Counters of the channel that stands for all; cycles of its bus: idle + busy + lost = covered.

        ``row_hits``: columns that found their row open; misses (no row open) and conflicts (another row) add up to the
        activates.
        """
        names = ("RUNS", "COLUMNS", "ACTIVATES", "ROW_MISSES", "ROW_CONFLICTS", "REFRESHES", "ACTIVE_CYCLES", "IDLE",
                 "BUSY", "COVERED")  # fmt: skip
        found = {name.lower(): int(self.state[getattr(at, name)]) for name in names}
        found |= {f"lost_{cause}": int(self.state[at.LOST + k]) for k, cause in enumerate(LOST)}
        return found | {"row_hits": found["columns"] - found["activates"]}


def _reorders_runs(parameters: Array) -> bool:
    """Does the controller interleave the row runs of two streams, rather than serve one after the other?

    It does where its window is longer than a run, and where one bank group cannot fill the bus but a run lies in one.
    """
    half_rate = parameters[at.LANES] == 1 and parameters[at.STEP] >= 2 * parameters[at.OTHER_STEP]
    return bool(half_rate or parameters[at.RUN_BURSTS] < parameters[at.LOOKAHEAD])
