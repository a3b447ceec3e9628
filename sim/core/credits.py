"""Credit pools: buffer space as a counted resource, granted strictly in order of request."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from sim.core.component import Component
from sim.core.errors import InconsistencyError


class CreditPool:
    """``capacity`` credits (bytes or slots). A request waits until all before it are granted and it fits itself.

    Granting in order keeps the order of work independent of timing and, with producers ahead of consumers in that
    order, makes a deadlock impossible as long as every single request fits.
    """

    def __init__(self, component: Component, name: str, capacity: int) -> None:
        self._engine = component.engine
        self._probe = component.probe
        self.name = f"{component.path}.{name}"
        self.capacity = capacity
        self.used = 0
        self.peak = 0
        self._waiting: deque[tuple[int, Callable[[], None], object]] = deque()

    def acquire(self, amount: int, granted: Callable[[], None], who: object) -> bool:
        """Ask for ``amount``; ``granted`` runs at once or when it becomes free. Returns whether it ran at once.

        Asking for nothing never waits, or work that only gives space back could wait behind who needs that space. ``who``
        is put into words only where it has to be told.
        """
        if amount > self.capacity:
            raise InconsistencyError("credits", f"{who} asks for {amount} of {self.name}, which has {self.capacity}")
        if amount and (self._waiting or self.used + amount > self.capacity):
            self._waiting.append((amount, granted, who))
            self._engine.waits(self, self._describe)
            return False
        self._take(amount)
        granted()
        return True

    def release(self, amount: int) -> None:
        """Give ``amount`` back and grant whoever now fits, in order."""
        self.used -= amount
        if self.used < 0:
            raise InconsistencyError("credits", f"{self.name}: more released than acquired")
        self._level()
        while self._waiting and self.used + self._waiting[0][0] <= self.capacity:
            amount, granted, _ = self._waiting.popleft()
            if not self._waiting:
                self._engine.waits_no_more(self)
            self._take(amount)
            granted()

    def _take(self, amount: int) -> None:
        self.used += amount
        self.peak = max(self.peak, self.used)
        self._level()

    def _level(self) -> None:
        if self._probe.listening:
            self._probe.level(self.name, self._engine.now, self.used)

    def _describe(self) -> str:
        amount, _, who = self._waiting[0]
        taken = f"{self.used} of {self.capacity} taken, {len(self._waiting)} waiting"
        return f"{who} waits for {amount} of {self.name} ({taken})"
