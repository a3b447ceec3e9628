"""The per-request bank engine: a stream of reads and writes through the controllers and banks of one memory.

Models: address mapping, queues, scheduling by the named policy, every timing constraint of the device, refresh, write
buffering, same-address forwarding. Leaves out: power-down and self-refresh states, temperature, ECC and command-bus
encoding. Cycles are the device's command clock. State lives in flat arrays and is kept from call to call.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.core.errors import Problems
from sim.hardware.compiled import load_kernels
from sim.hardware.memory import _bank_layout as at
from sim.hardware.memory.address_map import AddressMap
from sim.hardware.memory.bank_timing import parameters, resolve
from sim.hardware.memory.devices.device import Device
from sim.hardware.memory.policies.policy import controller_policies

KERNELS = "sim.hardware.memory._kernels_bank"
DEFAULT_POLICY = "bank_round_robin"
Array = npt.NDArray[np.int64]

_COUNTERS = {
    "reads": at.N_READ, "writes": at.N_WRITE, "read_hits": at.N_READ_HIT, "write_hits": at.N_WRITE_HIT,
    "activates": at.N_ACTIVATE, "precharges": at.N_PRECHARGE, "refreshes": at.N_REFRESH,
    "dual_commands": at.N_DUAL, "joined_reads": at.JOINED, "forwarded_reads": at.FORWARDED,
    "merged_writes": at.MERGED, "buffered_writes": at.WRITES_WAITING,
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What a stream of requests did. Cycles are the device's; ``added`` and ``done`` are per request."""

    finish_cycle: int
    accept_last_cycle: int
    stall_cycles: int
    counts: dict[str, int]
    added: Array = field(repr=False)
    done: Array = field(repr=False)
    is_write: npt.NDArray[np.bool_] = field(repr=False)
    log: Array = field(repr=False)

    @property
    def read_latencies(self) -> Array:
        """Cycles from acceptance to the last beat, per read."""
        return np.asarray((self.done - self.added)[~self.is_write], dtype=np.int64)

    @property
    def mean_read_latency(self) -> float:
        latencies = self.read_latencies
        return float(latencies.mean()) if latencies.size else 0.0


class BankEngine:
    """State of all channels of ``device`` (``channels`` of them), fresh at cycle 0."""

    def __init__(
        self,
        device: Device,
        mapping: str | None = None,
        channels: int | None = None,
        policy: str = DEFAULT_POLICY,
        words: dict[int, int] | None = None,
    ) -> None:
        self.device = device
        self.timing = resolve(device)
        chosen = controller_policies.get(policy)()
        self.map = AddressMap(device, mapping, channels, chosen.joins_pseudochannels)
        self.parameters = parameters(device, self.timing, chosen)
        for word, value in (words or {}).items():
            self.parameters[word] = value
        self._kernels = load_kernels(KERNELS)
        self.states = np.zeros(self.map.controllers * at.STATE, dtype=np.int64)
        self._table = np.empty((0, at.REQUEST), dtype=np.int64)
        for channel in range(self.map.controllers):
            state = self._state(channel)
            state[at.CHANNEL] = channel
            self._start(state)

    def _state(self, channel: int) -> Array:
        return self.states[channel * at.STATE : (channel + 1) * at.STATE]

    def _start(self, state: Array) -> None:
        interval = int(self.parameters[at.REFRESH_INTERVAL])
        state[at.NEXT_REFRESH] = interval or at.FAR
        state[at.BLOCKED] = state[at.BLOCKED_BANK] = at.NONE
        state[at.NEXT_COMMAND] = at.FAR
        state[at.LAST_WRITE] = at.NONE
        state[at.OPEN_ROW : at.OPEN_ROW + at.MAX_BANKS] = at.NONE
        for word in (at.CAN_ACT, at.CAN_RD, at.CAN_WR, at.CAN_PRE, at.READY_ROW, at.READY_COLUMN):
            state[word : word + at.MAX_BANKS] = at.FAR

    def run(
        self,
        addresses: npt.NDArray[Any],
        is_write: npt.NDArray[Any],
        *,
        issue_width: int = 1,
        not_before: npt.NDArray[Any] | None = None,
        log_lines: int = 0,
        writes_out: bool = False,
    ) -> Outcome:
        """Issue the requests in order, at most ``issue_width`` a cycle, and run until nothing is left to do.

        A request is not issued before cycle ``not_before[i]`` (default: the cycle the engine stands at). With
        ``log_lines``, the first that many commands are recorded (columns: the LOG_ words of ``_bank_layout``), in order
        within each channel. With ``writes_out``, the write buffers drain to the last write once all requests are
        accepted (else what is below the policy's threshold stays). State is kept: open rows, timing windows and
        buffered writes meet the next call.
        """
        self._check(addresses, is_write, issue_width)
        carried = self._carry()
        requests = self._requests(np.asarray(addresses), np.asarray(is_write), carried)
        channel = self.map.decode(addresses).channel
        start = self.now_cycle
        earliest = np.full(len(channel), start) if not_before is None else np.asarray(not_before, dtype=np.int64)
        flat, out = requests.reshape(-1), np.zeros(2, dtype=np.int64)
        log = _new_log(log_lines)
        kernels, first = self._kernels, len(carried)
        kernels.issue_in_order(
            self.parameters, self.states, flat, channel, earliest, log, issue_width, start, first, out
        )
        if writes_out:
            self.states[at.DRAINING :: at.STATE] = self.states[at.WRITES_WAITING :: at.STATE]
        kernels.drain_all(self.parameters, self.states, flat, log)
        self._table = requests
        return self._outcome(requests[first:], out, log)

    @property
    def now_cycle(self) -> int:
        """The first cycle that no channel has run through."""
        return int(self.states[at.CLOCK :: at.STATE].max())

    def _requests(self, addresses: Array, is_write: Array, carried: Array) -> Array:
        where = self.map.decode(addresses)
        table = np.empty((len(carried) + len(addresses), at.REQUEST), dtype=np.int64)
        table[: len(carried)] = carried
        new = table[len(carried) :]
        new[:, at.ADDRESS] = addresses
        new[:, at.BANK] = where.bank
        new[:, at.ROW] = where.row
        new[:, at.COLUMN] = where.column
        new[:, at.WRITE] = is_write
        new[:, at.ADDED : at.JOIN] = 0
        new[:, at.JOIN] = at.NONE
        return table

    def _carry(self) -> Array:
        """The buffered writes of all channels, renumbered from 0; at rest nothing else is pending."""
        rows, base = [self._table[:0]], 0
        for channel in range(self.map.controllers):
            state = self._state(channel)
            for kind in range(at.MAX_BANKS, 2 * at.MAX_BANKS):
                count, request, found = int(state[at.WAITING + kind]), int(state[at.FIRST_WAITING + kind]), []
                for _ in range(count):
                    found.append(request)
                    request = int(self._table[request, at.BEHIND])
                rows.append(self._table[found])
                rows[-1][:, at.BEHIND] = np.arange(base + 1, base + count + 1)
                state[at.FIRST_WAITING + kind], state[at.LAST_WAITING + kind] = base, base + count - 1
                base += count
        return np.concatenate(rows)

    def _check(self, addresses: npt.NDArray[Any], is_write: npt.NDArray[Any], issue_width: int) -> None:
        problems = Problems()
        if len(addresses) != len(is_write):
            problems.add("as many kinds as addresses are needed", found=len(is_write), allowed=str(len(addresses)))
        if issue_width < 1:
            problems.add("issue width must be at least 1", found=issue_width)
        if len(addresses) and int(np.min(addresses)) < 0:
            problems.add("addresses must not be negative", found=int(np.min(addresses)))
        problems.raise_if_any()

    def _outcome(self, requests: Array, out: Array, log: Array) -> Outcome:
        last_read = int(self.states[at.LAST_READ_DONE :: at.STATE].max())
        last_write = int(self.states[at.LAST_WRITE :: at.STATE].max())
        counts = {name: int(self.states[word :: at.STATE].sum()) for name, word in _COUNTERS.items()}
        lines = int(log[at.LOG_COUNT])
        return Outcome(
            finish_cycle=max(last_read, last_write) + 1,
            accept_last_cycle=int(out[0]),
            stall_cycles=int(out[1]),
            counts=counts,
            added=requests[:, at.ADDED].copy(),
            done=requests[:, at.DONE].copy(),
            is_write=requests[:, at.WRITE] != 0,
            log=log[at.LOG_HEADER : at.LOG_HEADER + lines * at.LOG_LINE].reshape(lines, at.LOG_LINE),
        )

    def run_through(self, cycle: int) -> None:
        """Let time pass through ``cycle`` without new requests (refreshes go on)."""
        log = _new_log(0)
        self._kernels.advance_all(self.parameters, self.states, self._table.reshape(-1), log, cycle)

    def active_rank_cycles(self, end_cycle: int) -> int:
        """Cycles before ``end_cycle`` in which a rank had a row open, summed over ranks and channels."""
        total = 0
        for channel in range(self.map.controllers):
            state = self._state(channel)
            for rank in range(int(self.parameters[at.RANKS])):
                total += int(state[at.RANK_ACTIVE + rank])
                if state[at.RANK_OPEN + rank] > 0:
                    total += end_cycle - int(state[at.RANK_SINCE + rank])
        return total

    def count(self, name: str) -> int:
        """One of the counters of :class:`Outcome`, now, over all channels."""
        return int(self.states[_COUNTERS[name] :: at.STATE].sum())


def _new_log(lines: int) -> Array:
    log = np.zeros(at.LOG_HEADER + lines * at.LOG_LINE, dtype=np.int64)
    log[at.LOG_CAPACITY] = lines
    return log
