"""``dispatch: by_prediction``: the engine that is predicted to take least time, were it idle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from sim.hardware.layout import Layout
from sim.mapping.dispatch.policy import Moment, dispatchers
from sim.mapping.plan import Plan
from sim.mapping.regions import Region


@dispatchers.register("by_prediction")
class ByPrediction:
    """See the module docstring; equal times go to the engine that is named first."""

    rule: ClassVar[str] = "the engine predicted to take least time, were it idle"

    def __init__(self, layout: Layout) -> None:
        pass

    def choose(self, region: Region, plans: Sequence[Plan], moment: Moment) -> Plan:
        """As in :class:`~sim.mapping.dispatch.policy.Dispatcher`."""
        return min(plans, key=lambda plan: plan.predicted_ps)
