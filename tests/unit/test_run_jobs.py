"""Several jobs on one machine: tensors of the same name are apart, memory is shared, and is given back at the end."""

from __future__ import annotations

from machines import add_gemm, small

from sim.config.architecture import Architecture
from sim.run.jobs import Job, ListedJobs
from sim.run.record import RunRecord
from sim.run.simulate import run_jobs, run_trace
from sim.trace.builder import TraceBuilder
from sim.trace.model import Trace


def one_gemm() -> Trace:
    b = TraceBuilder("one", dtype="int8")
    return b.build(outputs=[add_gemm(b, "g", b.activation("x", (64, 64)), 64, 64, 64)])


def run(machine: Architecture, *arrivals_ps: int) -> RunRecord:
    jobs = [Job(one_gemm(), f"job{place}", arrival_ps=arrival) for place, arrival in enumerate(arrivals_ps)]
    return run_jobs(ListedJobs(jobs), machine)


def test_two_jobs_do_not_wait_for_each_others_tensors() -> None:
    machine = small()
    alone, both = run_trace(one_gemm(), machine).elapsed_ps, run(machine, 0, 0).elapsed_ps
    assert alone < both < 2 * alone
    assert sum(one.macs for one in run(machine, 0, 0).operators) == 2 * 64**3


def test_a_job_starts_when_it_arrives() -> None:
    machine = small()
    alone = run_trace(one_gemm(), machine).elapsed_ps
    assert run(machine, 0, 10**9).elapsed_ps == 10**9 + alone


def test_a_job_waits_for_room_that_an_earlier_one_gives_back() -> None:
    """Memory for one set of weights: the second job begins when the first has ended, and peaks no higher."""
    tight = small(memory="14 KiB")
    alone = run_trace(one_gemm(), tight)
    both = run(tight, 0, 0)
    assert both.elapsed_ps == 2 * alone.elapsed_ps
    assert both.memory == alone.memory
