"""``dispatch: by_kind``: by what an operator is, not by how long it takes.

Attention of decoded tokens and matrix-vector products go to processing in memory, everything else to the others, as NPU
and PIM split the work in Heo et al., NeuPIMs, ASPLOS 2024 (section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from sim.hardware.layout import Layout
from sim.mapping.dispatch.policy import Moment, dispatchers
from sim.mapping.plan import Plan
from sim.mapping.regions import Region
from sim.trace.work import MatrixWork

ATTENTION = ("attention_score", "attention_softmax", "attention_value")


@dispatchers.register("by_kind")
class ByKind:
    """See the module docstring."""

    rule: ClassVar[str] = "attention and matrix-vector products to memory, all else beside it"

    def __init__(self, layout: Layout) -> None:
        self._in_memory = {view.path for view in layout.engines if view.memory}

    def choose(self, region: Region, plans: Sequence[Plan], moment: Moment) -> Plan:
        """As in :class:`~sim.mapping.dispatch.policy.Dispatcher`."""
        wanted = self.first(region)
        return min([plan for plan in plans if wanted(plan.engine)] or plans, key=lambda plan: plan.predicted_ps)

    def first(self, region: Region) -> Callable[[str], bool]:
        """As in :class:`~sim.mapping.dispatch.policy.Narrowing`: the search for tiles is spared what goes to memory."""
        work = region.head.work
        vectors = isinstance(work, MatrixWork) and all(segment.m == 1 for segment in work.segments)
        inside = region.head.operator.kind in ATTENTION or vectors
        return lambda engine: (engine in self._in_memory) == inside
