"""One job in flight: its placement, which is given back when the last of its regions has finished."""

from __future__ import annotations

from collections.abc import Callable

from sim.mapping.placement.policy import Placement
from sim.run.jobs import Job


class JobRun:
    """``number`` tells tensors of the same name in different jobs apart."""

    def __init__(self, number: int, job: Job, placement: Placement) -> None:
        self.number = number
        self.job = job
        self.placement = placement
        self.on_close: list[Callable[[], None]] = []
        self.done = False
        self._active = 0
        self._exhausted = False

    def region_began(self) -> None:
        self._active += 1

    def region_done(self) -> None:
        self._active -= 1
        self._close_if_done()

    def exhausted(self) -> None:
        """No further region of the job will begin."""
        self._exhausted = True
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._exhausted and self._active == 0:
            self.done = True
            self.placement.close()
            for tell in self.on_close:
                tell()
