"""``residency: lru``: weights and caches live in the slower tiers; copies stay until the least recently used must go.

Good where use repeats within what the near tier holds (experts of a composition, jobs of one model). A cyclic scan over
more than the near tier holds, as decoding with a model larger than it, never hits: that is what LRU does, and what
``static`` is for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from sim.config.policy import Policy
from sim.mapping.residency.policy import Candidate, Group, residencies


@residencies.register("lru")
class Lru:
    """See the module docstring."""

    moves: ClassVar[bool] = True

    def __init__(self, policy: Policy) -> None:
        """Needs nothing."""

    def lives_near(self, one: Candidate) -> bool:
        return False

    def stays(self, group: Group) -> bool:
        return True

    def victims(self, present: Iterable[Group]) -> Sequence[Group]:
        return sorted(present, key=lambda group: group.last_use)
