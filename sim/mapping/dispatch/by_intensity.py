"""``dispatch: by_intensity``: the engine whose roofline gives the region most operations a second.

Intensity = MACs per byte of the weights and caches that the region reads (activations are taken to be on chip). An engine
outside the memories attains min(its peak, intensity x the fastest memory's rate); processing in memory attains its peak,
which is the bound of the banks' own bandwidth, as every vector streams the matrix again there. The roofline of
Williams et al., CACM 2009, applied to each engine. Left out: what the engines have to do already
(``by_finish_time``), and regions without multiplies, which go where they take least time.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import ClassVar

from sim.hardware.layout import Layout
from sim.mapping.dispatch.policy import Moment, dispatchers
from sim.mapping.plan import Plan
from sim.mapping.regions import Region
from sim.trace.work import MatrixWork


@dispatchers.register("by_intensity")
class ByIntensity:
    """See the module docstring; equal rates go to the plan that is predicted to take less time."""

    rule: ClassVar[str] = "the engine whose roofline gives most operations a second"

    def __init__(self, layout: Layout) -> None:
        self._in_memory = {view.path for view in layout.engines if view.memory}
        self._bytes_per_s = max((tier.bytes_per_s for tier in layout.backing), default=Fraction(0))

    def choose(self, region: Region, plans: Sequence[Plan], moment: Moment) -> Plan:
        """As in :class:`~sim.mapping.dispatch.policy.Dispatcher`."""
        work = region.head.work
        macs = work.macs if isinstance(work, MatrixWork) else 0
        slices = [one for _, found in region.head.inputs for one in found if one.tensor.persistent]
        read_bytes = sum(one.size_bytes for one in slices)
        return min(plans, key=lambda plan: (-self._attained(plan, macs, read_bytes), plan.predicted_ps))

    def _attained(self, plan: Plan, macs: int, read_bytes: int) -> Fraction:
        """MACs per second."""
        if not macs:
            return Fraction(0)
        if plan.engine in self._in_memory or not read_bytes:
            return plan.peak_macs_per_s
        return min(plan.peak_macs_per_s, Fraction(macs, read_bytes) * self._bytes_per_s)
