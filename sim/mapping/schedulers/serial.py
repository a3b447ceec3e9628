"""``scheduler: serial``: one region at a time, as in simulators that run layer by layer; tiles still overlap inside it."""

from __future__ import annotations

from sim.config.policy import Policy
from sim.mapping.schedulers.policy import Distance, schedulers


@schedulers.register("serial")
class Serial:
    """See the module docstring."""

    @staticmethod
    def holds(policy: Policy, ahead: Distance) -> bool:
        return ahead.regions >= 1
