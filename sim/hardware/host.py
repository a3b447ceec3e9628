"""Host: charges a fixed time to launch (and reconfigure for) each region, one after another, ahead of execution.

What it models: a serial queue of launches, so that runs of many small operators show as launch-bound. What it leaves
out: host-side queueing noise, argument marshalling by size. Busy means: a launch is in progress.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from pydantic import Field

from sim.config.fields import DurationPs
from sim.config.spec import ComponentSpec, components
from sim.core.component import Activity, Cause, Component, Context
from sim.core.engine import Phase


class HostSpec(ComponentSpec):
    """YAML keys of ``kind: host``."""

    launch: DurationPs = Field(description="time to launch one region")


@components.register("host")
class Host(Component):
    """The launching processor of a run."""

    Spec = HostSpec

    def __init__(
        self, context: Context, path: str, rank: int, declared: str, spec: HostSpec, hz: Fraction | None
    ) -> None:
        super().__init__(context, path, rank, declared)
        self.launch_ps = spec.launch
        self._lane = self.lane()
        self._queue: list[tuple[Activity, Callable[[], None]]] = []

    def launch(self, activity: Activity, done: Callable[[], None]) -> None:
        """Queue a launch; ``done`` when it has taken its time."""
        self.count(activity.owner, "launches", 1)
        self._lane.assign(self.engine.now)
        self._queue.append((activity, done))
        if len(self._queue) == 1:
            self._start()

    def _start(self) -> None:
        activity, _ = self._queue[0]
        self._lane.begin(self.engine.now, Cause.LAUNCH, activity.owner)
        self.engine.at(self.engine.now + self.launch_ps, self._finish, Phase.FINISH, self.rank)

    def _finish(self) -> None:
        activity, done = self._queue.pop(0)
        self._lane.end(self.engine.now, "launch", activity.owner)
        if self._queue:
            self._start()
        done()
