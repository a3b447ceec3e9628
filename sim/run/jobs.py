"""Jobs and where they come from. A source may produce jobs lazily, while simulated time runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from sim.trace.expand import Event, expand
from sim.trace.model import Trace
from sim.trace.sub_batches import interleaved, merged, sub_batches


@dataclass(frozen=True)
class Job:
    """A trace to execute, when it arrives, and for whom. Jobs run in order of arrival; ``priority`` breaks ties.

    Jobs of one ``model`` share its weights, which stay in memory between them, and come and go as one between tiers.
    ``streams``: the sub-batches that ``trace`` consists of, which take turns (none: the trace as it is).
    """

    trace: Trace
    name: str = "job"
    arrival_ps: int = 0
    tenant: str = ""
    priority: int = 0
    model: str | None = None
    streams: tuple[Trace, ...] = ()

    def in_streams(self, parts: int, split: str = "balanced") -> Job:
        """The same job with its batch in ``parts`` streams, requests dealt as ``split`` says; InputError where it cannot
        be split."""
        if parts == 1:
            return self
        streams = sub_batches(self.trace, parts, split)
        return replace(self, trace=merged(self.trace, streams), streams=streams)

    def events(self) -> Iterator[Event]:
        """Its operators in program order."""
        return interleaved(self.streams) if self.streams else expand(self.trace)


class JobSource(Protocol):
    """Yields jobs in order of arrival."""

    def jobs(self) -> Iterator[Job]: ...

    def models(self) -> Mapping[str, Trace]:
        """Models whose weights live in memory from the start, by name, each with a trace that uses all of them."""
        return {}


class ListedJobs(JobSource):
    """A source with all jobs known beforehand; ``ListedJobs([Job(trace)])`` is the one-job source."""

    def __init__(self, jobs: Iterable[Job], models: Mapping[str, Trace] | None = None) -> None:
        self._jobs = sorted(jobs, key=lambda job: (job.arrival_ps, -job.priority))
        self._models = dict(models or {})

    def jobs(self) -> Iterator[Job]:
        yield from self._jobs

    def models(self) -> Mapping[str, Trace]:
        return self._models
