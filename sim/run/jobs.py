"""Jobs and where they come from. A source may produce jobs lazily, while simulated time runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from sim.trace.model import Trace


@dataclass(frozen=True)
class Job:
    """A trace to execute, when it arrives, and for whom. Jobs run in order of arrival; ``priority`` breaks ties."""

    trace: Trace
    name: str = "job"
    arrival_ps: int = 0
    tenant: str = ""
    priority: int = 0


class JobSource(Protocol):
    """Yields jobs in order of arrival."""

    def jobs(self) -> Iterator[Job]: ...


class ListedJobs:
    """A source with all jobs known beforehand; ``ListedJobs([Job(trace)])`` is the one-job source."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._jobs = sorted(jobs, key=lambda job: (job.arrival_ps, -job.priority))

    def jobs(self) -> Iterator[Job]:
        yield from self._jobs
