"""The interface of a scheduler: asked how far execution may run ahead of the oldest unfinished region."""

from __future__ import annotations

from typing import Protocol

from sim.config.policy import Policy
from sim.core.registry import Registry


class Scheduler(Protocol):
    """A strategy; it is asked for a value and does no work."""

    @staticmethod
    def window(policy: Policy) -> int:
        """Regions that may be in flight at once (1: one after another)."""
        ...


schedulers: Registry[type[Scheduler]] = Registry("schedulers", "scheduler")
