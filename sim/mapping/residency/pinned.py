"""``residency: pinned``: tensors or models that match ``policy.pinned`` live in the near tier; the rest as in ``lru``."""

from __future__ import annotations

from fnmatch import fnmatchcase

from sim.config.policy import Policy
from sim.mapping.residency.lru import Lru
from sim.mapping.residency.policy import Candidate, residencies


@residencies.register("pinned")
class Pinned(Lru):
    """See the module docstring."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self._patterns = policy.pinned

    def lives_near(self, one: Candidate) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self._patterns for name in (one.name, one.group))
