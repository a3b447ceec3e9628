"""Drives the engine of a routed fabric from the event queue: messages in, and their callbacks as they end.

A wake-up that finds no message ended lets the engine look as far ahead as the event queue is empty: nothing can be sent
before its next event.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Protocol

from sim.core.channel import Driver, TransferEngine
from sim.core.component import Component

FAR_PS = 1 << 60


class NetworkEngine(TransferEngine, Protocol):
    """A transfer engine that is told up to when it will be left alone."""

    def advance(self, until_ps: int, quiet_ps: int = 0) -> list[Any]: ...


class FabricDriver(Driver):
    """Keeps one wake-up at the next event of ``network`` and runs the callbacks that messages came with."""

    def __init__(self, component: Component, network: NetworkEngine) -> None:
        super().__init__(component, network)
        self._network = network

    def send(self, stream: Hashable, size_bytes: int, done: Callable[[], None]) -> None:
        """A message arrives now; ``done`` runs when it has ended."""
        now = self._events.now
        self._network.submit(now, stream, size_bytes, done)
        self._arm(now)

    def _on_wake(self) -> None:
        self._wake = None
        now, following = self._events.now, self._events.next_ps()
        ended = self._network.advance(now, FAR_PS if following is None else following)
        self._arm(now)
        for done in ended:
            done()
