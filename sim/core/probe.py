"""Probes: how components tell observers what happened, at no cost when nobody listens.

Three sorts of news: a *span* (a lane was busy or stalled from start to end), a *count* is kept by the component itself
(:mod:`sim.core.component`) and needs no probe, and a *level* (occupancy, outstanding requests) changed. A component
asks ``if probe.listening`` before it builds the news, so silence costs one attribute look-up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

EXECUTION_LANE = "(execution)"
"""Name under which the executor tells of regions from their first work to their last. Not a lane: these overlap."""


class Listener(Protocol):
    """What an observer implements."""

    def span(self, lane: str, start_ps: int, end_ps: int, what: str, owner: int, tile: int) -> None:
        """A lane did ``what`` (busy text, or ``stall:<cause>``) in [start, end) for operator ``owner``, tile ``tile``."""

    def level(self, name: str, time_ps: int, value: int) -> None:
        """The level called ``name`` is ``value`` from ``time_ps`` on."""


class Probe:
    """The news desk of one run. ``span`` and ``level`` tell all listeners; a single one is called without a detour."""

    __slots__ = ("_listeners", "level", "listening", "span")

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()
        self.listening = False
        self.span: Callable[[str, int, int, str, int, int], None] = self._tell_span
        self.level: Callable[[str, int, int], None] = self._tell_level

    def attach(self, listener: Listener) -> None:
        self._listeners = (*self._listeners, listener)
        self.listening = True
        alone = len(self._listeners) == 1
        self.span = listener.span if alone else self._tell_span
        self.level = listener.level if alone else self._tell_level

    def _tell_span(self, lane: str, start_ps: int, end_ps: int, what: str, owner: int, tile: int) -> None:
        for listener in self._listeners:
            listener.span(lane, start_ps, end_ps, what, owner, tile)

    def _tell_level(self, name: str, time_ps: int, value: int) -> None:
        for listener in self._listeners:
            listener.level(name, time_ps, value)
