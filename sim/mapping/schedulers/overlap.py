"""``scheduler: overlap``: up to ``lookahead`` regions in flight, so that weights are prefetched and branches overlap."""

from __future__ import annotations

from sim.config.policy import Policy
from sim.mapping.schedulers.policy import schedulers


@schedulers.register("overlap")
class Overlap:
    """See the module docstring."""

    @staticmethod
    def window(policy: Policy) -> int:
        return policy.lookahead
