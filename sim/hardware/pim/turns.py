"""Host and PIM taking turns on a memory tier whose banks have one row buffer (blocked access).

What it models: while work of one side is in service the other waits; when a turn ends, what the other side has waiting
then begins together, after the rows in between are closed. The host spreads every transfer over all channels, so a turn
is the whole tier's. What it leaves out: a host transfer is never cut for PIM, nor a PIM pass for the host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from sim.core.engine import Engine, Phase

Side = Literal["host", "pim"]
OTHER: dict[Side, Side] = {"host": "pim", "pim": "host"}


class Turns:
    """The turn of one tier. ``switch_ps``: time to close the rows that a side leaves, by that side."""

    def __init__(self, engine: Engine, rank: int, switch_ps: dict[Side, int]) -> None:
        self._engine = engine
        self._rank = rank
        self._switch_ps = switch_ps
        self._turn: Side = "host"
        self._active = 0
        self._changing = False
        self._waiting: dict[Side, list[Callable[[], None]]] = {"host": [], "pim": []}

    def enter(self, side: Side, start: Callable[[], None]) -> bool:
        """Begin work of ``side`` now, or when its turn comes; True when that is now."""
        taken = self._active and (self._turn != side or self._waiting[OTHER[side]])
        if self._changing or taken:
            self._waiting[side].append(start)
            return False
        if self._turn != side:
            self._waiting[side].append(start)
            self._hand_over()
            return False
        self._active += 1
        start()
        return True

    def leave(self) -> None:
        """A piece of work of the side whose turn it is has ended."""
        self._active -= 1
        if self._active:
            return
        if self._waiting[OTHER[self._turn]]:
            self._hand_over()
        elif self._waiting[self._turn]:
            self._start_waiting()

    def _hand_over(self) -> None:
        left = self._turn
        self._turn = OTHER[left]
        self._changing = True

        def changed() -> None:
            self._changing = False
            self._start_waiting()

        self._engine.at(self._engine.now + self._switch_ps[left], changed, Phase.FINISH, self._rank)

    def _start_waiting(self) -> None:
        starts, self._waiting[self._turn] = self._waiting[self._turn], []
        self._active += len(starts)
        for start in starts:
            start()
