"""``scheduler: overlap``: up to ``lookahead`` regions in flight, so that weights are prefetched and branches overlap."""

from __future__ import annotations

from sim.config.policy import Policy
from sim.mapping.schedulers.policy import Distance, schedulers


@schedulers.register("overlap")
class Overlap:
    """See the module docstring."""

    @staticmethod
    def holds(policy: Policy, ahead: Distance) -> bool:
        return ahead.regions >= policy.lookahead
