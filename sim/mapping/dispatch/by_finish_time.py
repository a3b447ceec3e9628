"""``dispatch: by_finish_time``: the engine that is predicted to finish the region first, given what all have to do.

The rule of HEFT (Topcuoglu et al., IEEE TPDS 2002) for regions in program order: start = max(now, operands ready, engine
free); the least start + time wins. Ranking of tasks is left out: regions come in program order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from sim.hardware.layout import Layout
from sim.mapping.dispatch.policy import Moment, dispatchers
from sim.mapping.plan import Plan
from sim.mapping.regions import Region


@dispatchers.register("by_finish_time")
class ByFinishTime:
    """See the module docstring; equal times go to the engine that is named first."""

    rule: ClassVar[str] = "the engine predicted to finish first, given what all have to do"

    def __init__(self, layout: Layout) -> None:
        pass

    def choose(self, region: Region, plans: Sequence[Plan], moment: Moment) -> Plan:
        """As in :class:`~sim.mapping.dispatch.policy.Dispatcher`."""
        return min(plans, key=moment.finish_ps)
