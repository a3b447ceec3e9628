"""Macro-commands: fixed sequences of commands on one channel, executed by exact transitions that are worked out once.

A channel's state relative to its next command slot, and a macro-command, determine the commands, their distances and the
next state. So each such pair is worked out once, command by command on the :class:`~sim.hardware.pim.timeline.Timeline`,
and looked up from then on: the result is that of issuing everything one by one, refresh included (a transition with a
refresh in it is kept under the cycles left until the refresh). Property-tested against the sequencer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sim.hardware.pim.command_set import CommandSet
from sim.hardware.pim.cycle_account import REFRESH, CycleAccount
from sim.hardware.pim.pim_device import PimDevice
from sim.hardware.pim.reservation import reserved_cycles
from sim.hardware.pim.sequencer import Sequencer, Step
from sim.hardware.pim.timeline import NEVER, Issued, Snapshot

Macro = tuple[Step, ...]
CACHED = 1 << 14
"""Transitions kept; bounds memory where idle times make every state a new one."""


class Transition(NamedTuple):
    """What a macro-command does from a state: ``cycles`` to the next free slot, ``end``: its last result is there.

    ``last``: cycle of its last command; ``due``, where it ``refreshes``: cycles from its start until the next refresh.
    """

    state: int
    cycles: int
    end: int
    last: int
    counts: tuple[tuple[str, int], ...]
    log: tuple[Issued, ...]
    due: int
    refreshes: bool
    spent: tuple[tuple[str, int], ...] = ()
    """Cycles by what they went to (:mod:`sim.hardware.pim.cycle_account`)."""
    wait: tuple[str, int] = ("", 0)
    """Of those, the cycles before the first command; a refresh just before makes them its own."""
    ends_refreshing: bool = False


class Transitions:
    """The transitions of one device under one command set; shared by all of its channels."""

    def __init__(
        self, commands: CommandSet, device: PimDevice, *, refresh: bool, in_turn: bool = False, whole: bool = False
    ) -> None:
        """``in_turn``: ranks are refreshed one after the other, and each refresh stops the whole channel, as a
        macro-command needs all ranks. ``whole``: a macro-command that would run into a refresh begins after it."""
        self.commands = commands
        self.device = device
        self.whole = whole
        ranks = device.pim_ranks if in_turn else 1
        self.interval = device.dram.timing["tREFI"] // ranks if refresh else 0
        self.first_refresh = device.dram.timing["tREFI"] // device.dram.ranks if in_turn else device.first_refresh
        self._sequencer = Sequencer(commands, device, refresh=refresh)
        self._account = CycleAccount(commands)
        self._states: list[Snapshot] = []
        self._numbers: dict[Snapshot, int] = {}
        self._plain: dict[tuple[int, Macro], Transition] = {}
        self._refreshing: dict[tuple[int, Macro, int], Transition] = {}
        self._rooms: dict[tuple[int, Macro], int] = {}
        self.programs: dict[tuple[int, object, int], _Run] = {}
        """Whole programs from a state, with cycles left until a refresh."""
        self._later: dict[tuple[int, int], int] = {}
        self.fresh = self._number(self._sequencer.timeline.snapshot())

    def _number(self, state: Snapshot) -> int:
        if state not in self._numbers:
            self._numbers[state] = len(self._states)
            self._states.append(state)
        return self._numbers[state]

    def _undisturbed(self, state: int, macro: Macro) -> Transition:
        plain = self._plain.get((state, macro))
        if plain is None:
            plain = self._plain[state, macro] = self._work_out(state, macro, NEVER)
        return plain

    def room(self, state: int, macro: Macro) -> int:
        """Cycles that ``macro`` must have until a refresh: those it takes, or more where the controller knows no better."""
        found = self._rooms.get((state, macro))
        if found is None:
            plain = self._undisturbed(state, macro)
            reserved = reserved_cycles(self.commands.reserved, self.device, dict(plain.counts))
            found = self._rooms[state, macro] = max(plain.cycles, reserved)
        return found

    def defers(self, state: int, macro: Macro, due: int) -> bool:
        """Does ``macro`` wait for the refresh in ``due`` cycles? Not where it would not fit between two of them either."""
        if not self.whole or due == NEVER:
            return False
        needed = self.room(state, macro)
        return due < needed <= self.interval - self.device.dram.timing["tRFC"]

    def take(self, state: int, macro: Macro, due: int) -> Transition:
        """Execute ``macro`` in ``state`` with ``due`` cycles left until the next refresh (``NEVER``: none)."""
        plain = self._undisturbed(state, macro)
        if plain.last < due:
            return plain
        key = (state, macro, due)
        found = self._refreshing.get(key)
        if found is None:
            if len(self._refreshing) > CACHED:
                self._refreshing.clear()
            found = self._refreshing[key] = self._work_out(state, macro, due)
        return found

    def _work_out(self, state: int, macro: Macro, due: int) -> Transition:
        sequencer = self._sequencer
        line = sequencer.timeline
        line.restore(self._states[state])
        sequencer.last, sequencer.due = 0, due
        for step in macro:
            sequencer.run(step)
        end = line.completion(macro[-1].command, sequencer.last)
        counts = tuple(sorted(line.counts.items()))
        log, cycles = tuple(line.log), line.next_slot
        spent, before = self._account.of(log)
        wait = self._account.first(log), before
        ends = self._account.refreshes(log)
        return Transition(
            self._number(line.snapshot()), cycles, end, cycles - 1, counts, log, sequencer.due, sequencer.due != due,
            tuple(spent.items()), wait, ends,
        )  # fmt: skip

    def later(self, state: int, cycles: int) -> int:
        """The state after ``cycles`` without a command."""
        key = (state, cycles)
        found = self._later.get(key)
        if found is None:
            if len(self._later) > CACHED:
                self._later.clear()
            found = self._later[key] = self._number(self._states[state].after(cycles))
        return found


class _Run(NamedTuple):
    """What a program does: the state after it, cycles, its last result, commands, cycles by what they went to, and the
    cycles left until the next refresh."""

    state: int
    cycles: int
    end: int
    counts: dict[str, int]
    spent: dict[str, int]
    left: int


class Taken(NamedTuple):
    """Cycles of a macro-command's first slot and of its last result, and how many of which commands were issued for it,
    refreshes that it waited for included."""

    start: int
    end: int
    counts: dict[str, int]


Program = tuple[tuple[Macro, int], ...]
"""Macro-commands, each so many times over."""


class ChannelState:
    """One channel in time: the cycle of its next free slot, its state, and its next refresh. Counts commands.

    ``log``, when a list, is given every command with its cycle. ``spent``: cycles of what it executed, by what they went
    to; waiting for work, and refreshes meanwhile, are not in it.
    """

    def __init__(self, transitions: Transitions, log: list[Issued] | None = None) -> None:
        self.transitions = transitions
        self.log = log
        self.cycle = 1
        self.counts: dict[str, int] = {}
        self.spent: dict[str, int] = {}
        self._refreshed = False
        self._state = transitions.fresh
        self._due = transitions.first_refresh if transitions.interval else NEVER

    def take(self, macro: Macro, not_before: int = 0, times: int = 1) -> Taken:
        """Execute a macro-command ``times`` over, from cycle ``not_before`` on."""
        self._catch_up(not_before)
        start, before = self.cycle, dict(self.counts)
        return Taken(start, self._repeat(macro, times), _since(self.counts, before))

    def _repeat(self, macro: Macro, times: int) -> int:
        """Execute a macro-command ``times`` over; the cycle of its last result."""
        end, left = 0, times
        while left:
            if self.transitions.defers(self._state, macro, self._left()):
                self._refresh()
            here, state = self.cycle, self._state
            done = self._apply(macro, self._left())
            again = self._alike(state, macro, done, left - 1)
            end = here + again * done.cycles + done.end
            left -= 1 + again
            _book(self.counts, done.counts, 1 + again)
        return end

    def run(self, key: object, program: Program, not_before: int = 0) -> Taken:
        """Execute a program from cycle ``not_before`` on. ``key`` stands for it: equal keys are equal programs.

        Channels that do the same in the same state share the result (unless a log is kept).
        """
        self._catch_up(not_before)
        start, due, counts, spent = self.cycle, self._due, dict(self.counts), dict(self.spent)
        known = self.transitions.programs
        place = (self._state, key, due - start if due != NEVER else NEVER)
        if self.log is None and place in known:
            return self._again(known[place], start)
        end = start
        for macro, times in program:
            end = self._repeat(macro, times)
        if len(known) > CACHED:
            known.clear()
        issued, gone = _since(self.counts, counts), _since(self.spent, spent)
        known[place] = _Run(self._state, self.cycle - start, end - start, issued, gone, self._due - start)
        return Taken(start, end, issued)

    def _again(self, run: _Run, start: int) -> Taken:
        """A program that is known from this state."""
        self._state, self.cycle, self._refreshed = run.state, start + run.cycles, False
        self._due = start + run.left if self._due != NEVER else NEVER
        _book(self.counts, run.counts.items(), 1)
        _book(self.spent, run.spent.items(), 1)
        return Taken(start, start + run.end, run.counts)

    def _left(self) -> int:
        """Cycles until the next refresh."""
        return self._due - self.cycle if self._due != NEVER else NEVER

    def _alike(self, before: int, macro: Macro, done: Transition, most: int) -> int:
        """Repetitions of a transition that leads back to its state, as far as no refresh comes between."""
        if not most or self._state != before or self.log is not None:
            return 0
        if self._due != NEVER:
            needed = self.transitions.room(before, macro) if self.transitions.whole else done.last + 1
            room = self._due - self.cycle - needed
            if done.refreshes or room < 0:
                return 0
            most = min(most, room // done.cycles + 1)
        self.cycle += most * done.cycles
        _book(self.spent, done.spent, most)
        return most

    def _catch_up(self, cycle: int) -> None:
        """Wait until ``cycle``; refreshes meanwhile cost nobody time."""
        spent = dict(self.spent)
        while self._due < cycle:
            self._refresh()
        self._wait(cycle)
        self.spent = spent

    def _refresh(self) -> None:
        """A refresh that falls due while nothing else goes on."""
        self.spent[REFRESH] = self.spent.get(REFRESH, 0) + max(0, self._due - self.cycle)
        self._wait(self._due)
        due = self._due
        done = self._apply((Step(self.transitions.commands.refresh),), NEVER)
        _book(self.counts, done.counts, 1)
        self._due = due + self.transitions.interval

    def _wait(self, cycle: int) -> None:
        if cycle > self.cycle:
            self._state = self.transitions.later(self._state, cycle - self.cycle)
            self.cycle = cycle

    def _apply(self, macro: Macro, due: int) -> Transition:
        start = self.cycle
        done = self.transitions.take(self._state, macro, due)
        self._state, self.cycle = done.state, start + done.cycles
        if done.refreshes:
            self._due = start + done.due
        _book(self.spent, done.spent, 1)
        if self._refreshed:
            _book(self.spent, ((done.wait[0], -done.wait[1]), (REFRESH, done.wait[1])), 1)
        self._refreshed = done.ends_refreshing
        if self.log is not None:
            self.log += [line._replace(cycle=line.cycle + start) for line in done.log]
        return done


def _book(total: dict[str, int], amounts: Iterable[tuple[str, int]], times: int) -> None:
    """Add amounts to ``total`` by name, ``times`` over."""
    for name, amount in amounts:
        total[name] = total.get(name, 0) + amount * times


def _since(now: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    """What has been added."""
    return {name: amount - before.get(name, 0) for name, amount in now.items() if amount != before.get(name, 0)}
