"""One channel under a command set: open rows, modes, and the earliest cycle of every command.

State is what the bank engine's is: the open row of each bank and, per unit of each scope, the cycle from which a
command may come. A run of one command on one target is issued in closed form: its commands come a constant gap apart
(the delay of the command to itself), which is where issuing them one by one puts them. The channel's command bus
carries one command a cycle. Cycles are the device's command clock; the first is cycle 1.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from sim.core.arith import ceil_div
from sim.core.errors import InconsistencyError
from sim.hardware.pim.command import EVERY_BUFFER, LEVELS, Command, delay
from sim.hardware.pim.command_set import CommandSet
from sim.hardware.pim.pim_device import PimDevice

CLOSED = -1
SOME_ROW = -2
HORIZON = 1 << 16
"""Cycles after which a past command cannot matter to any window."""
NEVER = 1 << 60


class Issued(NamedTuple):
    """A log line: ``times`` commands from ``cycle`` on, ``gap`` apart, on unit ``target`` of what they touch."""

    cycle: int
    command: str
    target: int
    row: int
    times: int
    gap: int


class Snapshot(NamedTuple):
    """A channel's state, relative to its next free command slot: cycles from which commands may come, who opened the
    row in each row buffer ("" closed), past commands of windows, and the mode."""

    ready: tuple[tuple[int, ...], ...]
    opened_by: tuple[str, ...]
    history: tuple[tuple[tuple[int, int], tuple[int, ...]], ...]
    mode: str

    def after(self, cycles: int) -> Snapshot:
        """The same state ``cycles`` later, nothing having been issued."""
        ready = tuple(tuple([one - cycles if one > cycles else 0 for one in row]) for row in self.ready)
        history = tuple((key, tuple(max(-HORIZON, one - cycles) for one in past)) for key, past in self.history)
        return self._replace(ready=ready, history=history)


class Demand(NamedTuple):
    """The command that has to come next so that another one can be issued, and its target."""

    command: str
    target: int


def units_of_bank(device: PimDevice) -> Mapping[str, tuple[int, ...]]:
    """Level -> the unit of that level that each bank of a channel lies in."""
    banks = range(device.banks)
    per_group = device.dram.banks_per_group
    return {
        "channel": tuple(0 for _ in banks),
        "rank": tuple(bank // (device.dram.bankgroups * per_group) for bank in banks),
        "bankgroup": tuple(bank // per_group for bank in banks),
        "samebank": tuple(bank % per_group for bank in banks),
        "bundle": tuple(
            bank // (device.dram.bankgroups * per_group) * ceil_div(per_group, 2) + bank % per_group // 2
            for bank in banks
        ),
        "parity": tuple(bank % 2 for bank in banks),
        "bank": tuple(banks),
    }


@dataclass(frozen=True)
class Effects:
    """What a command starts: (level, following command, cycles) and, for windows, (rule number, level)."""

    delays: tuple[tuple[str, str, int], ...]
    windows: tuple[tuple[int, str], ...]


@dataclass
class Timeline:
    """The state of one channel. ``log`` is kept when ``keep_log``; ``counts`` counts commands by name."""

    commands: CommandSet
    device: PimDevice
    keep_log: bool = True
    log: list[Issued] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.mode = self.commands.first_mode
        self.buffers = 1 + max(command.row_buffer for command in self.commands.commands.values())
        self.open_row = [CLOSED] * (self.device.banks * self.buffers)
        self.opened_by = [""] * len(self.open_row)
        self.next_slot = 1
        self._units = units_of_bank(self.device)
        self._timing = self.device.cycles()
        sizes = {level: max(self._units[level]) + 1 for level in LEVELS}
        self._ready = {
            name: {level: [0] * sizes[level] for level in self._levels_before(name)} for name in self.commands.commands
        }
        self._history: dict[tuple[int, int], deque[int]] = {}
        self._touched: dict[tuple[str, int], tuple[int, ...]] = {}
        self._slots: dict[tuple[str, int], tuple[int, ...]] = {}
        self._open_cycles = 0
        self._open_since = 0

    # What the rules say, resolved once.

    def _levels_before(self, name: str) -> list[str]:
        return sorted({rule.scope for rule in self.commands.rules if name in rule.following and rule.window == 1})

    @cached_property
    def _effects(self) -> dict[str, Effects]:
        found: dict[str, Effects] = {}
        for name in self.commands.commands:
            merged: dict[tuple[str, str], int] = {}
            windows = []
            for number, rule in enumerate(self.commands.rules):
                if name not in rule.preceding:
                    continue
                if rule.window > 1:
                    windows.append((number, rule.scope))
                    continue
                cycles = delay(rule.cycles, self._timing)
                for then in rule.following:
                    merged[rule.scope, then] = max(cycles, merged.get((rule.scope, then), 0))
            delays = tuple((scope, then, cycles) for (scope, then), cycles in merged.items())
            found[name] = Effects(delays, tuple(windows))
        return found

    @cached_property
    def _windows(self) -> dict[str, tuple[tuple[int, str, int, int], ...]]:
        """Following command -> (rule number, scope, window, cycles)."""
        return {
            name: tuple(
                (number, rule.scope, rule.window, delay(rule.cycles, self._timing))
                for number, rule in enumerate(self.commands.rules)
                if rule.window > 1 and name in rule.following
            )
            for name in self.commands.commands
        }

    @cached_property
    def _gaps(self) -> dict[str, int]:
        """Cycles from a command to itself on the same target."""
        gaps = dict.fromkeys(self.commands.commands, 1)
        for name, effects in self._effects.items():
            for _, then, cycles in effects.delays:
                if then == name:
                    gaps[name] = max(gaps[name], cycles)
        return gaps

    # Where commands go.

    def touched(self, command: str, target: int) -> tuple[int, ...]:
        """The banks that ``command`` on unit ``target`` touches."""
        key = (command, target)
        if key not in self._touched:
            units = self._units[self.commands.commands[command].touches]
            self._touched[key] = tuple(bank for bank, unit in enumerate(units) if unit == target)
        return self._touched[key]

    def slots(self, command: str, target: int) -> tuple[int, ...]:
        """Places in ``open_row`` of the row buffers that ``command`` concerns: buffer times banks plus bank."""
        key = (command, target)
        if key not in self._slots:
            wanted = self.commands.commands[command].row_buffer
            buffers = range(self.buffers) if wanted == EVERY_BUFFER else (wanted,)
            banks = self.touched(command, target)
            self._slots[key] = tuple(buffer * self.device.banks + bank for buffer in buffers for bank in banks)
        return self._slots[key]

    def bank_of(self, slot: int) -> int:
        """The bank of a place in ``open_row``."""
        return slot % self.device.banks

    def target_with(self, command: str, bank: int) -> int:
        """The target of ``command`` that holds ``bank``."""
        return self._units[self.commands.commands[command].touches][bank]

    def demand(self, command: str, target: int, row: int) -> Demand:
        """What has to be issued next towards ``command``: itself, or what opens or closes a row for it first.

        Of several units to open, the one that can be opened first.
        """
        spec = self.commands.commands[command]
        if spec.needs == "any":
            return Demand(command, target)
        slots = self.slots(command, target)
        for slot in slots:
            if self.open_row[slot] not in ((CLOSED,) if spec.needs == "closed" else (CLOSED, row)):
                closer = self.closer_of(slot)
                return Demand(closer, self.target_with(closer, self.bank_of(slot)))
        if spec.needs == "open":
            closed = {
                self.target_with(spec.opener, self.bank_of(slot)) for slot in slots if self.open_row[slot] == CLOSED
            }
            if closed:
                first = min(sorted(closed), key=lambda unit: self.earliest(spec.opener, unit))
                return self.demand(spec.opener, first, row)
        return Demand(command, target)

    def closer_of(self, slot: int) -> str:
        """The command that closes an open row, by what has opened it."""
        return self.commands.commands[self.opened_by[slot]].closer

    # When.

    def earliest(self, command: str, target: int) -> int:
        """The first cycle at which ``command`` may come, by all rules and the command bus."""
        banks = self.touched(command, target)
        cycle = self.next_slot
        for level, ready in self._ready[command].items():
            units = self._units[level]
            cycle = max(cycle, max(ready[units[bank]] for bank in banks))
        for number, scope, window, cycles in self._windows[command]:
            for unit in {self._units[scope][bank] for bank in banks}:
                past = self._history.get((number, unit))
                if past is not None and len(past) == window:
                    cycle = max(cycle, past[0] + cycles)
        return cycle

    def separation(self, first: tuple[str, int], then: tuple[str, int]) -> int:
        """Cycles that command and target ``then`` has to keep from ``first`` right before it, by the rules and the bus."""
        banks, others = (self.touched(*one) for one in (first, then))
        cycles = 1
        for level, following, wanted in self._effects[first[0]].delays:
            units = self._units[level]
            if following == then[0] and {units[bank] for bank in banks} & {units[bank] for bank in others}:
                cycles = max(cycles, wanted)
        return cycles

    def gap(self, command: str) -> int:
        """Cycles between commands of a run."""
        return self._gaps[command]

    def completion(self, command: str, cycle: int) -> int:
        """The cycle at which ``command``, issued in ``cycle``, is done."""
        return cycle + delay(self.commands.commands[command].latency, self._timing)

    # Doing it.

    def issue(self, command: str, target: int, row: int, cycle: int, count: int = 1) -> int:
        """Issue a run from ``cycle``; returns the cycle of its last command. The caller keeps to ``earliest``."""
        spec = self.commands.commands[command]
        if cycle < self.next_slot or (count > 1 and (spec.effect != "none" or self._effects[command].windows)):
            raise InconsistencyError("PIM command", f"{command} x{count} in cycle {cycle}, bus free {self.next_slot}")
        gap = self._gaps[command]
        last = cycle + (count - 1) * gap
        banks = self.touched(command, target)
        for level, then, cycles in self._effects[command].delays:
            ready = self._ready[then][level]
            for unit in {self._units[level][bank] for bank in banks}:
                ready[unit] = max(ready[unit], last + cycles)
        for number, scope in self._effects[command].windows:
            for unit in {self._units[scope][bank] for bank in banks}:
                window = self.commands.rules[number].window
                self._history.setdefault((number, unit), deque(maxlen=window)).append(cycle)
        self._change_rows(spec, self.slots(command, target), row, cycle)
        self.mode = spec.enters or self.mode
        self.next_slot = last + 1
        self.counts[command] += count
        if self.keep_log:
            self.log.append(Issued(cycle, command, target, row, count, gap))
        return last

    def _change_rows(self, spec: Command, slots: tuple[int, ...], row: int, cycle: int) -> None:
        if spec.effect == "none":
            return
        before = any(opened != CLOSED for opened in self.open_row)
        for slot in slots:
            self.open_row[slot] = row if spec.effect == "open" else CLOSED
            self.opened_by[slot] = spec.name if spec.effect == "open" else ""
        after = any(opened != CLOSED for opened in self.open_row)
        if after and not before:
            self._open_since = cycle
        elif before and not after:
            self._open_cycles += cycle - self._open_since

    def active_cycles(self, end: int) -> int:
        """Cycles up to and including ``end`` with a row open somewhere on the channel."""
        still = any(opened != CLOSED for opened in self.open_row)
        return self._open_cycles + (end + 1 - self._open_since if still else 0)

    def actions(self) -> Counter[str]:
        """Energy actions so far, by name."""
        found: Counter[str] = Counter()
        for name, count in self.counts.items():
            spec = self.commands.commands[name]
            found[spec.action] += count * (len(self.touched(name, 0)) if spec.per_bank else 1)
        return found

    # Putting a channel aside and taking it up again.

    def snapshot(self) -> Snapshot:
        """The state relative to the next free command slot; which rows are open is kept only as *some* row."""
        base = self.next_slot
        ready = tuple(
            tuple([cycle - base if cycle > base else 0 for cycle in level])
            for levels in self._ready.values()
            for level in levels.values()
        )
        history = tuple(
            sorted((key, tuple(max(-HORIZON, cycle - base) for cycle in past)) for key, past in self._history.items())
        )
        return Snapshot(ready, tuple(self.opened_by), history, self.mode)

    def restore(self, state: Snapshot) -> None:
        """Stand in ``state``, the next free command slot being cycle 0; log and counts start anew."""
        entries = iter(state.ready)
        for levels in self._ready.values():
            for level in levels:
                levels[level] = list(next(entries))
        self.opened_by = list(state.opened_by)
        self.open_row = [SOME_ROW if opener else CLOSED for opener in state.opened_by]
        self._history = {key: deque(past, maxlen=self.commands.rules[key[0]].window) for key, past in state.history}
        self.mode = state.mode
        self.next_slot = 0
        self.log, self.counts = [], Counter()
