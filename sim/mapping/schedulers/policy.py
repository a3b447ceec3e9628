"""The interface of a scheduler: asked whether execution has run far enough ahead of the oldest unfinished region."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from sim.config.policy import Policy
from sim.core.registry import Registry


class Distance(NamedTuple):
    """From the oldest unfinished region to the next: regions in program order, and stages of streams that take turns."""

    regions: int
    stages: int


class Scheduler(Protocol):
    """A strategy; it is asked for a value and does no work."""

    @staticmethod
    def holds(policy: Policy, ahead: Distance) -> bool:
        """Must a region that is ``ahead`` of the oldest unfinished one wait for it?"""
        ...


schedulers: Registry[type[Scheduler]] = Registry("schedulers", "scheduler")
