"""A composition of experts as a job source: many models of one shape in memory, and requests that name one each.

Every request is a job whose model is the expert: the weights of all experts lie in the home tier from the start, and
a residency policy brings those that are asked for (:mod:`sim.run.resident_set`). Requests run in order; with
``interval_ps`` they arrive at that pace, else all wait at the start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sim.core.errors import Problems
from sim.run.jobs import Job, JobSource
from sim.trace.model import Trace


class ExpertRequests(JobSource):
    """``experts`` models that all execute ``trace``, and the expert (0, 1, ...) that each request goes to."""

    def __init__(self, trace: Trace, experts: int, requests: Sequence[int], interval_ps: int = 0) -> None:
        problems = Problems()
        if experts < 1:
            problems.add("a composition needs at least one expert", found=str(experts))
        for place, expert in enumerate(requests):
            if not 0 <= expert < experts:
                problems.add(f"request {place} goes to an expert that does not exist", found=str(expert),
                             allowed=f"0 to {experts - 1}")  # fmt: skip
        problems.raise_if_any()
        self._trace = trace
        self._experts = experts
        self._requests = tuple(requests)
        self._interval_ps = interval_ps

    def jobs(self) -> Iterator[Job]:
        for place, expert in enumerate(self._requests):
            name = self.expert(expert)
            yield Job(self._trace, f"request {place}: {name}", arrival_ps=place * self._interval_ps, model=name)

    def models(self) -> Mapping[str, Trace]:
        return {self.expert(number): self._trace for number in range(self._experts)}

    @staticmethod
    def expert(number: int) -> str:
        """Name of an expert's model."""
        return f"expert_{number}"
