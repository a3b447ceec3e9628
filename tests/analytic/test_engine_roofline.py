"""A roofline engine keeps to its rooflines, and runs beside a core under each dispatch strategy."""

from __future__ import annotations

import pytest
from gpus import BESIDE, GPU
from machines import gemm, machine

from sim.core.errors import InputError
from sim.mapping.dispatch.policy import dispatchers
from sim.run.simulate import run_trace
from sim.trace.load import load_trace


@pytest.mark.parametrize(("m", "bound"), [(4096, "compute"), (1, "memory")])
def test_time_is_the_roofline_and_the_ends_of_the_pipeline(m: int, bound: str) -> None:
    n = k = 1024
    record = run_trace(gemm(m, n, k), machine(GPU))
    compute_ps = m * n * k * 10**12 / (1e12 * 0.5)
    memory_ps = (m * k + k * n + m * n) * 10**12 / 100e9
    assert (compute_ps > memory_ps) == (bound == "compute")
    longest = max(compute_ps, memory_ps)
    assert longest <= record.elapsed_ps <= longest + (memory_ps + compute_ps) / 4


def test_whole_model_on_a_gpu_alone() -> None:
    record = run_trace(load_trace("gpt2"), machine(GPU.replace("1 GiB", "8 GiB")))
    assert {one.engine for one in record.operators if one.macs} == {"roofline"}
    assert sum(one.macs for one in record.operators) == sum(one.macs_executed for one in record.operators)


@pytest.mark.parametrize("dispatch", dispatchers.names())
def test_every_strategy_executes_everything_once(dispatch: str) -> None:
    trace = load_trace("gpt2")
    record = run_trace(trace, machine(BESIDE.replace("1 GiB", "8 GiB"), policy__dispatch=dispatch))
    assert sum(one.macs_executed for one in record.operators) == sum(one.macs for one in record.operators)


def test_finish_time_uses_both_engines_and_prediction_the_faster_one() -> None:
    text = BESIDE.replace("bf16: 2 TFLOP/s", "bf16: 500 GFLOP/s").replace("1 GiB", "8 GiB")
    runs = {
        name: run_trace(load_trace("bert_base"), machine(text, policy__dispatch=name))
        for name in ("by_prediction", "by_finish_time")
    }
    assert runs["by_finish_time"].elapsed_ps <= runs["by_prediction"].elapsed_ps


def test_bad_shares_and_strategies_are_refused_with_their_place() -> None:
    with pytest.raises(InputError, match=r"machine.yaml:\d+:\d+.*share of peak"):
        machine(GPU.replace("sustained: 0.5", "sustained: 1.5"))
    with pytest.raises(InputError, match="by_finish_time"):
        run_trace(gemm(4, 4, 4), machine(BESIDE, policy__dispatch="by_finish_tim"))
