"""Components and their lanes: who did what for how long, exactly.

A component owns one or more *lanes*. A lane is sequential and fully covered: busy + stall by cause + idle = elapsed, in
integer picoseconds. Idle means that no work was assigned; a gap while work was assigned is a stall, charged to the
blocker that cleared last (the closed list :class:`Cause`). Action counts (MACs, bytes, launches) are kept per operator,
because energy and traffic are priced and reported per operator after the run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from sim.core.engine import Engine
from sim.core.errors import InconsistencyError
from sim.core.probe import Probe

UNATTRIBUTED = -1
"""Owner of work that belongs to no operator."""


class Cause(StrEnum):
    """Why a lane with assigned work was not busy. A closed list."""

    OPERAND = "operand"  # waiting for input data to arrive
    RESULT = "result"  # waiting for a producer on the same tile (array result before the vector unit)
    CREDIT = "credit"  # no buffer space
    BANK = "bank"  # scratchpad banks too slow for the stream; a DRAM row being closed and opened
    BANK_GROUP = "bank_group"  # DRAM columns of one bank group, tCCD_L apart
    ACTIVATION = "activation"  # DRAM activation window: tRRD, tFAW
    TURNAROUND = "turnaround"  # DRAM bus between reads and writes, or between ranks
    BUS = "bus"  # a shared bus is taken
    LINK = "link"  # an interconnect link is taken
    DEPENDENCY = "dependency"  # an earlier operator has not finished
    COPY = "copy"  # an operand is still being copied from a slower memory tier
    REFRESH = "refresh"  # DRAM refresh
    LAUNCH = "launch"  # the host has not launched the operator yet
    PIM = "pim"  # processing in memory has the banks
    HOST = "host"  # the host has the banks, while processing in memory waits
    LATENCY = "latency"  # in flight: access or wire latency


class Context:
    """What every component of one run shares."""

    __slots__ = ("engine", "probe")

    def __init__(self, engine: Engine, probe: Probe) -> None:
        self.engine = engine
        self.probe = probe


class Lane:
    """One sequential server's account. Calls must come in time order; anything else is an inconsistency.

    ``pending`` pieces of work have this lane as their place. Busy and stalled time is kept per operator as well.
    """

    def __init__(self, name: str, probe: Probe) -> None:
        self.name = name
        self.idle_ps = 0
        self.busy_by: defaultdict[int, int] = defaultdict(int)
        self.stall_by: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.pending = 0
        self._probe = probe
        self._assigned_since = 0
        self._covered_to = 0
        self._busy_since = -1

    @property
    def busy_ps(self) -> int:
        return sum(self.busy_by.values())

    @property
    def stall_ps(self) -> dict[str, int]:
        """Stalled time by cause."""
        total: dict[str, int] = {}
        for (cause, _), duration in self.stall_by.items():
            total[cause] = total.get(cause, 0) + duration
        return dict(sorted(total.items()))

    def assign(self, now_ps: int, items: int = 1) -> None:
        """``items`` pieces of work now have this lane as their place; from here on a gap is a stall."""
        if self.pending == 0:
            self._assigned_since = now_ps
        self.pending += items

    def withdraw(self, now_ps: int, cause: str, owner: int = UNATTRIBUTED) -> None:
        """An assigned piece goes elsewhere or is done without the lane; what was waited for it until now is a stall."""
        self.pending -= 1
        if self.pending == 0 and self._busy_since < 0:
            self._charge_gap(max(now_ps, self._covered_to), cause, owner, 0)

    def begin(self, now_ps: int, cause: str, owner: int = UNATTRIBUTED, tile: int = 0) -> None:
        """One assigned piece starts; the gap since the last end is charged to ``cause`` as far as work was assigned."""
        if self._busy_since >= 0:
            raise InconsistencyError(
                "lane overlap", f"{self.name} starts at {now_ps} ps while busy since {self._busy_since} ps"
            )
        if self.pending <= 0:
            raise InconsistencyError(
                "lane assignment", f"{self.name} starts work at {now_ps} ps that was never assigned"
            )
        if now_ps != self._covered_to:
            self._charge_gap(now_ps, cause, owner, tile)
        self._busy_since = now_ps

    def occupy(self, now_ps: int) -> None:
        """A piece comes and starts at once: :meth:`assign` and :meth:`begin`, shorter where nothing else is assigned."""
        if self.pending or now_ps < self._covered_to:
            self.assign(now_ps)
            self.begin(now_ps, Cause.OPERAND)
            return
        self.pending = 1
        self.idle_ps += now_ps - self._covered_to
        self._covered_to = self._busy_since = now_ps

    def waited(self, now_ps: int, cause: str, owner: int = UNATTRIBUTED, tile: int = 0) -> None:
        """Assigned work has waited for ``cause`` until now, and goes on waiting for something else."""
        if self._busy_since < 0 and self.pending:
            self._charge_gap(max(now_ps, self._covered_to), cause, owner, tile)

    def end(self, now_ps: int, what: str = "busy", owner: int = UNATTRIBUTED, tile: int = 0) -> None:
        """The piece that began last is done."""
        start = self._busy_since
        if start < 0 or now_ps < start:
            raise InconsistencyError("lane overlap", f"{self.name} ends at {now_ps} ps, began at {start} ps")
        self.busy_by[owner] += now_ps - start
        self.pending -= 1
        self._covered_to = now_ps
        self._busy_since = -1
        if self._probe.listening and now_ps > start:
            self._probe.span(self.name, start, now_ps, what, owner, tile)

    def hand_over(
        self, now_ps: int, what: str, owner: int, tile: int, lost_ps: Mapping[str, int] | None = None
    ) -> None:
        """What was in service until now was ``owner``'s; the lane goes on at once with the next.

        ``lost_ps``: how much of that time, by cause, the lane stood; it is booked as stalls at the end of the slice.
        """
        start = self._busy_since
        if start < 0 or now_ps < start:
            raise InconsistencyError("lane overlap", f"{self.name} hands over at {now_ps} ps, began at {start} ps")
        if now_ps == start:
            return
        end = now_ps - sum(lost_ps.values()) if lost_ps else now_ps
        if end < start:
            raise InconsistencyError("lane coverage", f"{self.name} lost {now_ps - end} ps of {now_ps - start} ps")
        self.busy_by[owner] += end - start
        if self._probe.listening and end > start:
            self._probe.span(self.name, start, end, what, owner, tile)
        self._covered_to = end
        if lost_ps:
            for cause, duration in lost_ps.items():
                self._add_stall(self._covered_to, self._covered_to + duration, cause, owner, tile)
        self._busy_since = now_ps

    def stall(self, until_ps: int, cause: str, owner: int = UNATTRIBUTED, tile: int = 0) -> None:
        """The lane stays taken, but does nothing, from the end of its last work until ``until_ps``."""
        self._add_stall(self._covered_to, until_ps, cause, owner, tile)

    def finish(self, elapsed_ps: int) -> None:
        """Close the account at the end of the run and check that it covers all of it."""
        if self.pending or self._busy_since >= 0:
            raise InconsistencyError(
                "lane assignment", f"{self.name} ends the run with {self.pending} pieces never done"
            )
        if self._covered_to > elapsed_ps:
            raise InconsistencyError(
                "time", f"{self.name} worked until {self._covered_to} ps, after the end at {elapsed_ps} ps"
            )
        self.idle_ps += elapsed_ps - self._covered_to
        self._covered_to = elapsed_ps
        covered = self.busy_ps + self.idle_ps + sum(self.stall_by.values())
        if covered != elapsed_ps:
            raise InconsistencyError(
                "lane coverage", f"{self.name}: busy + stall + idle = {covered} of {elapsed_ps} ps"
            )

    def _charge_gap(self, now_ps: int, cause: str, owner: int, tile: int) -> None:
        if now_ps == self._covered_to:
            return
        if now_ps < self._covered_to:
            raise InconsistencyError("lane overlap", f"{self.name} starts at {now_ps} ps before {self._covered_to} ps")
        assigned = min(max(self._assigned_since, self._covered_to), now_ps)
        self.idle_ps += assigned - self._covered_to
        self._covered_to = assigned
        self._add_stall(assigned, now_ps, cause, owner, tile)

    def _add_stall(self, start_ps: int, end_ps: int, cause: str, owner: int, tile: int) -> None:
        if end_ps <= start_ps:
            return
        self.stall_by[str(cause), owner] += end_ps - start_ps
        self._covered_to = end_ps
        if self._probe.listening:
            self._probe.span(self.name, start_ps, end_ps, "stall:" + cause, owner, tile)


class Activity(NamedTuple):
    """Whose work something is: the operator's number in the run and the tile's number in it."""

    owner: int = UNATTRIBUTED
    tile: int = 0


class Component:
    """A piece of hardware in one run: a path, a rank for ties, lanes, and action counts per operator."""

    def __init__(self, context: Context, path: str, rank: int, declared: str) -> None:
        self.context = context
        self.engine = context.engine
        self.probe = context.probe
        self.path = path
        self.rank = rank
        self.declared = declared
        self.lanes: list[Lane] = []
        self.actions: defaultdict[tuple[int, str], int] = defaultdict(int)
        self.ledger: defaultdict[tuple[int, str], int] = defaultdict(int)
        """Counts per operator that are checked or validated but carry no energy (dense MACs, edge reads)."""

    def lane(self, name: str = "") -> Lane:
        """A new lane of this component, called ``path`` or ``path.name``."""
        lane = Lane(f"{self.path}.{name}" if name else self.path, self.probe)
        self.lanes.append(lane)
        return lane

    def count(self, owner: int, action: str, amount: int) -> None:
        """``amount`` more of ``action`` on behalf of operator ``owner``."""
        self.actions[owner, action] += amount
