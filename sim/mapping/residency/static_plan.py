"""``residency: static``: a plan made before the run. The near tier is the home of what fits it, the rest is streamed.

Tensors are taken in order of first use until only ``policy.near_spare`` of the near tier is left. The others live in
slower tiers, are copied into the spare part before each use and dropped after it, so of a model a little larger than the
near tier only the excess moves, at every pass. What is written (caches) may take the spare part too, because each of
its copies would have to go back. Left out: choosing which tensors to keep by size or place in the pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from sim.config.policy import Policy
from sim.mapping.residency.policy import Candidate, Group, residencies


@residencies.register("static")
class StaticPlan:
    """See the module docstring."""

    moves: ClassVar[bool] = True

    def __init__(self, policy: Policy) -> None:
        self._spare = policy.near_spare

    def lives_near(self, one: Candidate) -> bool:
        left = one.free_bytes - one.size_bytes
        return left >= one.capacity_bytes * self._spare or (left >= 0 and not one.read_only)

    def stays(self, group: Group) -> bool:
        return False

    def victims(self, present: Iterable[Group]) -> Sequence[Group]:
        return ()
