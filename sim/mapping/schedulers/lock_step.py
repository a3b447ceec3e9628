"""``scheduler: lock_step``: streams that take turns advance together, stage by stage; within a stage as ``overlap``.

A stage is the attention of one sub-batch beside what the next sub-batch does until its own attention, as the stages A to F
of the NeuPIMs simulator (commit f299af3), which begins a stage when both sides of the one before have ended.
"""

from __future__ import annotations

from sim.config.policy import Policy
from sim.mapping.schedulers.policy import Distance, schedulers


@schedulers.register("lock_step")
class LockStep:
    """See the module docstring."""

    @staticmethod
    def holds(policy: Policy, ahead: Distance) -> bool:
        return ahead.stages > 0 or ahead.regions >= policy.lookahead
