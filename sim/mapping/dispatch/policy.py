"""The interface of dispatch strategies: which of the engines that can execute a region does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

from sim.core.registry import Registry
from sim.hardware.layout import Layout
from sim.mapping.plan import Part, Plan
from sim.mapping.regions import Region


class Moment(NamedTuple):
    """The machine when a region is dispatched. ``ready_ps``: predicted end of what it waits for.

    ``free_ps``: engine -> predicted end of the work it has been given (missing: it has none).
    """

    now_ps: int
    ready_ps: int
    free_ps: Mapping[str, int]

    def finish_ps(self, plan: Plan) -> int:
        """Predicted end of ``plan`` if given to its engine now."""
        start = max(self.now_ps, self.ready_ps, *(self.free_ps.get(engine, 0) for engine in plan.engines))
        return start + plan.predicted_ps


IDLE = Moment(0, 0, MappingProxyType({}))
"""Nothing else is going on."""


Ask = Callable[[Region, str], Part | None]
"""(part of a region, engine) -> the engine's plan for that part; None when it cannot execute it."""


class Dispatcher(Protocol):
    """A strategy; it is asked for a value and does no work. ``rule`` says in words how it decides."""

    rule: ClassVar[str]

    def __init__(self, layout: Layout) -> None: ...

    def choose(self, region: Region, plans: Sequence[Plan], moment: Moment) -> Plan:
        """One of ``plans`` (one per engine that can execute the region, at least two)."""
        ...


@runtime_checkable
class Divider(Dispatcher, Protocol):
    """A strategy that may also divide one region over several engines."""

    def divide(self, region: Region, plans: Sequence[Plan], ask: Ask) -> tuple[Part, ...]:
        """The parts to execute side by side; none when one engine does the whole region."""
        ...


@runtime_checkable
class Narrowing(Protocol):
    """A dispatcher that knows before any plan is made which engines a region belongs to."""

    def first(self, region: Region) -> Callable[[str], bool]:
        """Engines, by name, that are asked for a plan; the others are only where none of these can execute it."""
        ...


dispatchers: Registry[type[Dispatcher]] = Registry("dispatchers", "dispatch strategy")
