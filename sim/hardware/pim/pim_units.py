"""The PIM units of one memory tier in a run: one sequencer a channel, fed with passes of macro-commands.

What it models: each channel issues its passes in order on its own state, command by command through
:mod:`sim.hardware.pim.macro`, refresh included; with one row buffer a bank, passes and the host's transfers take turns.
Busy means: commands of a pass are being issued. One lane a channel.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from sim.core.clock import PS_PER_S, Clock
from sim.core.component import Activity, Cause, Component, Context, Lane
from sim.core.engine import Phase
from sim.hardware.memory.dram import Dram, DramSpec
from sim.hardware.pim.command_set import CommandSet
from sim.hardware.pim.interference import host_slowdown
from sim.hardware.pim.issue_port import IssuePort, packets_of
from sim.hardware.pim.macro import ChannelState, Program, Transitions
from sim.hardware.pim.pim_device import PimDevice
from sim.hardware.pim.timeline import Issued, Timeline
from sim.hardware.pim.turns import Turns


@dataclass(frozen=True, eq=False)
class Pass:
    """Macro-commands that a channel executes in one go, each ``times`` over; the useful multiplies in them, and the
    bytes of results that leave the channel. One object stands for all passes that are alike."""

    macros: Program
    macs: int
    result_bytes: int


class _Queued(NamedTuple):
    work: Pass
    activity: Activity
    cause: str
    started: Callable[[], None]
    done: Callable[[], None]
    ready_ps: int
    """From when on its commands come from the host fast enough."""


class PimModel:
    """Closed forms of the units of one tier (no state of a run)."""

    def __init__(self, spec: DramSpec) -> None:
        assert spec.pim is not None and spec.device is not None
        self.spec = spec.pim
        self.commands: CommandSet
        self.device: PimDevice
        self.commands, self.device = spec.pim.parts(spec.device)
        self.channels = self.device.dram.channels * spec.stacks
        self.clock = Clock(self.device.dram.clock_hz)
        self.is_blocked = spec.pim.is_blocked(self.commands)
        self._column_gap = self._shortest_gap(self.commands.multiply)
        self._alone: dict[Pass, int] = {}
        self._packets: dict[Pass, int] = {}

    def _shortest_gap(self, command: str) -> int:
        """Cycles from a command to the next of its name, wherever that goes."""
        line = Timeline(self.commands, self.device)
        start = line.issue(command, 0, 0, line.next_slot)
        targets = {line.target_with(command, bank) for bank in range(self.device.banks)}
        return min(line.earliest(command, target) for target in targets) - start

    @cached_property
    def banks_multiplied(self) -> int:
        """Banks that a multiplying command touches."""
        return len(Timeline(self.commands, self.device).touched(self.commands.multiply, 0))

    @property
    def multiply_ps(self) -> int:
        """From one multiplying command of a channel to the next, at best."""
        return self.clock.edge_ps(self._column_gap)

    def peak_macs_per_s(self, compute_type: str = "") -> Fraction:
        """Internal-bandwidth bound: a column of all banks that a command touches, in each gap between such commands."""
        per_command = self.banks_multiplied * self.device.lanes * self.commands.vectors * self.channels
        return Fraction(per_command) * self.device.dram.clock_hz / self._column_gap

    def transitions(self) -> Transitions:
        """Fresh channels."""
        in_turn = self.spec.refresh_ranks == "in_turn"
        whole = self.commands.announces
        return Transitions(self.commands, self.device, refresh=self.spec.refresh, in_turn=in_turn, whole=whole)

    @cached_property
    def actions(self) -> dict[str, tuple[str, int]]:
        """Command -> its energy action, and how many of it one such command is."""
        line = Timeline(self.commands, self.device)
        found = {
            name: (spec.action, len(line.touched(name, 0)) if spec.per_bank else 1)
            for name, spec in self.commands.commands.items()
        }
        refresh = self.commands.refresh
        if refresh and self.spec.refresh_ranks == "in_turn":
            action, banks = found[refresh]
            found[refresh] = action, banks // self.device.pim_ranks
        return found

    @cached_property
    def _plain(self) -> Transitions:
        return Transitions(self.commands, self.device, refresh=False)

    @cached_property
    def _cycle_ps_refreshed(self) -> Fraction:
        """Time of a cycle, refresh spread over all of them."""
        interval = self.transitions().interval
        share = 1 - Fraction(self.device.dram.timing["tRFC"], interval) if interval else Fraction(1)
        return PS_PER_S / self.clock.hz / share

    @cached_property
    def host_slowdown(self) -> Fraction:
        """How much longer the host's transfers take beside a pass."""
        shared = self.spec.shares_commands(self.commands)
        return host_slowdown(self.commands.name, self.device) if shared else Fraction(1)

    def packets(self, work: Pass) -> int:
        """Packets that the host sends for a pass."""
        found = self._packets.get(work)
        if found is None:
            found = self._packets[work] = packets_of(self.commands, work.macros)
        return found

    def alone_ps(self, work: Pass) -> int:
        """Time of a pass on a channel at rest, refresh as a share of time."""
        found = self._alone.get(work)
        if found is None:
            end = ChannelState(self._plain).run(work, work.macros).end
            found = self._alone[work] = int(end * self._cycle_ps_refreshed)
        return found


class PimUnits(Component):
    """All channels of the tier ``memory``."""

    def __init__(self, context: Context, path: str, rank: int, declared: str, spec: DramSpec, memory: Dram) -> None:
        super().__init__(context, path, rank, declared)
        self.model = PimModel(spec)
        transitions = self.model.transitions()
        self.channels = [
            _Channel(self, self.lane(f"channel{number}"), ChannelState(transitions))
            for number in range(self.model.channels)
        ]
        self._port = IssuePort(self.model.spec.issue_rate)
        self._memory = memory
        self._slowdown = self.model.host_slowdown
        self._working = 0
        self.turns: Turns | None = None
        if self.model.is_blocked:
            timing = self.model.device.cycles()
            to_pim = timing["CWL"] + timing["burst"] + timing["tWR"] + timing["tRP"]
            to_host = timing["tRTP"] + timing["tRP"]
            edge = self.model.clock.edge_ps
            self.turns = memory.turns = Turns(context.engine, rank, {"host": edge(to_pim), "pim": edge(to_host)})

    def begins(self) -> None:
        """A channel begins a pass: beside the first, the host's transfers slow down."""
        self._working += 1
        if self._working == 1:
            self._memory.pace(self._slowdown)

    def ends(self) -> None:
        """A channel has no pass in service any more."""
        self._working -= 1
        if self._working == 0:
            self._memory.pace(Fraction(1))

    def record_commands(self) -> None:
        """Keep every command of every channel in ``log`` from now on (for checks; it grows without bound)."""
        for channel in self.channels:
            channel.state.log = []

    @property
    def logs(self) -> list[list[Issued]]:
        """The recorded commands, by channel."""
        return [channel.state.log or [] for channel in self.channels]

    def expect(self, channel: int, passes: int) -> None:
        """So many passes will come to a channel: until they do, it waits for them rather than idles."""
        self.channels[channel].lane.assign(self.engine.now, passes)

    def submit(
        self, channel: int, work: Pass, activity: Activity, cause: str, started: Callable[[], None],
        done: Callable[[], None],
    ) -> None:  # fmt: skip
        """Queue a pass expected on a channel; ``cause``: what it last waited for; ``done`` when its results are there."""
        first, last = self._port.send(self.engine.now, self.model.packets(work))
        ready = max(first, last - self.model.alone_ps(work)) if last > first else first
        self.channels[channel].submit(_Queued(work, activity, cause, started, done, ready))

    def count_commands(self, owner: int, counts: dict[str, int]) -> None:
        """Commands as energy actions of ``owner``, and by name in the ledger."""
        for name, count in sorted(counts.items()):
            action, each = self.model.actions[name]
            self.count(owner, action, count * each)
            self.ledger[owner, f"command {name}"] += count

    def channel_counts(self) -> tuple[dict[str, int], ...]:
        """By channel: commands by name, and under ``cycles NAME`` the cycles of its passes by what they went to."""
        return tuple(
            {
                **{f"command {name}": count for name, count in sorted(channel.state.counts.items())},
                **{f"cycles {name}": cycles for name, cycles in sorted(channel.state.spent.items())},
            }
            for channel in self.channels
        )


class _Channel:
    def __init__(self, units: PimUnits, lane: Lane, state: ChannelState) -> None:
        self._units = units
        self._engine = units.engine
        self._clock = units.model.clock
        self.lane = lane
        self.state = state
        self._queue: deque[_Queued] = deque()
        self._busy = False

    def submit(self, queued: _Queued) -> None:
        self._queue.append(queued)
        if not self._busy:
            self._next()

    def _next(self) -> None:
        self._busy = True
        queued = self._queue.popleft()
        if queued.ready_ps <= self._engine.now:
            self._enter(queued)
            return
        self.lane.waited(self._engine.now, queued.cause, queued.activity.owner, queued.activity.tile)
        late = queued._replace(cause=Cause.LAUNCH)
        self._engine.at(queued.ready_ps, lambda: self._enter(late), Phase.FINISH, self._units.rank)

    def _enter(self, queued: _Queued) -> None:
        turns = self._units.turns
        if turns is None:
            self._run(queued, queued.cause)
        else:
            waited = False

            def start() -> None:
                self._run(queued, Cause.HOST if waited else queued.cause)

            waited = not turns.enter("pim", start)
            if waited:
                self.lane.waited(self._engine.now, queued.cause, queued.activity.owner, queued.activity.tile)

    def _run(self, queued: _Queued, cause: str) -> None:
        clock, state, owner = self._clock, self.state, queued.activity.owner
        taken = state.run(queued.work, queued.work.macros, clock.index_at_or_after(self._engine.now))
        self.lane.begin(clock.edge_ps(taken.start), cause, owner, queued.activity.tile)
        self._units.count_commands(owner, taken.counts)
        for name in ("macs", "macs_executed"):
            self._units.ledger[owner, name] += queued.work.macs
        queued.started()
        units = self._units
        units.begins()
        self._engine.at(clock.edge_ps(state.cycle), lambda: self._free(queued), Phase.FINISH, units.rank)
        self._engine.at(clock.edge_ps(taken.end), lambda: self._finished(queued), Phase.FINISH, units.rank)

    def _free(self, queued: _Queued) -> None:
        self.lane.end(self._engine.now, "pim", queued.activity.owner, queued.activity.tile)
        self._busy = False
        self._units.ends()
        if self._queue:
            self._next()

    def _finished(self, queued: _Queued) -> None:
        if self._units.turns is not None:
            self._units.turns.leave()
        queued.done()
