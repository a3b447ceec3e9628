"""``residency: in_place``: operators read every tensor from the tier it lives in; nothing is copied between tiers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from sim.config.policy import Policy
from sim.mapping.residency.policy import Candidate, Group, residencies


@residencies.register("in_place")
class InPlace:
    """See the module docstring."""

    moves: ClassVar[bool] = False

    def __init__(self, policy: Policy) -> None:
        """Needs nothing."""

    def lives_near(self, one: Candidate) -> bool:
        return True

    def stays(self, group: Group) -> bool:
        return True

    def victims(self, present: Iterable[Group]) -> Sequence[Group]:
        return ()
